"""A database in memory: the store, its transactions, and the hot paths' reads."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from paywall_core.ports.directory import AccessRecord, OrderDirectory, SessionRecord
from paywall_core.ports.unit_of_work import UnitOfWork
from paywall_core.testing.archive import InMemoryArchive
from paywall_core.testing.logs import InMemoryOperatorLog, InMemoryReconciliationLog, InMemoryTrackingLog
from paywall_core.testing.repositories import (
    NEVER,
    InMemoryOrders,
    InMemoryOutbox,
    InMemoryPaymentEvents,
    InMemoryRestoreChallenges,
)
from paywall_core.testing.tables import OutboxRow, Tables
from paywall_core.tracking import TrackingAttempt


class InMemoryStore:
    """A database that lives as long as this object; one for all use cases of a test."""

    def __init__(self) -> None:
        self.tables = Tables()
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
    def archive(self) -> InMemoryArchive:
        """What operators and chores read."""
        return InMemoryArchive(self)

    @property
    def watch(self) -> InMemoryArchive:
        """What must never be."""
        return InMemoryArchive(self)

    @property
    def outbox(self) -> Sequence[OutboxRow]:
        """All committed outbox rows, oldest first."""
        return list(self.tables.outbox.values())

    @property
    def tracking_log(self) -> Sequence[TrackingAttempt]:
        """All committed tracked events, oldest first."""
        return list(self.tables.tracking_log.values())


class InMemoryUnitOfWork(UnitOfWork):
    """One transaction on an `InMemoryStore`."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def __aenter__(self) -> Self:
        """Wait for the transaction before, then begin."""
        await asyncio.sleep(0)  # others may go first, as on a database; a free lock alone would let nobody in between
        await self._store.lock.acquire()
        self._tables = self._store.tables.snapshot()
        self.outbox = InMemoryOutbox(self._tables)
        self.orders = InMemoryOrders(self._tables, self.outbox)
        self.payment_events = InMemoryPaymentEvents(self._tables)
        self.restore_challenges = InMemoryRestoreChallenges(self._tables)
        self.tracking_log = InMemoryTrackingLog(self._tables)
        self.operator_log = InMemoryOperatorLog(self._tables)
        self.reconciliation = InMemoryReconciliationLog(self._tables)
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
        best = max(candidates, key=lambda o: (o.entitlement.access_until or NEVER, o.created_at, o.id))
        return AccessRecord(
            order_id=best.id,
            plan=best.plan,
            state=best.state,
            access_until=best.entitlement.access_until,
            locale=best.locale,
            redeemed=bool(redeemed),
        )

    async def session(self, session_id: str) -> SessionRecord | None:
        """The order of this checkout session."""
        for order in self._store.tables.orders.values():
            if order.facts.checkout_session_id == session_id:
                entitlement = order.entitlement
                return SessionRecord(
                    order_id=order.id,
                    clickid=order.clickid,
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
        interval = timedelta(seconds=min_interval_seconds)
        if last is not None and last - interval <= now < last + interval:
            return False
        self._store.provider_reads[session_id] = now
        return True
