"""A subscription's invoices: drafted, finalized, paid, not paid, voided, given up. Knows no subscription's status."""

from typing import Final

from entrypoints.sandbox.stripe import billing_objects as objects
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.payments import Payments
from entrypoints.sandbox.stripe.world import World

_UNPAID: Final = ("open", "uncollectible")
_STOPPED: Final[Document] = {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}
_DESCRIPTIONS: Final = {"subscription_create": "Subscription creation"}


class Invoices:
    """Moves invoices and the payments beneath them, and says so in events."""

    def __init__(self, world: World, payments: Payments) -> None:
        self._world = world
        self._payments = payments

    def draft(self, sub: Document, *, reason: str, free: bool = False) -> Document:
        """An invoice for the subscription's current period; nothing is said of it yet."""
        customer = self._world.get("customer", sub["customer"])
        bill = self._world.put(objects.invoice(self._world, sub, customer, reason=reason, free=free))
        sub["latest_invoice"] = bill["id"]
        return bill

    def announce(self, bill: Document) -> None:
        """Say that it was drafted."""
        self._world.emit("invoice.created", bill)

    def finalize(self, bill: Document) -> None:
        """A draft gets its number and can be paid."""
        customer = self._world.get("customer", bill["customer"])
        now = self._world.now()
        bill.update(
            automatically_finalizes_at=None,
            effective_at=now,
            number=f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}",
            starting_balance=0,
            ending_balance=0,
            status="open",
        )
        bill["status_transitions"]["finalized_at"] = now
        customer["next_invoice_sequence"] += 1
        self._world.emit("invoice.finalized", bill)

    def collect(self, bill: Document) -> None:
        """The card pays."""
        if bill["amount_due"]:
            self._payments.succeed_at_once(self._intent(bill), email=bill["customer_email"])
        bill["attempt_count"] += 1
        self.paid(bill)

    def begin_debit(self, bill: Document) -> None:
        """A bank debit is on its way."""
        self._payments.begin(self._intent(bill), email=bill["customer_email"])

    def settle_debit(self, bill: Document, *, succeeds: bool) -> None:
        """What the bank debit came to."""
        self._payments.finish(self._intent(bill), succeeds=succeeds)
        bill.update(attempt_count=1, attempted=True)
        if succeeds:
            self.paid(bill)
        else:
            self._world.emit("invoice.payment_failed", bill)

    def decline(self, bill: Document, *, retry_at: int | None, needs_action: bool = False) -> None:
        """The card does not pay, or its bank wants to see the customer first; the next try is at `retry_at`."""
        intent = self._intent(bill)
        if needs_action:
            self._payments.require_action(intent)
        else:
            self._payments.decline(intent, email=bill["customer_email"])
        bill.update(attempt_count=bill["attempt_count"] + 1, attempted=True, next_payment_attempt=retry_at)
        if needs_action:
            self._world.emit("invoice.payment_action_required", bill)
        self._world.emit("invoice.payment_failed", bill)

    def paid(self, bill: Document) -> None:
        """It is paid, and its payment is linked to it."""
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
        links = self._world.where("invoice_payment", invoice=bill["id"])
        for link in links:
            link.update(amount_paid=link["amount_requested"], status="paid")
            link["status_transitions"]["paid_at"] = now
        self._world.emit("invoice.paid", bill)
        self._world.emit("invoice.payment_succeeded", bill)
        for link in links:
            self._world.emit("invoice_payment.paid", link)

    def void(self, bill: Document) -> None:
        """As if it had never been.

        Raises:
            StripeRefusal: it is a draft, paid or void.
        """
        self._end(bill, "void", "voided_at", "invoice.voided", allowed=_UNPAID)

    def mark_uncollectible(self, bill: Document) -> None:
        """Nobody expects its money any more.

        Raises:
            StripeRefusal: it is not open.
        """
        self._end(bill, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible", allowed=("open",))

    def stop(self, bill: Document) -> None:
        """Stripe does no more with it by itself."""
        self._world.update("invoice.updated", bill, **_STOPPED)

    def unpaid_of(self, sub: Document) -> list[Document]:
        """The subscription's invoices that could still be paid, oldest first."""
        return [one for one in self._of(sub) if one["status"] in _UNPAID]

    def drafts_of(self, sub: Document) -> list[Document]:
        """The subscription's drafts, oldest first."""
        return [one for one in self._of(sub) if one["status"] == "draft"]

    def intent_of(self, bill: Document) -> Document | None:
        """What pays it, once somebody has tried."""
        links = self._world.where("invoice_payment", invoice=bill["id"])
        return self._world.find("payment_intent", links[0]["payment"]["payment_intent"]) if links else None

    def _of(self, sub: Document) -> list[Document]:
        mine = self._world.where("invoice", customer=sub["customer"])
        return [one for one in mine if subscription_id_of(one) == sub["id"]]

    def _intent(self, bill: Document) -> Document:
        """The intent that pays an invoice; a subscription's metadata is not on it, as at Stripe."""
        known = self.intent_of(bill)
        if known is not None:
            return known
        intent = self._payments.open_intent(
            amount=bill["amount_due"],
            currency=bill["currency"],
            customer_id=bill["customer"],
            metadata={},
            description=_DESCRIPTIONS.get(bill["billing_reason"], "Subscription update"),
            methods=["card", "sepa_debit"],
        )
        self._world.put(objects.invoice_payment(self._world, bill, intent))
        return intent

    def _end(self, bill: Document, status: str, moment: str, event: str, *, allowed: tuple[str, ...]) -> None:
        if bill["status"] not in allowed:
            raise StripeRefusal(f"Invoice is {bill['status']}.", code="invoice_not_editable")
        bill.update(_STOPPED, status=status)
        bill["status_transitions"][moment] = self._world.now()
        self._world.emit(event, bill)


def subscription_id_of(bill: Document) -> str:
    """Whose invoice it is."""
    return str(bill["parent"]["subscription_details"]["subscription"])
