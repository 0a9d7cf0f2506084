"""What the simulated Stripe keeps: purchases with all that came of them, and the events that were told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from paywall_core.facts import Mode, Terms

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a history begins."""

PRICE: Final = 1900
KEPT: Final = timedelta(days=30)


class Version(StrEnum):
    """In which shapes Stripe tells its events: a webhook endpoint has a version of Stripe's API, and keeps it."""

    TODAY = "today's"
    OLDER = "those before March 2025"
    BOTH = "either: the account moves to today's, and has an endpoint of each meanwhile"


@dataclass(kw_only=True, eq=False)
class Refund:
    """Money that goes back."""

    id: str
    payment: "Payment"
    amount: int
    status: str = "pending"


@dataclass(kw_only=True, eq=False)
class Dispute:
    """A customer's bank asks, or takes the money back."""

    id: str
    payment: "Payment"
    status: str


@dataclass(kw_only=True, eq=False)
class Payment:
    """A payment intent and its one charge. `paid_at` None: the money has not come."""

    purchase: "Purchase"
    id: str
    charge_id: str
    amount: int
    paid_at: datetime | None = None
    invoice: "Invoice | None" = None
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)

    @property
    def refunded(self) -> int:
        """What went back, or is on its way."""
        return sum(refund.amount for refund in self.refunds if refund.status in ("pending", "succeeded"))


@dataclass(kw_only=True, eq=False)
class Invoice:
    """A subscription's bill for one period."""

    id: str
    purchase: "Purchase"
    start: datetime
    end: datetime
    amount: int
    status: str = "open"
    paid_at: datetime | None = None
    payment: Payment | None = None


@dataclass(kw_only=True, eq=False)
class Purchase:
    """A checkout session, and all that came of it. `order_id` is the product's, from the session's metadata."""

    order_id: UUID
    terms: Terms
    session_id: str
    email: str
    opened_at: datetime
    status: str = "open"
    expiries: int = 0
    payment: Payment | None = None  # of a one-time purchase
    is_processing: bool = False  # a delayed method: the customer has done everything, the money has not come
    renews: bool | None = None  # whether the next renewals are paid; None: as it happens
    subscription_id: str | None = None
    subscription_status: str = "active"
    cancel_at_period_end: bool = False
    ended_at: datetime | None = None
    invoices: list[Invoice] = field(default_factory=list)

    @property
    def is_subscription(self) -> bool:
        """How it is paid."""
        return self.terms.mode is Mode.SUBSCRIPTION

    @property
    def payments(self) -> Iterator[Payment]:
        """All that was paid with money."""
        if self.payment is not None and self.payment.paid_at is not None:
            yield self.payment
        yield from (i.payment for i in self.invoices if i.payment is not None)

    @property
    def is_live(self) -> bool:
        """A subscription that goes on."""
        return self.subscription_id is not None and self.ended_at is None


@dataclass(kw_only=True, eq=False)
class StripeEvent:
    """One event, and what became of its delivery.

    Attributes:
        about: id of the object in it, or of the invoice that is paid.
        other: the same event in the shape of the other version, where there are two.
        not_before: an event that is late sets out then.
        told: how often it was acknowledged.
        is_lost: Stripe does not (or no longer) try to deliver it; it stands in the list all the same.
        under_way: deliveries that have begun and not ended.
    """

    number: int
    id: str
    type: str
    at: datetime
    order_id: UUID
    about: str
    body: bytes
    other: bytes | None = None
    not_before: datetime | None = None
    told: int = 0
    is_lost: bool = False
    under_way: int = 0
