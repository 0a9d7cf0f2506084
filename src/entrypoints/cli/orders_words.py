"""Orders, deliveries and what happened to them, in an operator's words. Pure; no clock, no I/O."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from rich.text import Text

from entrypoints.cli.output import NOTHING, Column, Listing, minute, state_text
from paywall_core.facts import Mode, Terms
from paywall_core.lifecycle import State
from paywall_core.order import Order
from paywall_core.policy import FOREVER

_COLUMNS: Final = tuple(
    Column(name=name)
    for name in ("order", "created (UTC)", "plan", "state", "paid until (UTC)", "Telegram user", "e-mail")
)


class OrderLine(Struct, frozen=True, kw_only=True):
    """An order in a list, for scripts.

    Attributes:
        state: as of now.
        recorded_state: as stored; another one until the sweep comes by.
        paid_until, access_until: None where `for_life`, and where nothing stands.
    """

    order_id: UUID
    created_at: datetime
    plan: str
    state: State
    recorded_state: State
    paid_until: datetime | None
    access_until: datetime | None
    for_life: bool
    telegram_user_id: int | None
    email: str


def line_of(order: Order, *, now: datetime) -> OrderLine:
    """One order, as of now."""
    granted = order.entitlement
    for_life = granted.paid_until == FOREVER
    return OrderLine(
        order_id=order.id,
        created_at=order.created_at,
        plan=order.plan,
        state=order.state_at(now),
        recorded_state=order.state,
        paid_until=None if for_life else granted.paid_until,
        access_until=None if for_life else granted.access_until,
        for_life=for_life,
        telegram_user_id=order.telegram_user_id,
        email=order.email,
    )


def listing_of(orders: Sequence[Order], *, now: datetime, with_addresses: bool = True) -> Listing:
    """The orders as a table."""
    columns, fold = (
        (_COLUMNS, [[0, 6], [1, 4], [3, 2, 5]]) if with_addresses else (_COLUMNS[:-1], [[0], [1, 4], [3, 2]])
    )
    listing = Listing(columns, fold=fold)
    for order in orders:
        user = order.telegram_user_id
        cells: list[str | Text] = [
            str(order.id),
            minute(order.created_at),
            order.plan,
            state_of(order, now),
            minute(order.entitlement.paid_until),
            NOTHING if user is None else str(user),
            order.email,
        ]
        listing.add(*cells[: len(columns)])
    return listing


def state_of(order: Order, now: datetime) -> Text:
    """The state as of now; `unrecorded` while the record lags behind it."""
    state = state_text(order.state_at(now))
    if order.state is not order.state_at(now):
        state.append(", unrecorded", style="yellow")
    return state


def terms_words(terms: Terms) -> str:
    """What was bought."""
    if terms.mode is Mode.SUBSCRIPTION:
        return f"a subscription, with a grace of {terms.grace_seconds / 3600:g} hours"
    return "paid once, for life" if terms.duration_days is None else f"paid once, for {terms.duration_days} days"
