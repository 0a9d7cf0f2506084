"""What a subscription means to us: how it stands, when it is planned to end, that it has ended. Pure.

Access follows from what was paid. Of a subscription only its end is a fact that counts; the rest is an outlook, for
notices and for people. A subscription whose collection is paused (`pause_collection`) is active all the same at Stripe;
nothing renews it meanwhile, so that its outlook is `paused`, as after a trial that ended without a payment method.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from adapters.stripe.shapes import Events, StripeDocument, moment, text
from paywall_core.errors import InvalidPayload
from paywall_core.events import SubscriptionEnded, SubscriptionUpdated
from paywall_core.facts import SubscriptionStatus

_STATUSES: Final = {
    "incomplete": SubscriptionStatus.INCOMPLETE,
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "unpaid": SubscriptionStatus.UNPAID,
    "paused": SubscriptionStatus.PAUSED,
    "canceled": SubscriptionStatus.ENDED,
    "incomplete_expired": SubscriptionStatus.ENDED,
}


def subscription_changed(subscription: StripeDocument, at: datetime) -> Events:
    """How it stands at the event's moment, and its end where it has ended; a planned end can be undone."""
    subscription_id = text(subscription, "id")
    status = _STATUSES.get(str(subscription.get("status")))
    if status is None:
        raise InvalidPayload("status: no status of a subscription")
    if status is SubscriptionStatus.ACTIVE and isinstance(subscription.get("pause_collection"), Mapping):
        status = SubscriptionStatus.PAUSED
    updated = SubscriptionUpdated(
        subscription_id=subscription_id, as_of=at, status=status, cancels_at=_cancels_at(subscription)
    )
    if status is not SubscriptionStatus.ENDED:
        return (updated,)
    ended_at = subscription.get("ended_at")
    ended = SubscriptionEnded(
        subscription_id=subscription_id, ended_at=at if ended_at is None else moment(ended_at, "ended_at")
    )
    return (updated, ended)


def _cancels_at(subscription: StripeDocument) -> datetime | None:
    """When it is planned to end: said outright, or the end of its period."""
    cancel_at = subscription.get("cancel_at")
    if cancel_at is not None:
        return moment(cancel_at, "cancel_at")
    return _period_end(subscription) if subscription.get("cancel_at_period_end") is True else None


def _period_end(subscription: StripeDocument) -> datetime | None:
    """On each item now, on the subscription itself before 2025."""
    items = subscription.get("items")
    data = items.get("data") if isinstance(items, Mapping) else None
    ends = [
        moment(item["current_period_end"], "items.data.current_period_end")
        for item in (data if isinstance(data, list) else [])
        if isinstance(item, Mapping) and item.get("current_period_end") is not None
    ]
    if not ends and subscription.get("current_period_end") is not None:
        ends = [moment(subscription["current_period_end"], "current_period_end")]
    return max(ends, default=None)
