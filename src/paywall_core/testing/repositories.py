"""The repositories of the in-memory unit of work."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from msgspec import structs

from paywall_core.effects import REMEMBERED_KEYS, REMINDER_KEYS, Effect, Lane, due_after_all, due_at
from paywall_core.email_address import email_key
from paywall_core.errors import ConcurrentUpdate
from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification
from paywall_core.order import Change, HistoryEntry, Order
from paywall_core.ports.unit_of_work import (
    AddedEvents,
    Delivery,
    DeliveryStatus,
    EndedDelivery,
    LapseCensus,
    OrderRepository,
    OutboxRepository,
    OwnedNotification,
    PaymentEventRepository,
    RestoreChallengeRepository,
    RetriedDelivery,
)
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.testing.tables import OutboxRow, StoredEvent, Tables

NEVER: Final = datetime.min.replace(tzinfo=UTC)
"""Before every moment: where access that was never given ends."""


class InMemoryOrders(OrderRepository):
    """Orders in dictionaries."""

    def __init__(self, tables: Tables, outbox: "InMemoryOutbox") -> None:
        self._tables = tables
        self._outbox = outbox

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

    async def lock(self, order_ids: Collection[UUID]) -> Mapping[UUID, Order]:
        """Read orders."""
        return {order_id: self._tables.orders[order_id] for order_id in order_ids if order_id in self._tables.orders}

    async def save(self, *changes: Change) -> None:
        """Write changes."""
        for change in changes:
            order = change.order
            stored = self._tables.orders.get(order.id)
            if stored is None or stored.version != change.base_version:
                raise ConcurrentUpdate(order.id)
            self._tables.orders[order.id] = order
            self._tables.history[order.id] = (*self._tables.history.get(order.id, ()), *change.history)
            if change.effects:
                await self._outbox.enqueue(change.effects, now=change.at)

    async def claim(self, wanted: Mapping[str, UUID | None]) -> Mapping[str, UUID | None]:
        """Bind provider ids to orders."""
        for reference, order_id in wanted.items():
            known = order_id if order_id in self._tables.orders else None
            self._tables.references[reference] = self._tables.references.get(reference) or known
        return {reference: self._tables.references[reference] for reference in wanted}

    async def find(
        self, wanted: Mapping[str, UUID | None], named: Collection[UUID]
    ) -> tuple[Mapping[str, UUID | None], Mapping[UUID, Order]]:
        """Bind provider ids, and read the orders that own them and those named."""
        owners = await self.claim(wanted)
        return owners, await self.lock({*named, *(owner for owner in owners.values() if owner is not None)})

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Order]:
        """Orders whose access ended."""
        return self._lapsed(now)[:limit]

    async def shut_out(self, now: datetime, limit: int) -> Sequence[Order]:
        """Orders recorded as over whose access is good."""
        good = [
            (until, order)
            for order in self._tables.orders.values()
            if order.state not in (State.TOKEN_ISSUED, State.ACTIVE)
            and (until := order.entitlement.access_until) is not None
            and until > now
        ]
        return [order for _, order in sorted(good, key=lambda pair: (pair[0], pair[1].id))][:limit]

    async def lapse_census(self, now: datetime) -> LapseCensus:
        """How many they are, of how many."""
        live = sum(order.state in (State.TOKEN_ISSUED, State.ACTIVE) for order in self._tables.orders.values())
        return LapseCensus(lapsed=len(self._lapsed(now)), live=live)

    def _lapsed(self, now: datetime) -> Sequence[Order]:
        ended = [
            (until, order)
            for order in self._tables.orders.values()
            if order.state in (State.TOKEN_ISSUED, State.ACTIVE)
            and (until := order.entitlement.access_until) is not None
            and until <= now
        ]
        return [order for _, order in sorted(ended, key=lambda pair: (pair[0], pair[1].id))]

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
        self, owned: Sequence[OwnedNotification], *, received_at: datetime, references: Sequence[str] = ()
    ) -> AddedEvents:
        """Store events, each once."""
        new = {
            told.event_id or "": StoredEvent(notification=told, order_id=order_id, received_at=received_at)
            for told, order_id in owned
            if told.event_id not in self._tables.events
        }
        self._tables.events.update(new)
        return AddedEvents(new=frozenset(new), parked=await self.parked(references))

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
        self._tables.events[event_id] = structs.replace(
            self._tables.events[event_id], order_id=order_id, set_aside_at=None
        )

    async def find_parked(self, event_id: str) -> PaymentNotification | None:
        """A parked event that nobody has set aside."""
        event = self._tables.events.get(event_id)
        if event is None or event.order_id is not None or event.set_aside_at is not None:
            return None
        return event.notification if event.notification.events else None

    async def set_aside(self, event_id: str, *, at: datetime) -> None:
        """A parked event leads to nothing of ours."""
        if await self.find_parked(event_id) is not None:
            self._tables.events[event_id] = structs.replace(self._tables.events[event_id], set_aside_at=at)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete what is older and does not wait."""
        old = [
            key
            for key, event in self._tables.events.items()
            if event.received_at < before and await self.find_parked(key) is None
        ][:limit]
        for key in old:
            del self._tables.events[key]
        return len(old)

    async def known(self, event_ids: Sequence[str]) -> frozenset[str]:
        """Those that are stored."""
        return frozenset(event_ids) & self._tables.events.keys()


