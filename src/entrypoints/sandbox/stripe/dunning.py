"""What follows when a subscription's invoice is not paid: retries, and at last the end of them."""

from collections.abc import Iterable
from functools import partial
from typing import Final, Literal

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.endings import Endings, live_subscription
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.invoices import Invoices
from entrypoints.sandbox.stripe.timeline import Due
from entrypoints.sandbox.stripe.world import World
from entrypoints.sandbox.troubles import Troubles

RETRIES: Final = 3
RETRY_SECONDS: Final = 3 * 86_400


class Dunning:
    """Tries again every three days, three times. `last_resort` is what the seller's settings say comes then."""

    def __init__(self, world: World, invoices: Invoices, endings: Endings, troubles: Troubles) -> None:
        self.last_resort: Literal["cancel", "mark_unpaid"] = "cancel"
        self._world = world
        self._invoices = invoices
        self._endings = endings
        self._troubles = troubles

    def fail(self, sub: Document, bill: Document, *, needs_action: bool = False) -> None:
        """A try that did not pay: past due, or the last resort when it was the last one."""
        is_last = bill["attempt_count"] >= RETRIES
        retry_at = None if is_last else self._world.now() + RETRY_SECONDS
        self._invoices.decline(bill, retry_at=retry_at, needs_action=needs_action)
        if not is_last:
            self._world.update("customer.subscription.updated", sub, status="past_due")
        elif self.last_resort == "cancel":
            self._endings.cancel(sub["id"], reason="payment_failed")
        else:
            self._world.update("customer.subscription.updated", sub, status="unpaid")

    def retry(self, subscription_id: str, *, succeeds: bool = True) -> Document:
        """The next try of the invoice that is past due; returns the subscription.

        Raises:
            StripeRefusal: the subscription is not past due.
        """
        sub = live_subscription(self._world, subscription_id)
        bills = [one for one in self._invoices.unpaid_of(sub) if one["status"] == "open"]
        if sub["status"] != "past_due" or not bills:
            raise StripeRefusal("The subscription is not past due.")
        with self._world.no_request():
            self._try(sub, bills[-1], succeeds=succeeds)
        return sub

    def mark_unpaid(self, subscription_id: str) -> Document:
        """The retries are over, and the seller's settings keep the subscription: nothing more is collected.

        Raises:
            StripeRefusal: the subscription is not past due.
        """
        sub = live_subscription(self._world, subscription_id)
        if sub["status"] != "past_due":
            raise StripeRefusal("The subscription is not past due.")
        with self._world.no_request():
            for bill in self._invoices.unpaid_of(sub):
                self._invoices.stop(bill)
            self._world.update("customer.subscription.updated", sub, status="unpaid")
        return sub

    def due(self) -> Iterable[Due]:
        """The retries."""
        for sub in self._world.where("subscription", status="past_due"):
            for bill in self._invoices.unpaid_of(sub):
                if bill["next_payment_attempt"] is not None:
                    yield Due(bill["next_payment_attempt"], partial(self._retry_by_itself, sub, bill))

    def _retry_by_itself(self, sub: Document, bill: Document) -> None:
        self._try(sub, bill, succeeds=not self._troubles.renewals_fail)

    def _try(self, sub: Document, bill: Document, *, succeeds: bool) -> None:
        if succeeds:
            self._invoices.collect(bill)
            self._world.update("customer.subscription.updated", sub, status="active")
        else:
            self.fail(sub, bill)
