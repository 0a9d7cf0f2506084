"""What is true of one order, in a few obvious words: the oracle of the walks. Shares no code with the product's policy.

It knows which of the provider's words have been taken in, which account holds which version of the token, and what the
operator said last. Everything else is read off that.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification


class Pays(Struct, frozen=True, kw_only=True):
    """Money for a stretch of time; `grace_until`: what a living subscription gives on top of it."""

    payment: str
    until: datetime
    grace_until: datetime
    provisional: bool = False


class Fails(Struct, frozen=True, kw_only=True):
    """A payment was tried in vain."""

    payment: str


class GivesBack(Struct, frozen=True, kw_only=True):
    """All of a payment goes back to the customer."""

    refund: str
    payment: str
    told_of: bool = True  # by the refund itself, not only by its charge


class Bounces(Struct, frozen=True, kw_only=True):
    """A refund did not arrive: the money is ours again."""

    refund: str


class Disputes(Struct, frozen=True, kw_only=True):
    """The bank takes a payment back until it has decided."""

    dispute: str
    payment: str


class Wins(Struct, frozen=True, kw_only=True):
    """A dispute is decided for us."""

    dispute: str


class Ends(Struct, frozen=True, kw_only=True):
    """The subscription is over: no grace from then on."""

    at: datetime


class Completes(Struct, frozen=True, kw_only=True):
    """The customer went through the checkout."""


class RunsOut(Struct, frozen=True, kw_only=True):
    """The customer did not go through the checkout in time."""


Meaning: TypeAlias = Pays | Fails | GivesBack | Bounces | Disputes | Wins | Ends | Completes | RunsOut


class Word(Struct, frozen=True, kw_only=True):
    """One event of the provider: what the product gets, and what it means, said by hand."""

    notification: PaymentNotification
    means: tuple[Meaning, ...]

    @property
    def id(self) -> str:
        """The provider's id of it."""
        return self.notification.event_id or ""


Words: TypeAlias = Mapping[str, Word]
"""The provider's words of a script, by their ids."""


class Truth(Struct, frozen=True, kw_only=True):
    """What is true.

    Attributes:
        now: the clock.
        heard: ids of the provider's words that were taken in.
        version: the token's version.
        holder: the account that redeemed last.
        held: the version that it redeemed.
        revoked: the operator's last word is to revoke.
        said: how often the operator said something.
        code_until: until when the one-time code may be answered.
        proven: it was.
    """

    now: datetime
    code_until: datetime
    heard: frozenset[str] = frozenset()
    version: int = 1
    holder: int | None = None
    held: int = 0
    revoked: bool = False
    said: int = 0
    proven: bool = False


def connected(words: Words, truth: Truth) -> frozenset[str]:
    """Which words are known to be about our order: they name it, or share an id with one that is."""
    rest = [words[one] for one in sorted(truth.heard)]
    ids: set[str] = set()
    ours: set[str] = set()
    while True:
        found = [w for w in rest if w.notification.order_id is not None or ids & set(w.notification.references)]
        if not found:
            return frozenset(ours)
        for word in found:
            ids.update(word.notification.references)
            ours.add(word.id)
        rest = [word for word in rest if word not in found]


class Account(Struct, frozen=True, kw_only=True):
    """What the words that were connected come to, money by money.

    Attributes:
        paid: the payments that count.
        void: the ids of those among them that do not stand.
        failed: payments that were tried in vain and never came.
        given_back: refunds that live, of payments that came, and that their own word told of.
        under_dispute: disputes of payments that came, not decided.
        ended_at: when the subscription ended.
        completed, ran_out: how the checkout ended.
    """

    paid: Mapping[str, Pays]
    void: frozenset[str]
    failed: frozenset[str]
    given_back: frozenset[str]
    under_dispute: frozenset[str]
    ended_at: datetime | None
    completed: bool
    ran_out: bool

    def end(self, pays: Pays) -> datetime:
        """Until when one payment gives access."""
        if self.ended_at is None:
            return pays.grace_until
        return max(pays.until, min(pays.grace_until, self.ended_at))

    @property
    def standing(self) -> list[Pays]:
        """The payments that stand."""
        return [pays for key, pays in self.paid.items() if key not in self.void]

    def covers(self, now: datetime) -> bool:
        """Whether money that stands reaches over this moment."""
        return any(now < self.end(pays) for pays in self.standing)

    @property
    def withdrawn(self) -> bool:
        """Whether it was taken back money that reached furthest."""
        furthest = max((pays.until for pays in self.standing), default=None)
        return any(furthest is None or pays.until > furthest for key, pays in self.paid.items() if key in self.void)


def account(words: Words, truth: Truth) -> Account:
    """Sum up the words that are known to be about the order."""
    meanings = [meaning for key in sorted(connected(words, truth)) for meaning in words[key].means]
    every = {one.payment: one for one in meanings if isinstance(one, Pays)}
    paid = {key: pays for key, pays in every.items() if not pays.provisional} or every
    bounced = {one.refund for one in meanings if isinstance(one, Bounces)}
    won = {one.dispute for one in meanings if isinstance(one, Wins)}
    alive = [one for one in meanings if isinstance(one, GivesBack) and one.refund not in bounced]
    open_ = [one for one in meanings if isinstance(one, Disputes) and one.dispute not in won]
    return Account(
        paid=paid,
        void=frozenset({one.payment for one in alive} | {one.payment for one in open_}),
        failed=frozenset(one.payment for one in meanings if isinstance(one, Fails)) - every.keys(),
        given_back=frozenset(one.refund for one in alive if one.told_of and one.payment in every),
        under_dispute=frozenset(one.dispute for one in open_ if one.payment in every),
        ended_at=_first(one.at for one in meanings if isinstance(one, Ends)),
        completed=any(isinstance(one, Completes) for one in meanings),
        ran_out=any(isinstance(one, RunsOut) for one in meanings),
    )


def _first(moments: Iterable[datetime]) -> datetime | None:
    return min(moments, default=None)


def true_state(sums: Account, truth: Truth) -> State:
    """How the order stands."""
    if truth.revoked:
        return State.REVOKED
    if not sums.paid:
        return State.EXPIRED if sums.ran_out and not sums.completed else State.PENDING
    if sums.covers(truth.now):
        return State.TOKEN_ISSUED if truth.holder is None else State.ACTIVE
    return State.REVOKED if sums.withdrawn else State.EXPIRED
