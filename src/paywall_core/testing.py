"""In-memory ports for tests: ours, and those of services that embed the core. Public, and held to the contracts.

Nothing here does I/O or reads a real clock. Transactions on one `InMemoryStore` are serialised, like writers on SQLite,
so that concurrent use cases behave as they do on a database.
"""

import asyncio
import random
from collections.abc import Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

from msgspec import Struct, structs

from paywall_core.effects import Effect
from paywall_core.errors import ConcurrentUpdate, DeliveryFailed, PaymentProviderUnavailable
from paywall_core.events import CheckoutOpened, PaymentNotification
from paywall_core.lifecycle import State
from paywall_core.money import Money
from paywall_core.order import Change, HistoryEntry, Order
from paywall_core.ports.clock import Clock, Randomness
from paywall_core.ports.delivery import AccessMessage, AccessMessenger, SaleReport, SaleTracker
from paywall_core.ports.directory import AccessRecord, OrderDirectory, SessionRecord
from paywall_core.ports.payments import CheckoutRequest, OpenedCheckout, PaymentGateway, Price
from paywall_core.ports.unit_of_work import (
    Delivery,
    DeliveryStatus,
    OrderRepository,
    OutboxRepository,
    PaymentEventRepository,
    Settlement,
    UnitOfWork,
)


class FakeClock(Clock):
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """The present moment."""
        return self._now

    def advance(self, step: timedelta) -> None:
        """Move on by `step` (back, when it is negative)."""
        self._now += step


class SeededRandomness(Randomness):
    """Chance that is the same for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311  - repeatable on purpose

    def new_id(self) -> UUID:
        """A fresh id."""
        return UUID(int=self._random.getrandbits(128), version=4)

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()


class OutboxRow(Struct, frozen=True, kw_only=True):
    """One row of the outbox, as a test may look at it."""

    key: str
    effect: Effect
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    lease_id: UUID | None = None
    error: str | None = None


class _ParkedEvent(Struct, frozen=True, kw_only=True):
    notification: PaymentNotification
    order_id: UUID | None


class _Tables:
    """Everything that is stored. Values are immutable, so a copy of each mapping is a snapshot."""

    def __init__(self) -> None:
        self.orders: dict[UUID, Order] = {}
        self.history: dict[UUID, tuple[HistoryEntry, ...]] = {}
        self.references: dict[str, UUID | None] = {}
        self.events: dict[str, _ParkedEvent] = {}
        self.outbox: dict[str, OutboxRow] = {}

    def snapshot(self) -> "_Tables":
        """A copy that can be changed without touching this one."""
        tables = _Tables()
        for name, table in vars(self).items():
            setattr(tables, name, copy(table))
        return tables


class InMemoryStore:
    """A database that lives as long as this object; one for all use cases of a test."""

    def __init__(self) -> None:
        self.tables = _Tables()
        self.lock = asyncio.Lock()
        self.provider_reads: dict[str, datetime] = {}

    def unit_of_work(self) -> UnitOfWork:
        """A fresh unit of work on this store."""
        return InMemoryUnitOfWork(self)

    @property
    def directory(self) -> OrderDirectory:
        """The reads of the hot paths."""
        return InMemoryDirectory(self)

    @property
    def outbox(self) -> Sequence[OutboxRow]:
        """All committed outbox rows, oldest first."""
        return list(self.tables.outbox.values())


class InMemoryUnitOfWork(UnitOfWork):
    """One transaction on an `InMemoryStore`."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def __aenter__(self) -> Self:
        """Wait for the transaction before, then begin."""
        await self._store.lock.acquire()
        self._tables = self._store.tables.snapshot()
        self.orders = InMemoryOrders(self._tables)
        self.payment_events = InMemoryPaymentEvents(self._tables)
        self.outbox = InMemoryOutbox(self._tables)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; what was not committed is forgotten."""
        self._store.lock.release()

    async def commit(self) -> None:
        """Make the changes the store's own."""
        self._store.tables = self._tables.snapshot()


class InMemoryOrders(OrderRepository):
    """Orders in dictionaries."""

    def __init__(self, tables: _Tables) -> None:
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

    async def history(self, order_id: UUID) -> Sequence[HistoryEntry]:
        """The order's history."""
        return self._tables.history.get(order_id, ())


