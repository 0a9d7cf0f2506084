"""What goes wrong, how often, and drawn from the seed.

Each history has a profile of its own: some kinds strike in it and some do not, some often and some rarely. A history in
which everything goes wrong all the time comes nowhere; one in which a single kind strikes often finds what only that
kind can find.
"""

import random
from collections import Counter
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """The kinds."""

    DIED = "a process died at an await"
    DIED_BEFORE_COMMIT = "a process died before a commit"
    DIED_AFTER_COMMIT = "a process died after a commit"
    STATEMENT_FAILED = "a statement failed"
    COMMIT_FAILED = "a commit failed and nothing was stored"
    COMMIT_UNKNOWN = "a commit was stored and its answer was lost"
    STRIPE_FAILED = "a call to Stripe failed before it took effect"
    STRIPE_ANSWER_LOST = "a call to Stripe took effect and its answer was lost"
    STRIPE_STALE = "Stripe answered with a stale snapshot"
    WEBHOOK_LATE = "a webhook came an hour late or more"
    WEBHOOK_TWICE = "a webhook came again"
    WEBHOOK_REORDERED = "a webhook came before an older one"
    WEBHOOK_LOST = "a webhook never came"
    ACKNOWLEDGEMENT_LOST = "a webhook's acknowledgement was lost"
    MAIL_FAILED = "a mail was refused"
    MAIL_ANSWER_LOST = "a mail went out and the answer was lost"
    CHAT_FAILED = "a message to the chat was refused"
    CHAT_ANSWER_LOST = "a message to the chat went out and the answer was lost"
    TRACKER_FAILED = "a report to the tracker was refused"
    TRACKER_ANSWER_LOST = "a report to the tracker arrived and the answer was lost"
    SLOW = "a delivery outlasted its lease"
    CLOCK_AHEAD = "the machine's clock ran ahead"
    CLOCK_BEHIND = "the machine's clock ran behind"
    RACED = "processes interleaved"
    TOGETHER = "webhooks shared a transaction"
    DELIVERED_TOGETHER = "deliveries shared a transaction"


_RATES: Final = (0.02, 0.06, 0.2)
_AT_EACH_STATEMENT: Final = {Fault.DIED: 0.1, Fault.STATEMENT_FAILED: 0.1}  # many chances: a small part of the rate
OUTSIDE: Final = frozenset(
    {
        Fault.STRIPE_FAILED,
        Fault.STRIPE_ANSWER_LOST,
        Fault.STRIPE_STALE,
        Fault.MAIL_FAILED,
        Fault.MAIL_ANSWER_LOST,
        Fault.CHAT_FAILED,
        Fault.CHAT_ANSWER_LOST,
        Fault.TRACKER_FAILED,
        Fault.TRACKER_ANSWER_LOST,
        Fault.SLOW,
        Fault.ACKNOWLEDGEMENT_LOST,
    }
)
"""What goes wrong on the way out of a process and on the way in, while the process itself runs well."""

_OUTSIDE_RATES: Final = (0.15, 0.4, 0.7)  # few chances in a history
_SHARE: Final = 0.5  # of all histories, that a kind strikes in
_LARGER_SHARE: Final = 0.65
_OFTEN: Final = OUTSIDE | {Fault.WEBHOOK_LOST, Fault.CLOCK_AHEAD, Fault.CLOCK_BEHIND}


class Faults:
    """Decides what goes wrong in one history.

    Attributes:
        struck: how often each kind did.
        rates: how likely each kind is, each time that it could strike; a kind that is not there never does.
    """

    def __init__(self, choice: random.Random) -> None:
        self._choice = choice
        self.struck: Counter[Fault] = Counter()
        self.rates = {
            kind: choice.choice(_OUTSIDE_RATES if kind in OUTSIDE else _RATES)
            for kind in Fault
            if choice.random() < (_LARGER_SHARE if kind in _OFTEN else _SHARE)
        }
        for kind, part in _AT_EACH_STATEMENT.items():
            if kind in self.rates:
                self.rates[kind] *= part

    @classmethod
    def none(cls) -> "Faults":
        """Nothing goes wrong."""
        faults = cls(random.Random(0))  # noqa: S311  - nothing is drawn
        faults.end()
        return faults

    def strikes(self, kind: Fault) -> bool:
        """Whether this goes wrong now. Draws nothing for a kind that never strikes here."""
        rate = self.rates.get(kind)
        if rate is None or self._choice.random() >= rate:
            return False
        self.struck[kind] += 1
        return True

    def happened(self, kind: Fault) -> None:
        """It was done by a step of its own."""
        self.struck[kind] += 1

    def end(self) -> None:
        """From now on nothing goes wrong any more."""
        self.rates = {}
