"""Subscriptions and their invoices: begun, paid, not paid. What a period's end brings is in the modules beside."""

from typing import Any, Final

from entrypoints.sandbox.stripe import billing_objects as objects
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.dunning import Dunning
from entrypoints.sandbox.stripe.endings import Endings
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.invoices import Invoices, subscription_id_of
from entrypoints.sandbox.stripe.pauses import Pauses
from entrypoints.sandbox.stripe.payments import Payments
from entrypoints.sandbox.stripe.periods import Periods
from entrypoints.sandbox.stripe.world import World
from entrypoints.sandbox.troubles import Troubles

_SHORT_TRIAL_DAYS: Final = 3


class Billing:
    """Begins subscriptions and moves their invoices, and says so in events."""

    def __init__(self, world: World, payments: Payments, troubles: Troubles) -> None:
        self._world = world
        self.invoices = Invoices(world, payments)
        self.endings = Endings(world, self.invoices)
        self.dunning = Dunning(world, self.invoices, self.endings, troubles)
        self.pauses = Pauses(world, self.invoices)
        self.periods = Periods(
            world,
            invoices=self.invoices,
            endings=self.endings,
            dunning=self.dunning,
            pauses=self.pauses,
            troubles=troubles,
        )

    def begin(
        self, customer: Document, *, trial_days: int | None, delayed: bool, has_method: bool = True, **fields: Any
    ) -> Document:
        """A subscription with its first invoice, paid by card at once, or on its way.

        Args:
            customer: whose.
            trial_days: for how many days nothing is paid.
            delayed: the first payment comes by a bank debit.
            has_method: the customer leaves a way to pay for what comes later.
            fields: see `billing_objects.subscription`.
        """
        sub = objects.subscription(
            self._world,
            customer_id=customer["id"],
            status="trialing" if trial_days else "incomplete" if delayed else "active",
            trial_days=trial_days,
            payment_method=self._world.ids.new("pm") if has_method else None,
            **fields,
        )
        self._world.put(sub)
        bill = self.invoices.draft(sub, reason="subscription_create", free=bool(trial_days))
        self._world.emit("customer.subscription.created", sub)
        self.invoices.announce(bill)
        self.invoices.finalize(bill)
        if bill["amount_due"] == 0:
            self.invoices.paid(bill)
        elif delayed:
            self.invoices.begin_debit(bill)
        else:
            self.invoices.collect(bill)
        if trial_days and trial_days <= _SHORT_TRIAL_DAYS:
            self.periods.notice_trial(sub)
        return sub

    def settle_first(self, sub: Document, *, succeeds: bool) -> None:
        """What the delayed first payment came to; without it the subscription stays incomplete until it expires."""
        self.invoices.settle_debit(self._world.get("invoice", sub["latest_invoice"]), succeeds=succeeds)
        if sub["status"] != "incomplete":
            return
        if succeeds:
            self._world.update("customer.subscription.updated", sub, status="active")
        else:
            self.endings.wait_no_more(sub)

    def pay_invoice(self, invoice_id: str) -> Document:
        """An invoice is paid after all, and its subscription is good again, unless it has ended. Returns the invoice.

        Raises:
            StripeRefusal: it is a draft, paid or void.
        """
        bill = self._world.get("invoice", invoice_id)
        if bill["status"] not in ("open", "uncollectible"):
            raise StripeRefusal("Invoice is not open.", code="invoice_not_editable")
        with self._world.no_request():
            self.invoices.collect(bill)
            self._mend(bill)
        return bill

    def void_invoice(self, invoice_id: str) -> Document:
        """The seller takes an invoice back; nothing is owed for it, and nothing was paid. Returns the invoice.

        Raises:
            StripeRefusal: it is a draft, paid or void.
        """
        bill = self._world.get("invoice", invoice_id)
        sub = self._world.get("subscription", subscription_id_of(bill))
        if sub["status"] == "incomplete":
            self.endings.expire_incomplete(sub["id"])  # which voids it
        else:
            self.invoices.void(bill)
            self._mend(bill)
        return bill

    def mark_uncollectible(self, invoice_id: str) -> Document:
        """The seller gives an invoice up. Returns the invoice.

        Raises:
            StripeRefusal: it is not open.
        """
        bill = self._world.get("invoice", invoice_id)
        self.invoices.mark_uncollectible(bill)
        self._mend(bill)
        return bill

    def _mend(self, bill: Document) -> None:
        """A subscription is as good as what is still open."""
        sub = self._world.get("subscription", subscription_id_of(bill))
        if any(one["status"] == "open" for one in self.invoices.unpaid_of(sub)):
            return
        if sub["status"] in ("past_due", "unpaid", "incomplete"):
            self._world.update("customer.subscription.updated", sub, status="active")
        elif sub["status"] == "paused" and bill["status"] == "paid" and bill["id"] == sub["latest_invoice"]:
            self.pauses.finish_resuming(sub)
