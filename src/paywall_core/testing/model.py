"""What ought to be true, worked out the obvious way: a list of all that the provider said, and which of it arrived.

Written apart from `policy.py` and `lifecycle.py` on purpose: the state machine holds the one against the other. Here
nothing merges and nothing is ranked. Of an object that changed, the provider's last word among those that arrived is
the one that counts, because here we know in which order it spoke.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct, field

from paywall_core.events import (
    ChargeRefunded,
    DisputeUpdated,
    PaymentEvent,
    PaymentLinked,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
)
from paywall_core.facts import DisputeStatus, Mode, RefundStatus, Terms
from paywall_core.notification import PaymentNotification

PRICE_MINOR: Final = 1000
"""What every payment costs here, in minor units."""

_NEVER_ENDS: Final = datetime(9000, 1, 1, tzinfo=UTC)
_PERIOD_UNKNOWN: Final = timedelta(hours=48)
_TAKES_THE_MONEY: Final = (DisputeStatus.OPEN, DisputeStatus.LOST)
_MONEY_STAYED: Final = (RefundStatus.FAILED, RefundStatus.CANCELLED)


class Purchase(Struct, kw_only=True, eq=False):
    """One purchase: its order, what the provider has done about it, and what its customer and the operator did.

    Attributes:
        order_id, session_id, plan, terms, email: as they were bought.
        checked_out, expired, ended: what the provider did with its checkout, and with its subscription.
        payments: payment intents of what was paid, oldest first.
        refunded: how much of each payment goes back, as the provider has it.
        period_end: the end of the last paid period of a subscription.
        version: the token's version now.
        redeemed: who redeemed last, and which version; None: nobody.
        revoked: the operator's last word is to revoke.
        was_owed: a link was owed at some time.
    """

    order_id: UUID
    session_id: str
    plan: str
    terms: Terms
    email: str
    checked_out: bool = False
    expired: bool = False
    ended: bool = False
    payments: list[str] = field(default_factory=list)
    period_end: datetime | None = None
    refunded: dict[str, int] = field(default_factory=dict)
    version: int = 1
    redeemed: tuple[int, int] | None = None
    revoked: bool = False
    was_owed: bool = False

    def __repr__(self) -> str:
        return f"<{self.plan} of {self.email}>"

    @property
    def subscription_id(self) -> str:
        """The provider's id of its subscription."""
        return f"sub_{self.order_id.hex}"

    @property
    def user(self) -> int | None:
        """The Telegram user who redeemed last."""
        return None if self.redeemed is None else self.redeemed[1]


class Challenge(Struct, kw_only=True):
    """The one-time code that was asked for last with an address.

    Attributes:
        issued_at: when.
        mails: how many codes had been mailed to the address before.
        tries: answers so far.
        spent: the right answer was given.
    """

    issued_at: datetime
    mails: int
    tries: int = 0
    spent: bool = False

    def is_open(self, now: datetime) -> bool:
        """Whether the right answer would still count: for ten minutes, five times, and once."""
        return not self.spent and self.tries < 5 and now < self.issued_at + timedelta(minutes=10)  # noqa: PLR2004


class Model:
    """Everything that was bought and said.

    Attributes:
        purchases: all of them, in the order of time.
        said: all that the provider ever said about them, in the order in which it said so.
        arrived: ids of what reached the service; a look-up's answer counts as something said.
        foreign: ids of what the provider said about something that is none of ours.
        challenges: by address.
    """

    def __init__(self) -> None:
        self.purchases: list[Purchase] = []
        self.said: list[PaymentNotification] = []
        self.arrived: set[str] = set()
        self.foreign: set[str] = set()
        self.challenges: dict[str, Challenge] = {}

    def known(self, purchase: Purchase) -> list[PaymentEvent]:
        """What the service knows of a purchase: all that arrived and leads to it, by our id or from id to id."""
        arrived = [said for said in self.said if said.event_id in self.arrived]
        ids = {purchase.session_id}
        found: set[str] = set()
        while True:
            more = {
                said.event_id or ""
                for said in arrived
                if said.event_id not in found and (said.order_id == purchase.order_id or ids & set(said.references))
            }
            if not more:
                return [event for said in arrived if said.event_id in found for event in said.events]
            found |= more
            ids |= {one for said in arrived if said.event_id in more for one in said.references}

    def is_paid_for(self, purchase: Purchase, now: datetime) -> bool:
        """Whether a payment that stands covers now, as far as the service can know, and the operator lets it count."""
        return not purchase.revoked and any(now < end for end in self._ends(purchase))

    def was_ever_paid(self, purchase: Purchase) -> bool:
        """Whether any payment of it arrived."""
        return any(isinstance(event, PaymentSucceeded) for event in self.known(purchase))

    def lets_in(self, user: int, now: datetime) -> bool:
        """Whether this Telegram user has access now."""
        return any(one.user == user and self.is_paid_for(one, now) for one in self.purchases)

    def _ends(self, purchase: Purchase) -> Iterator[datetime]:
        """Until when each payment that stands gives access."""
        events = self.known(purchase)
        payments = [event for event in events if isinstance(event, PaymentSucceeded)]
        real = [payment for payment in payments if not payment.provisional]
        ended_at = min((event.ended_at for event in events if isinstance(event, SubscriptionEnded)), default=None)
        for payment in real or payments:
            if not _is_taken_back(events, payment.payment_id):
                yield _end(purchase.terms, payment, ended_at)


def _end(terms: Terms, payment: PaymentSucceeded, ended_at: datetime | None) -> datetime:
    if terms.mode is Mode.ONE_TIME:
        return _NEVER_ENDS if terms.duration_days is None else payment.paid_at + timedelta(days=terms.duration_days)
    if payment.period is None:
        return payment.paid_at + _PERIOD_UNKNOWN
    with_grace = payment.period.end + timedelta(seconds=terms.grace_seconds)
    return with_grace if ended_at is None else max(payment.period.end, min(with_grace, ended_at))


def _is_taken_back(events: Sequence[PaymentEvent], payment_id: str) -> bool:
    """Whether the money of a payment went back whole, or is in dispute or lost."""
    names = {payment_id}
    for event in events:
        if isinstance(event, PaymentSucceeded | PaymentLinked) and event.payment_id == payment_id:
            names.add(event.payment_intent_id or payment_id)
    refunds = {
        event.refund_id: event for event in events if isinstance(event, RefundUpdated) and event.payment in names
    }
    disputes = {
        event.dispute_id: event for event in events if isinstance(event, DisputeUpdated) and event.payment in names
    }
    charges = [event.refunded_minor for event in events if isinstance(event, ChargeRefunded) and event.payment in names]
    went_back = sum(one.amount.amount_minor for one in refunds.values() if one.status not in _MONEY_STAYED)
    stayed = sum(one.amount.amount_minor for one in refunds.values() if one.status in _MONEY_STAYED)
    refunded = max(went_back, max(charges, default=0) - stayed)
    return refunded >= PRICE_MINOR or any(one.status in _TAKES_THE_MONEY for one in disputes.values())
