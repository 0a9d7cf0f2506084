"""Subscriptions that are paused, and those that go on while nobody collects their money. Two things at Stripe.

A paused one (`status`) bills nothing until it is resumed; one whose collection is paused stays as it is, and each of
its invoices is voided, given up or left a draft.
"""

from typing import Final, Literal, TypeAlias

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.endings import live_subscription
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.intervals import period_from
from entrypoints.sandbox.stripe.invoices import Invoices
from entrypoints.sandbox.stripe.world import World

Uncollected: TypeAlias = Literal["keep_as_draft", "mark_uncollectible", "void"]
_CAN_PAUSE: Final = ("active", "trialing")


class Pauses:
    """Pauses and resumes, and says so in events."""

    def __init__(self, world: World, invoices: Invoices) -> None:
        self._world = world
        self._invoices = invoices

    def pause(self, subscription_id: str) -> Document:
        """Nothing is billed from now on.

        Raises:
            StripeRefusal: it is neither active nor in a trial.
        """
        sub = live_subscription(self._world, subscription_id)
        if sub["status"] not in _CAN_PAUSE:
            raise StripeRefusal(f"The subscription is {sub['status']}.")
        for bill in self._invoices.drafts_of(sub):
            self._invoices.stop(bill)
        self._world.update("customer.subscription.updated", sub, status="paused")
        self._world.emit("customer.subscription.paused", sub)
        return sub

    def resume(self, subscription_id: str, *, succeeds: bool = True) -> Document:
        """The customer has left a card, and a new period begins now; while it is not paid, the pause goes on.

        Raises:
            StripeRefusal: it is not paused.
        """
        sub = live_subscription(self._world, subscription_id)
        if sub["status"] != "paused":
            raise StripeRefusal("The subscription is not paused.")
        now = self._world.now()
        items = [period_from(item, now) for item in sub["items"]["data"]]
        self._world.update(
            "customer.subscription.updated",
            sub,
            billing_cycle_anchor=now,
            default_payment_method=sub["default_payment_method"] or self._world.ids.new("pm"),
            items={**sub["items"], "data": items},
        )
        bill = self._invoices.draft(sub, reason="subscription_update")
        self._invoices.announce(bill)
        self._invoices.finalize(bill)
        if succeeds:
            self._invoices.collect(bill)
            self.finish_resuming(sub)
        else:
            self._invoices.decline(bill, retry_at=None)
        return sub

    def finish_resuming(self, sub: Document) -> None:
        """What it resumes with is paid."""
        self._world.update("customer.subscription.updated", sub, status="active")
        self._world.emit("customer.subscription.resumed", sub)

    def pause_collection(self, subscription_id: str, *, behavior: Uncollected = "void") -> Document:
        """Periods go on, and nobody pays for them."""
        return self._collection(subscription_id, {"behavior": behavior, "resumes_at": None})

    def resume_collection(self, subscription_id: str) -> Document:
        """The next period is paid for again."""
        return self._collection(subscription_id, None)

    def _collection(self, subscription_id: str, paused: Document | None) -> Document:
        sub = live_subscription(self._world, subscription_id)
        self._world.update("customer.subscription.updated", sub, pause_collection=paused)
        return sub
