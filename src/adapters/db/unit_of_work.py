"""The unit of work on SQL: one connection, one transaction, the repositories on it."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from adapters.db.operator_log import SqlOperatorLog
from adapters.db.orders import SqlOrders
from adapters.db.outbox import SqlOutbox
from adapters.db.payment_events import SqlPaymentEvents
from adapters.db.pool import Pool
from adapters.db.reconciliation import SqlReconciliationLog
from adapters.db.restore_challenges import SqlRestoreChallenges
from adapters.db.tracking_log import SqlTrackingLog
from paywall_core.order import Change
from paywall_core.ports.unit_of_work import UnitOfWork


class SqlUnitOfWork(UnitOfWork):
    """One transaction: `BEGIN IMMEDIATE` on SQLite, row locks on PostgreSQL.

    Args:
        pool: where its connection comes from.
        on_enqueued: called after a commit by which something in the outbox became due.
        on_changed: called after a commit by which orders were placed or changed, with what changed.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        on_enqueued: Callable[[], None],
        on_changed: Callable[[Sequence[Change]], None] | None = None,
    ) -> None:
        self._pool = pool
        self._on_enqueued = on_enqueued
        self._on_changed = on_changed

    async def __aenter__(self) -> Self:
        """Take a connection and begin."""
        self._connection = connection = await self._pool.begin_writing()
        self.outbox = SqlOutbox(connection)
        self.orders = SqlOrders(connection, self.outbox)
        self.payment_events = SqlPaymentEvents(connection)
        self.restore_challenges = SqlRestoreChallenges(connection)
        self.tracking_log = SqlTrackingLog(connection)
        self.operator_log = SqlOperatorLog(connection)
        self.reconciliation = SqlReconciliationLog(connection)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Roll back what was not committed, and give the connection back, even when the caller is being cancelled."""
        await self._pool.release(self._connection)

    async def commit(self) -> None:
        """Make everything durable; the unit of work is spent."""
        await self._connection.commit()
        if self.outbox.has_enqueued:
            self._on_enqueued()
        if self._on_changed is not None and self.orders.changes:
            self._on_changed(self.orders.changes)
