"""How subscriptions end: now, at their period's end, or never begun. Knows no renewal."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.intervals import period_end
from entrypoints.sandbox.stripe.invoices import Invoices
from entrypoints.sandbox.stripe.timeline import Due
from entrypoints.sandbox.stripe.world import World

_INCOMPLETE_SECONDS: Final = 23 * 3600  # a first payment has 23 hours to come
_ENDED: Final = ("canceled", "incomplete_expired")


class Endings:
    """Ends subscriptions, and says so in events."""

    def __init__(self, world: World, invoices: Invoices) -> None:
        self._world = world
        self._invoices = invoices
        self._failed_at: dict[str, int] = {}

    def plan_cancellation(self, subscription_id: str, *, planned: bool, metadata: dict[str, str]) -> Document:
        """Cancel at the period's end, or take that back."""
        sub = live_subscription(self._world, subscription_id)
        merged = {key: value for key, value in {**sub["metadata"], **metadata}.items() if value}
        reason = "cancellation_requested" if planned else None
        self._world.update(
            "customer.subscription.updated",
            sub,
            cancel_at=period_end(sub) if planned else None,
            cancel_at_period_end=planned,
            canceled_at=(sub["canceled_at"] or self._world.now()) if planned else None,
            cancellation_details={"comment": None, "feedback": None, "reason": reason},
            metadata=merged,
        )
        return sub

    def cancel(self, subscription_id: str, *, reason: str | None = "cancellation_requested") -> Document:
        """End it now. What is still owed stays owed, but Stripe no longer tries to collect it."""
        sub = live_subscription(self._world, subscription_id)
        if sub["status"] == "incomplete":
            return self.expire_incomplete(subscription_id)
        now = self._world.now()
        sub.update(
            canceled_at=sub["canceled_at"] or now,
            cancellation_details={"comment": None, "feedback": None, "reason": reason},
            ended_at=now,
            status="canceled",
        )
        self._world.emit("customer.subscription.deleted", sub)
        for bill in (*self._invoices.drafts_of(sub), *self._invoices.unpaid_of(sub)):
            self._invoices.stop(bill)
        return sub

    def expire_incomplete(self, subscription_id: str) -> Document:
        """Its first payment never came. Stripe tells of this end as an update.

        Raises:
            StripeRefusal: it has begun.
        """
        sub = live_subscription(self._world, subscription_id)
        if sub["status"] != "incomplete":
            raise StripeRefusal("The subscription has begun.")
        now = self._world.now()
        self._world.update(
            "customer.subscription.updated", sub, canceled_at=now, ended_at=now, status="incomplete_expired"
        )
        for bill in self._invoices.unpaid_of(sub):
            self._invoices.void(bill)
        return sub

    def wait_no_more(self, sub: Document) -> None:
        """The debit on its way has failed, perhaps long after the 23 hours: it cannot have ended before."""
        self._failed_at[sub["id"]] = self._world.now()

    def due(self) -> Iterable[Due]:
        """The first payments that are awaited in vain; a debit on its way keeps its subscription waiting."""
        for sub in self._world.where("subscription", status="incomplete"):
            bill = self._world.find("invoice", sub["latest_invoice"])
            intent = self._invoices.intent_of(bill) if bill else None
            if intent is None or intent["status"] != "processing":
                at = max(sub["created"] + _INCOMPLETE_SECONDS, self._failed_at.get(sub["id"], 0))
                yield Due(at, partial(self.expire_incomplete, sub["id"]))


def live_subscription(world: World, subscription_id: str) -> Document:
    """One that has not ended.

    Raises:
        StripeRefusal: `resource_missing`.
    """
    sub = world.get("subscription", subscription_id)
    if sub["status"] in _ENDED:
        raise StripeRefusal(f"No such subscription: '{subscription_id}'", status=404, code="resource_missing")
    return sub
