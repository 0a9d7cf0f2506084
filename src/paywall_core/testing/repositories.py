"""The repositories of the in-memory unit of work."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from msgspec import structs

from paywall_core.effects import Effect
from paywall_core.email_address import email_key
from paywall_core.errors import ConcurrentUpdate
from paywall_core.events import PaymentNotification
from paywall_core.lifecycle import State
from paywall_core.order import Change, HistoryEntry, Order
from paywall_core.ports.unit_of_work import (
    Delivery,
    DeliveryStatus,
    OrderRepository,
    OutboxRepository,
    PaymentEventRepository,
    RestoreChallengeRepository,
    Settlement,
    TrackingLog,
)
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.testing.tables import OutboxRow, StoredEvent, Tables
from paywall_core.tracking import TrackingAttempt, TrackingOutcome

NEVER: Final = datetime.min.replace(tzinfo=UTC)
"""Before every moment: where access that was never given ends."""


class InMemoryOrders(OrderRepository):
    """Orders in dictionaries."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(self, order: Order) -> None:
        """Write a new order."""
        if order.id in self._tables.orders:
            raise ConcurrentUpdate(order.id)
        self._tables.orders[order.id] = order

    async def get(
        self,
        order_id: UUID,
        *,
        for_update: bool = False,  # noqa: ARG002  - the port's name
    ) -> Order | None:
        """Read an order; transactions are serialised, so every read is `for_update`."""
        return self._tables.orders.get(order_id)

    async def save(self, change: Change, *, expected_version: int) -> None:
        """Write a change."""
        order = change.order
        stored = self._tables.orders.get(order.id)
        if stored is None or stored.version != expected_version:
            raise ConcurrentUpdate(order.id)
        self._tables.orders[order.id] = order
        self._tables.history[order.id] = (*self._tables.history.get(order.id, ()), *change.history)

    async def claim(self, references: Sequence[str], order_id: UUID | None) -> frozenset[UUID]:
        """Bind provider ids to an order."""
        known = order_id if order_id in self._tables.orders else None
        owners = {known} if known else set()
        for reference in references:
            owner = self._tables.references.get(reference) or known
            self._tables.references[reference] = owner
            if owner is not None:
                owners.add(owner)
        return frozenset(owners)

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Order]:
        """Orders whose access ended."""
        ended = [
            (until, order)
            for order in self._tables.orders.values()
            if order.state in (State.TOKEN_ISSUED, State.ACTIVE)
            and (until := order.entitlement.access_until) is not None
            and until <= now
        ]
        return [order for _, order in sorted(ended, key=lambda pair: (pair[0], pair[1].id))[:limit]]

    async def paid_by(self, address: str, limit: int) -> Sequence[Order]:
        """Orders of an address for which anything was ever paid."""
        found = [
            (order.entitlement.access_until or NEVER, order.created_at, order.id, order)
            for order in self._tables.orders.values()
            if email_key(order.email) == address and order.entitlement.first_paid_at is not None
        ]
        return [order for *_, order in sorted(found, key=lambda row: row[:3], reverse=True)[:limit]]

    async def history(self, order_id: UUID) -> Sequence[HistoryEntry]:
        """The order's history."""
        return self._tables.history.get(order_id, ())


