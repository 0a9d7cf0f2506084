"""A challenge: somebody says that an e-mail address is theirs, and is asked for the code that was mailed to it.

One challenge is live for an address at a time, known or unknown: so that nobody can tell the two apart. Pure: the clock
and the challenge's random id are arguments. The limits are the contract's.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from paywall_core.errors import CodeRequestedTooSoon

CODE_LIFETIME: Final = timedelta(minutes=10)
"""How long a code can be used."""

MAX_TRIES: Final = 5
"""How many answers to one challenge are compared."""

RESEND_INTERVAL: Final = timedelta(seconds=60)
"""The time between two codes for one address."""

MAX_CODES_PER_HOUR: Final = 5
"""Codes for one address in any hour."""

_HOUR: Final = timedelta(hours=1)


class RestoreChallenge(Struct, frozen=True, kw_only=True):
    """The challenge of one address.

    Attributes:
        address: in the form in which addresses are compared (`email_key`).
        id: random; the code is derived from it.
        issued: when codes were asked for in the last hour, the oldest first; the last one is this challenge's own.
        tries: answers taken so far, counted before they are compared.
        spent: the right answer was given.
    """

    address: str
    id: UUID
    issued: tuple[datetime, ...]
    tries: int = 0
    spent: bool = False

    @property
    def issued_at(self) -> datetime:
        """When this challenge began."""
        return self.issued[-1]

    def is_open(self, now: datetime) -> bool:
        """Whether an answer may still be compared."""
        # Issued later than now: by a clock that ran ahead. Nobody knows how old it is.
        is_fresh = self.issued_at <= now + RESEND_INTERVAL and now < self.issued_at + CODE_LIFETIME
        return not self.spent and self.tries < MAX_TRIES and is_fresh

    def tried(self) -> "RestoreChallenge":
        """After one more answer."""
        return structs.replace(self, tries=self.tries + 1)

    def solved(self) -> "RestoreChallenge":
        """After the right answer: it cannot be given again."""
        return structs.replace(self, spent=True)


def next_challenge(
    previous: RestoreChallenge | None, *, address: str, challenge_id: UUID, now: datetime
) -> RestoreChallenge:
    """A new challenge for an address; the one before it is over, right or wrong.

    Raises:
        CodeRequestedTooSoon: the last code is too young, or there were too many in the last hour.
    """
    # A code that was issued later than now was issued by a clock that ran ahead: it holds nobody up.
    before = previous.issued if previous else ()
    issued = tuple(at for at in before if now < at + _HOUR and at <= now + RESEND_INTERVAL)
    free_at = max(
        [at + RESEND_INTERVAL for at in issued[-1:]]
        + [at + _HOUR for at in issued[-MAX_CODES_PER_HOUR:][:1] if len(issued) >= MAX_CODES_PER_HOUR],
        default=now,
    )
    if now < free_at:
        raise CodeRequestedTooSoon(retry_after_seconds=(free_at - now).total_seconds())
    return RestoreChallenge(address=address, id=challenge_id, issued=(*issued, now))
