"""Subscriptions and their invoices: begun, renewed, not paid, cancelled. Knows no checkout."""

from typing import Any, Final

from entrypoints.sandbox.stripe import billing_objects as objects
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.payments import Payments
from entrypoints.sandbox.stripe.world import World

_INCOMPLETE_SECONDS: Final = 23 * 3600  # a first payment has 23 hours to come
_RETRY_SECONDS: Final = 3 * 86_400
_ENDED: Final = ("canceled", "incomplete_expired")


class Billing:
    """Moves subscriptions and invoices, and says so in events."""

    def __init__(self, world: World, payments: Payments) -> None:
        self._world = world
        self._payments = payments
        world.before_reading.append(self._expire_incomplete)

    def begin(self, customer: Document, *, trial_days: int | None, delayed: bool, **fields: Any) -> Document:
        """A subscription with its first invoice, paid by card at once, or on its way."""
        status = "trialing" if trial_days else "incomplete" if delayed else "active"
        sub = objects.subscription(
            self._world, customer_id=customer["id"], status=status, trial_days=trial_days, **fields
        )
        self._world.put(sub)
        bill = self._draft(sub, customer, reason="subscription_create", free=bool(trial_days))
        self._world.emit("customer.subscription.created", sub)
        self._bill(bill)
        if bill["amount_due"] == 0:
            self._paid(bill)
        elif delayed:
            self._payments.begin(self._intent(bill, sub), email=customer["email"])
        else:
            self._collect(bill, sub)
        return sub

    def settle_first(self, sub: Document, *, succeeds: bool) -> None:
        """What the delayed first payment came to; without it the subscription stays incomplete until it expires."""
        bill = self._world.get("invoice", sub["latest_invoice"])
        self._payments.finish(self._intent_of(bill), succeeds=succeeds)
        bill.update(attempt_count=1, attempted=True)
        if succeeds:
            self._paid(bill)
            if sub["status"] == "incomplete":
                self._world.update("customer.subscription.updated", sub, status="active")
        else:
            self._world.emit("invoice.payment_failed", bill)

    def renew(self, subscription_id: str, *, succeeds: bool = True) -> Document:
        """The period is over: the next one is billed, or a planned cancellation comes true. Returns the subscription.

        Raises:
            StripeRefusal: it has ended or never began.
        """
        sub = self._live(subscription_id)
        if sub["status"] == "incomplete":
            raise StripeRefusal("The subscription's first payment has not come yet.")
        if sub["cancel_at_period_end"]:
            return self.cancel(subscription_id)
        with self._world.no_request():
            items = [self._next_period(item) for item in sub["items"]["data"]]
            status = "active" if sub["status"] == "trialing" else sub["status"]
            changed = {**sub["items"], "data": items}
            self._world.update("customer.subscription.updated", sub, items=changed, status=status)
            customer = self._world.get("customer", sub["customer"])
            bill = self._draft(sub, customer, reason="subscription_cycle", free=False)
            self._bill(bill)
            if succeeds:
                self._collect(bill, sub)
                self._world.update("customer.subscription.updated", sub, status="active")
            else:
                self._fail(bill, sub)
        return sub

    def pay_invoice(self, invoice_id: str) -> Document:
        """A retry that succeeds: the open invoice is paid and the subscription is good again."""
        bill = self._world.get("invoice", invoice_id)
        if bill["status"] != "open":
            raise StripeRefusal("Invoice is not open.", code="invoice_not_editable")
        sub = self._world.get("subscription", bill["parent"]["subscription_details"]["subscription"])
        with self._world.no_request():
            self._collect(bill, sub)
            if sub["status"] in ("past_due", "unpaid", "incomplete"):
                self._world.update("customer.subscription.updated", sub, status="active")
        return bill

    def plan_cancellation(self, subscription_id: str, *, planned: bool, metadata: dict[str, str]) -> Document:
        """Cancel at the period's end, or take that back."""
        sub = self._live(subscription_id)
        end = max(item["current_period_end"] for item in sub["items"]["data"])
        merged = {key: value for key, value in {**sub["metadata"], **metadata}.items() if value}
        reason = "cancellation_requested" if planned else None
        self._world.update(
            "customer.subscription.updated",
            sub,
            cancel_at=end if planned else None,
            cancel_at_period_end=planned,
            canceled_at=(sub["canceled_at"] or self._world.now()) if planned else None,
            cancellation_details={"comment": None, "feedback": None, "reason": reason},
            metadata=merged,
        )
        return sub

    def cancel(self, subscription_id: str, *, reason: str = "cancellation_requested") -> Document:
        """End it now."""
        sub = self._live(subscription_id)
        now = self._world.now()
        ended = "incomplete_expired" if sub["status"] == "incomplete" else "canceled"
        changes = {
            "canceled_at": sub["canceled_at"] or now,
            "cancellation_details": {"comment": None, "feedback": None, "reason": reason},
            "ended_at": now,
            "status": ended,
        }
        if ended == "incomplete_expired":  # Stripe tells of this end as an update
            self._world.update("customer.subscription.updated", sub, **changes)
        else:
            sub.update(changes)
            self._world.emit("customer.subscription.deleted", sub)
        for bill in self._world.where("invoice", status="open"):
            if bill["parent"]["subscription_details"]["subscription"] == sub["id"]:
                self._void(bill)
        return sub

    def _void(self, bill: Document) -> None:
        bill["status"] = "void"
        bill["status_transitions"]["voided_at"] = self._world.now()
        self._world.emit("invoice.voided", bill)

    def _live(self, subscription_id: str) -> Document:
        sub = self._world.get("subscription", subscription_id)
        if sub["status"] in _ENDED:
            raise StripeRefusal(f"No such subscription: '{subscription_id}'", status=404, code="resource_missing")
        return sub

    def _next_period(self, item: Document) -> Document:
        start, recurring = item["current_period_end"], item["price"]["recurring"]
        end = objects.after(start, recurring["interval"], recurring["interval_count"])
        return {**item, "current_period_start": start, "current_period_end": end}

    def _draft(self, sub: Document, customer: Document, *, reason: str, free: bool) -> Document:
        bill = self._world.put(objects.invoice(self._world, sub, customer, reason=reason, free=free))
        customer["next_invoice_sequence"] += 1
        sub["latest_invoice"] = bill["id"]
        return bill

    def _bill(self, bill: Document) -> None:
        self._world.emit("invoice.created", bill)
        customer = self._world.get("customer", bill["customer"])
        now = self._world.now()
        bill.update(
            effective_at=now,
            number=f"{customer['invoice_prefix']}-{customer['next_invoice_sequence'] - 1:04d}",
            starting_balance=0,
            ending_balance=0,
            status="open",
        )
        bill["status_transitions"]["finalized_at"] = now
        self._world.emit("invoice.finalized", bill)

    def _intent(self, bill: Document, sub: Document) -> Document:
        """The intent that pays an invoice; a subscription's metadata is not on it, as at Stripe."""
        opened = self._world.where("invoice_payment", invoice=bill["id"])
        if opened:
            return self._intent_of(bill)
        intent = self._payments.open_intent(
            amount=bill["amount_due"],
            currency=bill["currency"],
            customer_id=sub["customer"],
            metadata={},
            description="Subscription creation"
            if bill["billing_reason"] == "subscription_create"
            else "Subscription update",
            methods=["card", "sepa_debit"],
        )
        self._world.put(objects.invoice_payment(self._world, bill, intent))
        return intent

    def _intent_of(self, bill: Document) -> Document:
        link = self._world.where("invoice_payment", invoice=bill["id"])[0]
        return self._world.get("payment_intent", link["payment"]["payment_intent"])

    def _collect(self, bill: Document, sub: Document) -> None:
        self._payments.succeed_at_once(self._intent(bill, sub), email=bill["customer_email"])
        bill.update(attempt_count=bill["attempt_count"] + 1, attempted=True)
        self._paid(bill)

    def _fail(self, bill: Document, sub: Document) -> None:
        self._payments.decline(self._intent(bill, sub), email=bill["customer_email"])
        bill.update(
            attempt_count=bill["attempt_count"] + 1,
            attempted=True,
            next_payment_attempt=self._world.now() + _RETRY_SECONDS,
        )
        self._world.emit("invoice.payment_failed", bill)
        self._world.update("customer.subscription.updated", sub, status="past_due")

    def _paid(self, bill: Document) -> None:
        now = self._world.now()
        bill.update(
            amount_paid=bill["amount_due"],
            amount_remaining=0,
            attempted=True,
            auto_advance=False,
            next_payment_attempt=None,
            status="paid",
        )
        bill["status_transitions"]["paid_at"] = now
        for link in self._world.where("invoice_payment", invoice=bill["id"]):
            link.update(amount_paid=link["amount_requested"], status="paid")
            link["status_transitions"]["paid_at"] = now
        self._world.emit("invoice.paid", bill)
        self._world.emit("invoice.payment_succeeded", bill)
        for link in self._world.where("invoice_payment", invoice=bill["id"]):
            self._world.emit("invoice_payment.paid", link)

    def _expire_incomplete(self) -> None:
        overdue = self._world.now() - _INCOMPLETE_SECONDS
        for sub in self._world.where("subscription", status="incomplete"):
            processing = [
                link
                for link in self._world.where("invoice_payment", invoice=sub["latest_invoice"])
                if (self._world.find("payment_intent", link["payment"]["payment_intent"]) or {}).get("status")
                == "processing"
            ]
            # A debit on its way keeps it waiting. The end is set first: what follows reads again.
            if sub["created"] <= overdue and not processing:
                sub.update(status="incomplete_expired", ended_at=self._world.now(), canceled_at=self._world.now())
                with self._world.no_request():
                    self._world.emit("customer.subscription.updated", sub, {"status": "incomplete", "ended_at": None})
