"""Subscriptions: how one stands, when it is planned to end, that it has ended."""

from typing import Any, Final

import pytest

from adapters.stripe.translate import notification_of
from paywall_core.errors import InvalidPayload
from paywall_core.events import SubscriptionEnded, SubscriptionUpdated
from paywall_core.facts import SubscriptionStatus
from tests.unit.adapters.stripe.rows import AT, CREATED, ORDER, OURS, Row, Shape, event, moment, name_of, without


def subscription(*, ends: tuple[int, ...] = (10,), **changes: Any) -> Shape:
    """An active one today: its period is on its items."""
    items = [{"id": f"si_{end}", "current_period_start": CREATED, "current_period_end": CREATED + end} for end in ends]
    return {
        "id": "sub_1",
        "object": "subscription",
        "status": "active",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "customer": "cus_1",
        "items": {"object": "list", "data": items},
        "latest_invoice": "in_1",
        "metadata": OURS,
        "pause_collection": None,
        **changes,
    }


def old(**changes: Any) -> Shape:
    """The same until 2025: its period is its own."""
    shape = without(subscription(), "items")
    items = {"object": "list", "data": [{"id": "si_1"}]}
    return {**shape, "items": items, "current_period_start": CREATED, "current_period_end": CREATED + 10, **changes}


def stands(status: str = "active", cancels_in: int | None = None) -> SubscriptionUpdated:
    """How it stands at the moment of the event."""
    return SubscriptionUpdated(
        subscription_id="sub_1",
        as_of=AT,
        status=SubscriptionStatus(status),
        cancels_at=None if cancels_in is None else moment(cancels_in),
    )


def ended(seconds: int = 0) -> SubscriptionEnded:
    """Its end."""
    return SubscriptionEnded(subscription_id="sub_1", ended_at=moment(seconds))


PAUSED: Final[Any] = {"pause_collection": {"behavior": "void", "resumes_at": None}}
_UPDATED: Final = "customer.subscription.updated"

ROWS: Final[tuple[Row, ...]] = (
    ("customer.subscription.created", "today", subscription(status="incomplete"), (stands("incomplete"),)),
    ("customer.subscription.created", "2025", old(status="trialing"), (stands("trialing"),)),
    (_UPDATED, "today", subscription(), (stands(),)),
    (_UPDATED, "today, late", subscription(status="past_due"), (stands("past_due"),)),
    (_UPDATED, "today, given up", subscription(status="unpaid"), (stands("unpaid"),)),
    (_UPDATED, "today, not collected", subscription(**PAUSED), (stands("paused"),)),
    (_UPDATED, "today, late and not collected", subscription(status="past_due", **PAUSED), (stands("past_due"),)),
    (
        _UPDATED,
        "today, ends with its period",
        subscription(cancel_at_period_end=True, cancel_at=CREATED + 10),
        (stands(cancels_in=10),),
    ),
    (_UPDATED, "today, ends on a day", subscription(cancel_at=CREATED + 77), (stands(cancels_in=77),)),
    (_UPDATED, "today, two items", subscription(ends=(5, 20), cancel_at_period_end=True), (stands(cancels_in=20),)),
    (_UPDATED, "today, never was paid", subscription(status="incomplete_expired"), (stands("ended"), ended())),
    (_UPDATED, "2025", old(), (stands(),)),
    (_UPDATED, "2025, ends with its period", old(cancel_at_period_end=True), (stands(cancels_in=10),)),
    (_UPDATED, "2020, not collected", old(**PAUSED), (stands("paused"),)),
    (
        "customer.subscription.deleted",
        "today",
        subscription(status="canceled", ended_at=CREATED - 3),
        (stands("ended"), ended(-3)),
    ),
    (
        "customer.subscription.deleted",
        "2025",
        old(status="canceled", ended_at=CREATED - 3),
        (stands("ended"), ended(-3)),
    ),
    (
        "customer.subscription.deleted",
        "2020, without the moment",
        without(old(status="canceled"), "ended_at"),
        (stands("ended"), ended()),
    ),
    ("customer.subscription.paused", "today", subscription(status="paused"), (stands("paused"),)),
    ("customer.subscription.paused", "2025", old(status="paused"), (stands("paused"),)),
    ("customer.subscription.resumed", "today", subscription(), (stands(),)),
    ("customer.subscription.resumed", "2025", old(), (stands(),)),
)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_subscription_becomes(row: Row) -> None:
    """What the table says; our order is found by the subscription's metadata."""
    kind, _, subject, events = row
    notification = notification_of(event(kind, **subject), b"")
    assert notification.events == events
    assert (notification.order_id, notification.references) == (ORDER, ("sub_1",))


@pytest.mark.parametrize("items", [None, {"data": None}, {"data": [7, {}]}])
def test_planned_end_may_be_unknown(items: object) -> None:
    """Without a period there is no day to tell."""
    subject = subscription(items=items, cancel_at_period_end=True)
    assert notification_of(event(_UPDATED, **subject), b"").events == (stands(),)


@pytest.mark.parametrize(
    ("subject", "path"),
    [
        (subscription(id=""), "id"),
        (subscription(status=None), "status"),
        (subscription(status="asleep"), "status"),
        (subscription(status=["active"]), "status"),
        (subscription(cancel_at="soon"), "cancel_at"),
        (subscription(status="canceled", ended_at=-1), "ended_at"),
        (
            subscription(cancel_at_period_end=True, items={"data": [{"current_period_end": "x"}]}),
            r"items\.data\.current_period_end",
        ),
        (old(cancel_at_period_end=True, current_period_end=10**12), "current_period_end"),
    ],
)
def test_broken_subscription_names_its_path(subject: Shape, path: str) -> None:
    """Signed, but no subscription that ever was."""
    with pytest.raises(InvalidPayload, match=rf"^data\.object\.{path}:"):
        notification_of(event(_UPDATED, **subject), b"")