class InMemoryPaymentEvents(PaymentEventRepository):
    """The provider's events in a dictionary."""

    def __init__(self, tables: _Tables) -> None:
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
        self._tables.events[event_id] = _ParkedEvent(notification=notification, order_id=order_id)
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

    def __init__(self, tables: _Tables) -> None:
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


class InMemoryDirectory(OrderDirectory):
    """The hot paths' reads, over the committed orders."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def access_of(self, telegram_user_id: int) -> AccessRecord | None:
        """The order that serves this user best."""
        orders = self._store.tables.orders.values()
        redeemed = [o for o in orders if o.telegram_user_id == telegram_user_id]
        named = [o for o in orders if o.telegram_user_id is None and o.telegram_chat_id == str(telegram_user_id)]
        candidates = redeemed or named
        if not candidates:
            return None
        never = datetime.min.replace(tzinfo=UTC)
        best = max(candidates, key=lambda o: (o.entitlement.access_until or never, o.created_at, o.id))
        return AccessRecord(
            order_id=best.id,
            plan=best.plan,
            state=best.state,
            access_until=best.entitlement.access_until,
            redeemed=bool(redeemed),
        )

    async def session(self, session_id: str) -> SessionRecord | None:
        """The order of this checkout session."""
        for order in self._store.tables.orders.values():
            if order.facts.checkout_session_id == session_id:
                entitlement = order.entitlement
                return SessionRecord(
                    order_id=order.id,
                    state=order.state,
                    payment_status=order.payment_status,
                    fulfillment_status=order.fulfillment_status,
                    token_version=order.facts.token_version,
                    first_paid_at=entitlement.first_paid_at,
                    access_until=entitlement.access_until,
                )
        return None

    async def claim_provider_read(self, session_id: str, *, now: datetime, min_interval_seconds: float) -> bool:
        """Whether the provider may be asked now."""
        last = self._store.provider_reads.get(session_id)
        if last is not None and now < last + timedelta(seconds=min_interval_seconds):
            return False
        self._store.provider_reads[session_id] = now
        return True


class FakeGateway(PaymentGateway):
    """A payment provider that opens checkouts and answers what a test told it to.

    Attributes:
        down: raise `PaymentProviderUnavailable` for everything.
        requests: every checkout that was asked for.
        answers: what `read_checkout` says, by session id; a session without an answer is still open.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.down = False
        self.requests: list[CheckoutRequest] = []
        self.answers: dict[str, PaymentNotification] = {}
        self.reads: list[str] = []

    async def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Open a checkout, named after its order."""
        self._check_up()
        self.requests.append(request)
        session_id = f"cs_test_{request.order_id.hex}"
        return OpenedCheckout(session_id=session_id, url=f"https://checkout.example/{session_id}")

    async def read_checkout(self, session_id: str) -> PaymentNotification:
        """The prepared answer."""
        self._check_up()
        self.reads.append(session_id)
        return self.answers.get(session_id) or PaymentNotification(
            event_id=None,
            event_type="checkout.session",
            occurred_at=self._clock.now(),
            payload=b"{}",
            references=(session_id,),
            events=(CheckoutOpened(session_id=session_id),),
        )

    async def price_of(self, plan: str) -> Price:  # noqa: ARG002  - everything costs the same
        """Ten euros for everything."""
        self._check_up()
        return Price(amount=Money(amount_minor=1000, currency="eur"))

    def _check_up(self) -> None:
        if self.down:
            raise PaymentProviderUnavailable("the fake provider is down")


class FakeMessenger(AccessMessenger):
    """Collects messages; raises `failure` first when one is set."""

    def __init__(self) -> None:
        self.sent: list[AccessMessage] = []
        self.failure: DeliveryFailed | None = None

    async def send_access(self, message: AccessMessage) -> None:
        """Collect it."""
        if self.failure is not None:
            raise self.failure
        self.sent.append(message)


class FakeSaleTracker(SaleTracker):
    """Collects reports; raises `failure` first when one is set."""

    def __init__(self) -> None:
        self.reports: list[SaleReport] = []
        self.failure: DeliveryFailed | None = None

    async def report_sale(self, report: SaleReport) -> None:
        """Collect it."""
        if self.failure is not None:
            raise self.failure
        self.reports.append(report)
