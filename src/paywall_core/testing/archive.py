"""The in-memory store as an operator reads it: orders, outbox, and what must never be."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from paywall_core.effects import Lane, OrderEffect, SendAccessEmail
from paywall_core.email_address import email_key
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.order import Order
from paywall_core.policy import renewing_subscription_of
from paywall_core.ports.operations import (
    ACCESS_WITHOUT_PAYMENT,
    DEAD_LETTERS,
    MOST_COUNTED,
    PAID_WITHOUT_ACCESS,
    PARKED,
    TWO_SUBSCRIPTIONS,
    UNDELIVERED,
    Backlog,
    BacklogWatch,
    Dossier,
    InvariantWatch,
    LaneBacklog,
    OrderArchive,
    OrderQuery,
    OutboxArchive,
    OutboxLine,
    OutboxQuery,
    ProviderEvent,
    Violation,
    WatchLimits,
)
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing.tables import OutboxRow, StoredEvent, Tables

if TYPE_CHECKING:
    from paywall_core.testing.store import InMemoryStore

_EXAMPLES = 5
_LIVE = (State.TOKEN_ISSUED, State.ACTIVE)


class InMemoryArchive(OrderArchive, OutboxArchive, InvariantWatch, BacklogWatch):
    """Reads the committed tables."""

    def __init__(self, store: "InMemoryStore") -> None:
        self._store = store

    @property
    def _tables(self) -> Tables:
        return self._store.tables

    async def search(self, query: OrderQuery) -> Sequence[Order]:
        """Orders, the newest first."""
        found = [order for order in self._tables.orders.values() if self._fits(order, query)]
        return sorted(found, key=lambda order: (order.created_at, order.id), reverse=True)[: query.limit]

    def _fits(self, order: Order, query: OrderQuery) -> bool:
        user = query.telegram_user_id
        return (
            query.address in (None, email_key(order.email))
            and (user is None or user == order.telegram_user_id or str(user) == order.telegram_chat_id)
            and (query.reference is None or self._tables.references.get(query.reference) == order.id)
            and query.state in (None, order.state)
        )

    async def dossier(self, order_id: UUID) -> Dossier | None:
        """All about one order."""
        order = self._tables.orders.get(order_id)
        if order is None:
            return None
        return Dossier(
            order=order,
            history=self._tables.history.get(order_id, ()),
            events=tuple(_event(one) for one in self._tables.events.values() if one.order_id == order_id),
            outbox=tuple(_line(row) for row in self._tables.outbox.values() if _owner(row) == order_id),
            acts=tuple(act for act in self._tables.operator_acts if act.order_id == order_id),
        )

    async def open_sessions(
        self, *, placed_after: datetime, placed_before: datetime, asked_before: datetime, limit: int
    ) -> Sequence[str]:
        """Sessions of pending orders that nobody asked about since."""
        asked = self._store.provider_reads
        found = [
            (asked.get(session_id), order.created_at, session_id)
            for order in self._tables.orders.values()
            if order.state is State.PENDING
            and order.fulfillment_status is FulfillmentStatus.PENDING
            and (session_id := order.facts.checkout_session_id) is not None
            and placed_after < order.created_at < placed_before
        ]
        due = [one for one in found if one[0] is None or one[0] < asked_before]
        return [one[2] for one in sorted(due, key=lambda one: (one[0] or one[1], one[2]))[:limit]]

    async def every_order(self, *, after: UUID | None, limit: int) -> Sequence[Order]:
        """All orders by their ids."""
        ids = sorted(order_id for order_id in self._tables.orders if after is None or order_id > after)
        return [self._tables.orders[order_id] for order_id in ids[:limit]]

    async def lines(self, query: OutboxQuery) -> Sequence[OutboxLine]:
        """Rows of the outbox, the longest owed first."""
        found = [
            _line(row)
            for row in self._tables.outbox.values()
            if (not query.statuses or row.status in query.statuses)
            and query.order_id in (None, _owner(row))
            and (not query.keys or row.key in query.keys)
            and row.key.startswith(query.key_prefix or "")
            and (query.due_before is None or row.first_due_at < query.due_before)
        ]
        return sorted(found, key=lambda line: (line.created_at, line.key))[: query.limit]

    async def violations(self, now: datetime, limits: WatchLimits) -> Sequence[Violation]:
        """What must never be."""
        orders = list(self._tables.orders.values())
        rows = list(self._tables.outbox.values())
        found = {
            PAID_WITHOUT_ACCESS: [str(o.id) for o in orders if self._is_shut_out(o, now)],
            ACCESS_WITHOUT_PAYMENT: [str(o.id) for o in orders if _is_let_in(o, now, limits)],
            UNDELIVERED: [row.key for row in rows if _is_late(row, now, limits)],
            DEAD_LETTERS: [row.key for row in rows if row.status is DeliveryStatus.DEAD],
            PARKED: [key for key, one in self._tables.events.items() if _waits(one, now, limits)],
            TWO_SUBSCRIPTIONS: _twice(orders),
        }
        return [
            Violation(invariant=name, count=len(cases), examples=tuple(cases[:_EXAMPLES]))
            for name, cases in found.items()
        ]

    async def backlog(self, now: datetime) -> Backlog:
        """What waits."""
        rows = self._tables.outbox.values()
        parked = sorted(one.received_at for one in self._tables.events.values() if _is_parked(one))[:MOST_COUNTED]
        return Backlog(
            lanes=tuple(_lane_backlog(lane, [row for row in rows if row.effect.lane is lane], now) for lane in Lane),
            parked=len(parked),
            parked_since=min(parked, default=None),
            reconciled_until=self._tables.reconciled.get("cursor"),
        )

    def _is_shut_out(self, order: Order, now: datetime) -> bool:
        until = order.entitlement.access_until
        if until is not None and now < until and order.state not in _LIVE:
            return True
        owed = [row.effect for row in self._tables.outbox.values() if _owner(row) == order.id]
        return order.state is State.TOKEN_ISSUED and not any(isinstance(effect, SendAccessEmail) for effect in owed)


def _is_let_in(order: Order, now: datetime, limits: WatchLimits) -> bool:
    until = order.entitlement.access_until
    return order.state in _LIVE and (until is None or until < now - limits.unrecorded)


def _is_late(row: OutboxRow, now: datetime, limits: WatchLimits) -> bool:
    return row.status is DeliveryStatus.PENDING and row.first_due_at < now - limits.undelivered


def _waits(event: StoredEvent, now: datetime, limits: WatchLimits) -> bool:
    return _is_parked(event) and event.received_at < now - limits.parked


def _is_parked(event: StoredEvent) -> bool:
    return event.order_id is None and event.set_aside_at is None and bool(event.notification.events)


def _lane_backlog(lane: Lane, rows: Sequence[OutboxRow], now: datetime) -> LaneBacklog:
    due = [row.due_at for row in rows if row.status is DeliveryStatus.PENDING and row.due_at <= now][:MOST_COUNTED]
    dead = [row for row in rows if row.status is DeliveryStatus.DEAD][:MOST_COUNTED]
    return LaneBacklog(lane=lane, due=len(due), due_since=min(due, default=None), dead=len(dead))


def _twice(orders: Sequence[Order]) -> list[str]:
    renewing = [order for order in orders if order.state in _LIVE and renewing_subscription_of(order.facts)]
    pairs = {(email_key(order.email), renewing_subscription_of(order.facts)) for order in renewing}
    addresses = [address for address, _ in pairs]
    return sorted(str(order.id) for order in renewing if addresses.count(email_key(order.email)) > 1)


def _owner(row: OutboxRow) -> UUID | None:
    return row.effect.order_id if isinstance(row.effect, OrderEffect) else None


def _line(row: OutboxRow) -> OutboxLine:
    return OutboxLine(
        key=row.key,
        effect=row.effect,
        status=row.status,
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        settled_at=row.settled_at,
        error=row.error,
        order_id=_owner(row),
    )


def _event(one: StoredEvent) -> ProviderEvent:
    said = one.notification
    return ProviderEvent(
        event_id=said.event_id or "",
        event_type=said.event_type,
        occurred_at=said.occurred_at,
        received_at=one.received_at,
        references=said.references,
        order_id=one.order_id,
        set_aside=one.set_aside_at is not None,
    )
