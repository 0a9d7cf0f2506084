"""What Stripe knows: sessions, payments, invoices, subscriptions, refunds, disputes, and the events that tell of them.

A small Stripe of the simulation's own, so that nothing that is tested stands behind it: each object is what it is, and
changes only when somebody does something at Stripe. Events carry the object as it was at that moment, in Stripe's own
JSON, and go through the product's real translation.
"""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from paywall_core.facts import Terms

from .objects import (
    charge_json,
    dispute_json,
    intent_json,
    invoice_json,
    invoice_payment_json,
    older_charge_json,
    older_invoice_json,
    older_subscription_json,
    refund_json,
    session_json,
    subscription_json,
)
from .records import BEGIN, KEPT, PRICE, Dispute, Invoice, Payment, Purchase, Refund, StripeEvent, Version

__all__ = ["BEGIN", "Purchase", "SimulatedStripe", "StripeEvent", "sign"]


class SimulatedStripe:
    """The account.

    Attributes:
        interval: of the price of a subscription: so long is a period.
        version: the shapes in which it tells of things.
        lateness: how late events of a type set out.
        latency: how long its answers take now, in seconds.
        purchases: by order id.
        events: all, oldest first.
        documents: each object as it was after each change, the newest last.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._ids = 0
        self.interval = timedelta(days=30)
        self.version = Version.TODAY
        self.lateness: dict[str, timedelta] = {}
        self.latency = 0.0
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

    def pay(self, purchase: Purchase, *, is_delayed: bool = False, trial: timedelta | None = None) -> None:
        """The customer goes through the checkout. A trial asks for no money, and so for no delayed method."""
        purchase.status = "complete"
        purchase.is_processing = is_delayed and trial is None
        if purchase.is_subscription:
            purchase.subscription_id = self._id("sub")
            start = self.now()
            self._bill(purchase, start, start + (trial or self.interval), PRICE if trial is None else 0)
            first = purchase.invoices[-1]
            if not purchase.is_processing:
                self._mark_paid(first)
            self._tell_subscription("customer.subscription.created", purchase)
            self._tell("checkout.session.completed", purchase, session_json(purchase))
            if not purchase.is_processing:
                self._tell_paid(first)
            return
        purchase.payment = self._payment(purchase, PRICE)
        if not purchase.is_processing:
            purchase.payment.paid_at = self.now()
        self._keep(intent_json(purchase.payment))
        self._tell("checkout.session.completed", purchase, session_json(purchase))

    def settle(self, purchase: Purchase, *, is_paid: bool) -> None:
        """A delayed method's money comes, or does not."""
        purchase.is_processing = False
        kind = "succeeded" if is_paid else "failed"
        if purchase.payment is not None:
            purchase.payment.paid_at = self.now() if is_paid else None
            self._keep(intent_json(purchase.payment))
        elif is_paid:
            self.collect(purchase.invoices[0])
        else:
            self._tell_invoice("invoice.payment_failed", purchase.invoices[0])
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
        self._bill(purchase, last.end, last.end + self.interval, PRICE)
        if is_paid:
            self.collect(purchase.invoices[-1])
        else:
            purchase.subscription_status = "past_due"
            self._tell_invoice("invoice.payment_failed", purchase.invoices[-1])
        self._tell_subscription("customer.subscription.updated", purchase)

    def collect(self, invoice: Invoice) -> None:
        """An open invoice is paid."""
        self._mark_paid(invoice)
        self._tell_paid(invoice)

    def _mark_paid(self, invoice: Invoice) -> None:
        purchase = invoice.purchase
        invoice.status, invoice.paid_at = "paid", self.now()
        purchase.subscription_status = "active"
        if invoice.amount:
            invoice.payment = self._payment(purchase, invoice.amount)
            invoice.payment.paid_at, invoice.payment.invoice = invoice.paid_at, invoice
            self._keep(intent_json(invoice.payment))
        self._keep(invoice_json(invoice))

    def _tell_paid(self, invoice: Invoice) -> None:
        self._tell_invoice("invoice.paid", invoice)
        if invoice.payment is not None and self.version is not Version.OLDER:
            link = invoice_payment_json(invoice.payment)
            self._tell("invoice_payment.paid", invoice.purchase, link, about=invoice.id)

    def give_up(self, invoice: Invoice) -> None:
        """Nobody asks for this money any more."""
        invoice.status = "void"
        self._tell_invoice("invoice.voided", invoice)

    def plan_end(self, purchase: Purchase, *, is_planned: bool) -> None:
        """The customer cancels at the portal, or thinks better of it."""
        purchase.cancel_at_period_end = is_planned
        self._tell_subscription("customer.subscription.updated", purchase)

    def end(self, purchase: Purchase) -> None:
        """The subscription is over."""
        purchase.ended_at, purchase.subscription_status = self.now(), "canceled"
        self._tell_subscription("customer.subscription.deleted", purchase)

    def refund(self, payment: Payment, amount: int, *, status: str) -> None:
        """Money goes back, in whole or in part."""
        refund = Refund(id=self._id("re"), payment=payment, amount=amount, status=status)
        payment.refunds.append(refund)
        self._tell("refund.created", payment.purchase, refund_json(refund))
        self._tell("charge.refunded", payment.purchase, charge_json(payment), older_charge_json(payment))

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
        known = self.documents.setdefault(document["id"], [])
        if not known or known[-1] != document:
            known.append(document)

    def _tell_invoice(self, kind: str, invoice: Invoice) -> None:
        self._tell(kind, invoice.purchase, invoice_json(invoice), older_invoice_json(invoice))

    def _tell_subscription(self, kind: str, purchase: Purchase) -> None:
        self._tell(kind, purchase, subscription_json(purchase), older_subscription_json(purchase))

    def _tell(
        self,
        kind: str,
        purchase: Purchase,
        document: dict[str, Any],
        older: dict[str, Any] | None = None,
        *,
        about: str | None = None,
    ) -> None:
        """Something happened: an event of it, with the object as it is now; `older`: as it was shaped until 2025."""
        self._keep(document)
        self._keep(session_json(purchase))
        number, at = len(self.events), self.now()
        event_id = f"evt_{number:04d}"

        def told_with(subject: dict[str, Any]) -> bytes:
            created, data = int(at.timestamp()), {"object": subject}
            return msgspec.json.encode(
                {"id": event_id, "object": "event", "type": kind, "created": created, "data": data}
            )

        is_older = older is not None and self.version is Version.OLDER
        self.events.append(
            StripeEvent(
                number=number,
                id=event_id,
                type=kind,
                at=at,
                order_id=purchase.order_id,
                about=about or document["id"],
                body=told_with(older if older and is_older else document),
                other=told_with(older) if older and self.version is Version.BOTH else None,
                not_before=at + self.lateness[kind] if kind in self.lateness else None,
            )
        )


def sign(body: bytes, at: int, secret: bytes = b"whsec_simulation") -> str:
    """Stripe's signature over a delivery: its header."""
    signature = hmac.new(secret, f"{at}.".encode() + body, "sha256").hexdigest()
    return f"t={at},v1={signature}"