class InMemoryPaymentEvents(PaymentEventRepository):
    """The provider's events in a dictionary."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(
        self,
        notification: PaymentNotification,
        *,
        order_id: UUID | None,
        received_at: datetime,  # noqa: ARG002  - the dictionary keeps the order of arrival itself
    ) -> bool:
        """Store an event once."""
        event_id = notification.event_id
        if event_id is None or event_id in self._tables.events:
            return False
        self._tables.events[event_id] = StoredEvent(notification=notification, order_id=order_id)
        return True

    async def parked(self, references: Sequence[str]) -> Sequence[PaymentNotification]:
        """Parked events that name any of these ids."""
        wanted = set(references)
        return [
            event.notification
            for event in self._tables.events.values()
            if event.order_id is None and event.notification.events and wanted & set(event.notification.references)
        ]

    async def unpark(self, event_id: str, order_id: UUID) -> None:
        """A parked event was applied."""
        self._tables.events[event_id] = structs.replace(self._tables.events[event_id], order_id=order_id)


class InMemoryOutbox(OutboxRepository):
    """The outbox in a dictionary."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def enqueue(self, effects: Sequence[Effect], *, due_at: datetime) -> None:
        """Write effects, or revive skipped ones."""
        for effect in effects:
            row = self._tables.outbox.get(effect.key)
            if row is None or row.status is DeliveryStatus.SKIPPED:
                self._tables.outbox[effect.key] = OutboxRow(
                    key=effect.key,
                    effect=effect,
                    status=DeliveryStatus.PENDING,
                    attempts=0 if row is None else row.attempts,
                    due_at=due_at,
                )

    async def lease(self, *, now: datetime, limit: int, lease_until: datetime, lease_id: UUID) -> Sequence[Delivery]:
        """Take rows that are due."""
        due = [r for r in self._tables.outbox.values() if r.status is DeliveryStatus.PENDING and r.due_at <= now]
        taken = sorted(due, key=lambda row: row.due_at)[:limit]
        for row in taken:
            self._tables.outbox[row.key] = structs.replace(
                row, attempts=row.attempts + 1, due_at=lease_until, lease_id=lease_id
            )
        return [Delivery(key=row.key, effect=row.effect, attempt=row.attempts + 1, lease_id=lease_id) for row in taken]

    async def settle(self, delivery: Delivery, settlement: Settlement) -> bool:
        """Write how a delivery ended, while the lease is ours."""
        row = self._tables.outbox.get(delivery.key)
        if row is None or row.lease_id != delivery.lease_id or row.status is not DeliveryStatus.PENDING:
            return False
        self._tables.outbox[row.key] = structs.replace(
            row,
            status=settlement.status,
            attempts=row.attempts - (0 if settlement.attempted else 1),
            due_at=settlement.due_at or row.due_at,
            lease_id=None,
            error=settlement.error,
        )
        return True


class InMemoryRestoreChallenges(RestoreChallengeRepository):
    """Challenges in a dictionary, by address."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def hold(self, address: str) -> RestoreChallenge | None:
        """The address's challenge; transactions are serialised, so every address is held."""
        return self._tables.restore_challenges.get(address)

    async def put(self, challenge: RestoreChallenge) -> None:
        """Write it, over the one before."""
        self._tables.restore_challenges[challenge.address] = challenge

    async def find(self, challenge_id: UUID) -> RestoreChallenge | None:
        """A challenge by its id."""
        found = (one for one in self._tables.restore_challenges.values() if one.id == challenge_id)
        return next(found, None)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete what is older."""
        old = [key for key, one in self._tables.restore_challenges.items() if one.issued_at < before][:limit]
        for key in old:
            del self._tables.restore_challenges[key]
        return len(old)


class InMemoryTrackingLog(TrackingLog):
    """Tracked events in a dictionary."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(self, attempt: TrackingAttempt) -> None:
        """Write a new attempt."""
        self._tables.tracking_log[attempt.id] = attempt

    async def find(self, attempt_id: UUID) -> TrackingAttempt | None:
        """An attempt, or None."""
        return self._tables.tracking_log.get(attempt_id)

    async def settle(
        self,
        attempt_id: UUID,
        outcome: TrackingOutcome,
        *,
        at: datetime,  # noqa: ARG002  - the dictionary keeps no times
        reason: str | None,
    ) -> None:
        """Write what became of it; of an unknown one nothing is written."""
        attempt = self._tables.tracking_log.get(attempt_id)
        if attempt is not None:
            self._tables.tracking_log[attempt_id] = structs.replace(attempt, outcome=outcome, reason=reason)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete what is older and not queued."""
        old = [
            key
            for key, one in self._tables.tracking_log.items()
            if one.received_at < before and one.outcome is not TrackingOutcome.QUEUED
        ][:limit]
        for key in old:
            del self._tables.tracking_log[key]
        return len(old)
