"""What the console page shows, put together from what the parts tell of themselves. Reads only; knows no HTTP.

The parts' snapshots are JSON-able documents of their own; here they are cut to what fits a page.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from entrypoints.sandbox.console.look import as_time
from entrypoints.sandbox.console.purchases import purchases
from entrypoints.sandbox.console.times import times
from entrypoints.sandbox.mailbox import Mailbox
from entrypoints.sandbox.passage import Passage
from entrypoints.sandbox.stripe import StripeSandbox
from entrypoints.sandbox.telegram import TelegramSandbox
from entrypoints.sandbox.trackers import Trackers
from entrypoints.sandbox.troubles import Troubles, WebhookTrouble

OrdersFeed = Callable[[], Awaitable[list[dict[str, Any]]]]
"""The product's orders: order_id, email, plan, state, access_until, created_at, history: [{at, event, from, to}], and
telegram_user_id where somebody redeemed the link.

Raises OSError or TimeoutError where the product cannot be asked right now.
"""

_SHOWN: Final = 12
_EVENTS_SHOWN: Final = 40

WEBHOOK_TROUBLES: Final = (
    (WebhookTrouble.NONE, "On time"),
    (WebhookTrouble.LOST, "Lost"),
    (WebhookTrouble.DOUBLED, "Doubled"),
    (WebhookTrouble.LATE, "Late"),
    (WebhookTrouble.OUT_OF_ORDER, "Out of order"),
)
OUTAGES: Final = (
    ("stripe_down", "Stripe"),
    ("telegram_down", "Telegram"),
    ("smtp_down", "Mail"),
    ("trackers_down", "Trackers"),
)
_STATE_TONES: Final = {
    "pending": "muted",
    "token_issued": "info",
    "active": "good",
    "expired": "warn",
    "revoked": "bad",
}


@dataclass(slots=True, kw_only=True)
class ConsoleParts:
    """What the console stands on; `product_url` and `orders_feed` come once the product is up.

    `passage` is None where the clock is not ours to move.
    """

    troubles: Troubles
    stripe: StripeSandbox
    telegram: TelegramSandbox
    mailbox: Mailbox
    trackers: Trackers
    clock: Callable[[], datetime]
    passage: Passage | None = None
    product_url: str | None = None
    orders_feed: OrdersFeed | None = None


async def console_view(parts: ConsoleParts) -> dict[str, Any]:
    """Everything that the page's template names."""
    stripe = parts.stripe.snapshot()
    users = telegram_users(parts.telegram)
    found, orders_note = await _found(parts.orders_feed)
    names = {user["id"]: user["name"] for user in users}
    return {
        "product_url": parts.product_url,
        "now": parts.clock(),
        "times": times(parts.passage, found) if parts.passage else None,
        "orders": [_order(one, names) for one in found],
        "orders_note": orders_note,
        "webhook_troubles": WEBHOOK_TROUBLES,
        "outages": [(name, label, getattr(parts.troubles, name)) for name, label in OUTAGES],
        "troubles": parts.troubles,
        "trouble_count": _trouble_count(parts.troubles),
        "purchases": purchases(stripe, limit=_SHOWN),
        "events": [_event(one) for one in stripe["events"][:_EVENTS_SHOWN]],
        "users": users,
        "mails": parts.mailbox.messages()[::-1][:_SHOWN],
        "hits": parts.trackers.received()[::-1][:_SHOWN],
        "state_tones": _STATE_TONES,
    }


def telegram_users(telegram: TelegramSandbox) -> list[dict[str, Any]]:
    """The people of the sandbox's Telegram, each with the last thing said in the chat."""
    return [
        {
            "id": user["id"],
            "name": user["first_name"],
            "language": user["language_code"],
            "blocked": user["has_blocked"],
            "chat": user["chat"],
            "last": user["last_messages"][-1]["text"] if user["last_messages"] else "",
        }
        for user in telegram.snapshot()["users"]
    ]


def _trouble_count(troubles: Troubles) -> int:
    """How many switches are on."""
    outages = sum(bool(getattr(troubles, name)) for name, _ in OUTAGES)
    return outages + (troubles.webhooks is not WebhookTrouble.NONE)


async def moment_of(parts: ConsoleParts, move: str) -> datetime | None:
    """Where a button of the clock leads at the moment; None: nowhere, or there is no such button."""
    if parts.passage is None:
        return None
    found, _ = await _found(parts.orders_feed)
    return next((step.to for step in times(parts.passage, found).steps if step.move == move), None)


async def _found(feed: OrdersFeed | None) -> tuple[list[dict[str, Any]], str]:
    """The newest orders, and a word where there is nothing to show."""
    if feed is None:
        return [], "The product is not connected yet."
    try:
        found = await feed()
    except (OSError, TimeoutError) as error:
        return [], f"The product's orders cannot be read right now ({type(error).__name__})."
    newest = sorted(found, key=lambda one: _seconds(one["created_at"]), reverse=True)[:_SHOWN]
    return newest, "" if newest else "No orders yet: open the pay page."


def _seconds(value: Any) -> float:
    """Unix seconds to sort by; what has no time comes last."""
    moment = as_time(value)
    return 0.0 if moment is None else moment.timestamp()


def _order(one: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    """An order with the path that it took, and who has it."""
    holder = one.get("telegram_user_id")
    return {
        **{name: str(one[name]) for name in ("order_id", "email", "plan", "state")},
        "access_until": one["access_until"],
        "holder": None if holder is None else names.get(holder, str(holder)),
        "steps": _steps(one),
    }


def _steps(one: dict[str, Any]) -> list[dict[str, Any]]:
    """A step where the state moved; what was learned without a move stands with the step before."""
    steps: list[dict[str, Any]] = [{"state": "pending", "at": one["created_at"], "event": "order created", "also": []}]
    for entry in one["history"]:
        event = _words(entry["event"])
        if entry["to"] != entry["from"]:
            steps.append({"state": entry["to"], "at": entry["at"], "event": event, "also": []})
        else:
            steps[-1]["also"].append(event)
    for step in steps:
        step["also"] = [
            event if count == 1 else f"{event} ×{count}"
            for event, count in ((event, len(list(same))) for event, same in groupby(step["also"]))
        ]
    return steps


def _words(event: Any) -> str:
    """`PaymentSucceeded` and `payment_succeeded` as `payment succeeded`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", str(event)).replace("_", " ").lower()


def _event(one: dict[str, Any]) -> dict[str, Any]:
    """An event with its deliveries as short marks."""
    tones = {"delivered": "good", "failed": "bad", "lost": "warn"}
    marks = [
        {
            "tone": tones[attempt["outcome"]],
            "label": str(attempt["status"] or attempt["outcome"]),
            "title": f"{attempt['outcome']} {attempt['error'] or ''}".strip(),
            "at": attempt["at"],
        }
        for attempt in one["deliveries"]
    ]
    return {**one, "marks": marks, "arrived": any(mark["tone"] == "good" for mark in marks)}
