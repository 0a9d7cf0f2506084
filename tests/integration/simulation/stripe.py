"""What Stripe knows: sessions, payments, invoices, subscriptions, refunds, disputes, and the events that tell of them.

A small Stripe of the simulation's own, so that nothing that is tested stands behind it: each object is what it is, and
changes only when somebody does something at Stripe. Events carry the object as it was at that moment, in Stripe's own
JSON, and go through the product's real translation.
"""

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from paywall_core.facts import Mode, Terms

from .objects import (
    charge_json,
    dispute_json,
    intent_json,
    invoice_json,
    invoice_payment_json,
    refund_json,
    session_json,
    subscription_json,
)

PRICE: Final = 1900
KEPT: Final = timedelta(days=30)


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
        told: how often it was acknowledged.
        is_lost: Stripe does not (or no longer) try to deliver it; it stands in the list all the same.
        under_way: deliveries that have begun and not ended.
    """

    number: int
    id: str
    type: str
    at: datetime
    order_id: UUID
    body: bytes
    told: int = 0
    is_lost: bool = False
    under_way: int = 0


class SimulatedStripe:
    """The account.

    Attributes:
        purchases: by order id.
        events: all, oldest first.
        documents: each object as it was after each change, the newest last.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._ids = 0
        self.purchases: dict[UUID, Purchase] = {}
        self.events: list[StripeEvent] = []
        self.documents: dict[str, list[dict[str, Any]]] = {}

    def now(self) -> datetime:
        """Stripe's clock: whole seconds."""
        return self._now().replace(microsecond=0)

    # What the product asks for.

    def open_session(self, order_id: UUID, terms: Terms, email: str) -> Purchase:
        """Open a checkout; with an order id that is known, the same one (the idempotency key)."""
        known = self.purchases.get(order_id)
        if known is not None:
            return known
        purchase = Purchase(
            order_id=order_id, terms=terms, email=email, session_id=self._id("cs_test"), opened_at=self.now()
        )
        self.purchases[order_id] = purchase
        self._keep(session_json(purchase))
        return purchase

    # What customers, their banks and time do.

    def pay(self, purchase: Purchase, *, is_delayed: bool = False, is_trial: bool = False) -> None:
        """The customer goes through the checkout."""
        purchase.status = "complete"
        if purchase.is_subscription:
            purchase.subscription_id = self._id("sub")
            start = self.now()
            self._bill(purchase, start, start + timedelta(days=7 if is_trial else 30), 0 if is_trial else PRICE)
            self._tell("customer.subscription.created", purchase, subscription_json(purchase))
            self._tell("checkout.session.completed", purchase, session_json(purchase))
            self.collect(purchase.invoices[-1])
            return
        purchase.payment = self._payment(purchase, PRICE)
        purchase.is_processing = is_delayed
        if not is_delayed:
            purchase.payment.paid_at = self.now()
        self._keep(intent_json(purchase.payment))
        self._tell("checkout.session.completed", purchase, session_json(purchase))

    def settle(self, purchase: Purchase, *, is_paid: bool) -> None:
        """A delayed method's money comes, or does not."""
        assert purchase.payment is not None
        purchase.is_processing = False
        if is_paid:
            purchase.payment.paid_at = self.now()
        kind = "succeeded" if is_paid else "failed"
        self._keep(intent_json(purchase.payment))
        self._tell(f"checkout.session.async_payment_{kind}", purchase, session_json(purchase))

    def expire(self, purchase: Purchase) -> None:
        """Nobody paid in time. Of a session that was paid Stripe says so by mistake, and it changes nothing."""
        purchase.expiries += 1
        if purchase.status == "open":
            purchase.status = "expired"
        self._tell("checkout.session.expired", purchase, session_json(purchase))

    def renew(self, purchase: Purchase, *, is_paid: bool) -> None:
        """A period is over: the next one is billed, and paid or not."""
        last = purchase.invoices[-1]
        self._bill(purchase, last.end, last.end + timedelta(days=30), PRICE)
        if is_paid:
            self.collect(purchase.invoices[-1])
        else:
            purchase.subscription_status = "past_due"
            self._tell("invoice.payment_failed", purchase, invoice_json(purchase.invoices[-1]))
        self._tell("customer.subscription.updated", purchase, subscription_json(purchase))

    def collect(self, invoice: Invoice) -> None:
        """An open invoice is paid."""
        purchase = invoice.purchase
        invoice.status, invoice.paid_at = "paid", self.now()
        purchase.subscription_status = "active"
        if invoice.amount:
            invoice.payment = self._payment(purchase, invoice.amount)
            invoice.payment.paid_at, invoice.payment.invoice = invoice.paid_at, invoice
            self._keep(intent_json(invoice.payment))
        self._tell("invoice.paid", purchase, invoice_json(invoice))
        if invoice.payment is not None:
            self._tell("invoice_payment.paid", purchase, invoice_payment_json(invoice.payment))

    def give_up(self, invoice: Invoice) -> None:
        """Nobody asks for this money any more."""
        invoice.status = "void"
        self._tell("invoice.voided", invoice.purchase, invoice_json(invoice))

    def plan_end(self, purchase: Purchase, *, is_planned: bool) -> None:
        """The customer cancels at the portal, or thinks better of it."""
        purchase.cancel_at_period_end = is_planned
        self._tell("customer.subscription.updated", purchase, subscription_json(purchase))

    def end(self, purchase: Purchase) -> None:
        """The subscription is over."""
        purchase.ended_at, purchase.subscription_status = self.now(), "canceled"
        self._tell("customer.subscription.deleted", purchase, subscription_json(purchase))

    def refund(self, payment: Payment, amount: int, *, status: str) -> None:
        """Money goes back, in whole or in part."""
        refund = Refund(id=self._id("re"), payment=payment, amount=amount, status=status)
        payment.refunds.append(refund)
        self._tell("refund.created", payment.purchase, refund_json(refund))
        self._tell("charge.refunded", payment.purchase, charge_json(payment))

    def move_refund(self, refund: Refund, status: str) -> None:
        """A refund went through, or failed."""
        refund.status = status
        self._keep(charge_json(refund.payment))
        kind = "refund.failed" if status == "failed" else "refund.updated"
        self._tell(kind, refund.payment.purchase, refund_json(refund))

    def dispute(self, payment: Payment, status: str) -> None:
        """A bank asks (`warning_needs_response`), or takes the money (`needs_response`)."""
        dispute = Dispute(id=self._id("dp"), payment=payment, status=status)
        payment.disputes.append(dispute)
        self._tell("charge.dispute.created", payment.purchase, dispute_json(dispute))

    def move_dispute(self, dispute: Dispute, status: str) -> None:
        """A dispute goes on, or is decided."""
        dispute.status = status
        is_over = status in ("won", "lost", "warning_closed", "prevented")
        kind = "charge.dispute.closed" if is_over else "charge.dispute.updated"
        self._tell(kind, dispute.payment.purchase, dispute_json(dispute))

    # What is on record.

    def listed(self, since: datetime, until: datetime, *, lag: timedelta = timedelta()) -> list[StripeEvent]:
        """Events of that stretch, oldest first; a list that lags lacks the newest."""
        known_since, known_until = self.now() - KEPT, self.now() - lag
        return [
            e
            for e in self.events
            if max(since.replace(microsecond=0), known_since) <= e.at < until and e.at <= known_until
        ]

    def invoice_of(self, intent_id: str) -> str | None:
        """The invoice that a payment intent paid."""
        for purchase in self.purchases.values():
            for payment in purchase.payments:
                if payment.id == intent_id and payment.invoice is not None:
                    return payment.invoice.id
        return None

    def _bill(self, purchase: Purchase, start: datetime, end: datetime, amount: int) -> None:
        purchase.invoices.append(Invoice(id=self._id("in"), purchase=purchase, start=start, end=end, amount=amount))
        self._keep(invoice_json(purchase.invoices[-1]))

    def _payment(self, purchase: Purchase, amount: int) -> Payment:
        return Payment(purchase=purchase, id=self._id("pi"), charge_id=self._id("ch"), amount=amount)

    def _id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}_{self._ids:04d}"

    def _keep(self, document: dict[str, Any]) -> None:
        self.documents.setdefault(document["id"], []).append(document)

    def _tell(self, kind: str, purchase: Purchase, document: dict[str, Any]) -> None:
        """Something happened: an event of it, with the object as it is now."""
        self._keep(document)
        self._keep(session_json(purchase))
        number, at = len(self.events), self.now()
        event_id = f"evt_{number:04d}"
        body = msgspec.json.encode(
            {
                "id": event_id,
                "object": "event",
                "type": kind,
                "created": int(at.timestamp()),
                "data": {"object": document},
            }
        )
        self.events.append(
            StripeEvent(number=number, id=event_id, type=kind, at=at, order_id=purchase.order_id, body=body)
        )


BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a history begins."""


def sign(body: bytes, at: int, secret: bytes = b"whsec_simulation") -> str:
    """Stripe's signature over a delivery: its header."""
    signature = hmac.new(secret, f"{at}.".encode() + body, "sha256").hexdigest()
    return f"t={at},v1={signature}"