class InMemoryOutbox(OutboxRepository):
    """The outbox in a dictionary."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def enqueue(self, effects: Sequence[Effect], *, now: datetime) -> None:
        """Write effects, or revive skipped ones."""
        for effect in effects:
            row = self._tables.outbox.get(effect.key)
            if row is None or row.status is DeliveryStatus.SKIPPED:
                self._tables.outbox[effect.key] = OutboxRow(
                    key=effect.key,
                    effect=effect,
                    status=DeliveryStatus.PENDING,
                    attempts=0 if row is None else row.attempts,
                    due_at=due_at(effect, now),
                    created_at=now,
                    first_due_at=due_at(effect, now),
                )

    async def lease(
        self,
        *,
        now: datetime,
        limit: int,
        lease_until: datetime,
        lease_id: UUID,
        room: Mapping[Lane, int] | None = None,
    ) -> Sequence[Delivery]:
        """Take rows that are due."""
        due = [r for r in self._tables.outbox.values() if r.status is DeliveryStatus.PENDING and r.due_at <= now]
        left = Counter(dict.fromkeys(Lane, limit) if room is None else room)
        taken: list[OutboxRow] = []
        for row in sorted(due, key=lambda row: row.due_at):
            if len(taken) < limit and left[row.effect.lane] > 0:
                left[row.effect.lane] -= 1
                taken.append(row)
        for row in taken:
            self._tables.outbox[row.key] = structs.replace(
                row, attempts=row.attempts + 1, due_at=lease_until, lease_id=lease_id
            )
        return [
            Delivery(
                key=row.key,
                effect=row.effect,
                attempt=row.attempts + 1,
                lease_id=lease_id,
                owed_since=row.first_due_at,
            )
            for row in taken
        ]

    async def settle(self, ended: Sequence[EndedDelivery]) -> frozenset[str]:
        """Write how deliveries ended, while the leases are ours."""
        settled: set[str] = set()
        for delivery, settlement in ended:
            row = self._tables.outbox.get(delivery.key)
            if row is None or row.lease_id != delivery.lease_id or row.status is not DeliveryStatus.PENDING:
                continue
            self._tables.outbox[row.key] = structs.replace(
                row,
                status=settlement.status,
                attempts=row.attempts - (0 if settlement.attempted else 1),
                due_at=settlement.due_at or row.due_at,
                lease_id=None,
                settled_at=None if settlement.status is DeliveryStatus.PENDING else settlement.at,
                error=settlement.error,
            )
            settled.add(row.key)
        return frozenset(settled)

    async def retry(self, keys: Sequence[str], *, due_at: datetime) -> Sequence[RetriedDelivery]:
        """Make rows due again."""
        retried = []
        for key in sorted(set(keys) & self._tables.outbox.keys()):
            row = self._tables.outbox[key]
            leased = row.lease_id is not None and row.due_at > due_at
            if row.status is DeliveryStatus.DELIVERED or leased:
                continue
            self._tables.outbox[key] = OutboxRow(
                key=key,
                effect=row.effect,
                status=DeliveryStatus.PENDING,
                attempts=0,
                due_at=due_at,
                created_at=row.created_at,
                first_due_at=due_at,
            )
            retried.append(RetriedDelivery(key=key, order_id=getattr(row.effect, "order_id", None)))
        return retried

    async def hasten(self, *, now: datetime, due_after: datetime, lease_until: datetime, limit: int) -> int:
        """Make rows due that were put off."""
        put_off = [row for row in self._tables.outbox.values() if _may_be_put_off(row) and row.due_at > due_after]
        hastened = sorted(put_off, key=lambda row: row.due_at)[:limit]
        for row in hastened:
            due = due_after_all(row.effect, now)
            self._tables.outbox[row.key] = structs.replace(
                row,
                due_at=due if row.lease_id is None else max(due, lease_until),
                first_due_at=due if due > now else min(row.first_due_at, now),
                created_at=min(row.created_at, now),
            )
        return len(hastened)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete what was settled before."""
        old = [
            row.key
            for row in self._tables.outbox.values()
            if row.status in (DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED)
            and row.settled_at is not None
            and row.settled_at < before
            and not row.key.startswith(REMEMBERED_KEYS)
        ][:limit]
        for key in old:
            del self._tables.outbox[key]
        return len(old)


def _may_be_put_off(row: OutboxRow) -> bool:
    """All that is owed but the reminders that wait for their day."""
    waits_for_its_day = row.key.startswith(REMINDER_KEYS) and row.created_at != row.due_at <= row.first_due_at
    return row.status is DeliveryStatus.PENDING and not waits_for_its_day


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
