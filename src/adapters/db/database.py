"""One database: its engine, and what the core's ports get from it. Nothing is opened before the first use."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import asyncpg
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from adapters.db.archive import SqlOrderArchive
from adapters.db.directory import SqlOrderDirectory
from adapters.db.engine import DEFAULT_POOL_SIZE, create_engine, for_writing
from adapters.db.migrate import schema_is_current_on
from adapters.db.outbox_archive import SqlOutboxArchive
from adapters.db.rows import history_of_row
from adapters.db.schema import order_history
from adapters.db.unit_of_work import SqlUnitOfWork
from adapters.db.watch import SqlInvariantWatch
from paywall_core.order import HistoryEntry, Order
from paywall_core.ports.operations import OrderQuery

_READY_SECONDS: Final = 5.0  # an answer that takes longer is none: the probe that asked has gone


class Database:
    """The database of one process.

    Args:
        url: `sqlite+aiosqlite:///file` or `postgresql+asyncpg://…`.
        on_enqueued: called after each commit by which something in the outbox is due; it wakes this process's worker.
        pool_size: connections that this process keeps open to PostgreSQL; in a rush it opens as many again.

    Raises:
        ValueError: the URL is no such URL; the text holds none of it.
    """

    def __init__(
        self, url: str, *, on_enqueued: Callable[[], None] | None = None, pool_size: int = DEFAULT_POOL_SIZE
    ) -> None:
        self._engine = create_engine(url, pool_size=pool_size)
        self._writing = for_writing(self._engine)
        self._on_enqueued = on_enqueued or _nobody_waits
        self.directory = SqlOrderDirectory(self._engine)
        self.archive = SqlOrderArchive(self._engine)
        self.outbox_archive = SqlOutboxArchive(self._engine)
        self.watch = SqlInvariantWatch(self._engine)

    def unit_of_work(self) -> SqlUnitOfWork:
        """A fresh transaction."""
        return SqlUnitOfWork(self._writing, on_enqueued=self._on_enqueued)

    async def is_ready(self) -> bool:
        """Whether the database answers and its schema is the one this code was written for."""
        try:
            async with asyncio.timeout(_READY_SECONDS), self._engine.connect() as connection:
                return await connection.run_sync(schema_is_current_on)
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False  # while it connects, asyncpg's own errors come through as they are; a timeout is an OSError

    async def recent_orders(self, limit: int) -> Sequence[tuple[Order, Sequence[HistoryEntry]]]:
        """The newest orders with their histories, for an operator's page."""
        found = await self.archive.search(OrderQuery(limit=limit))
        async with self._engine.connect() as connection:
            told = await connection.execute(
                select(order_history)
                .where(order_history.c.order_id.in_([order.id for order in found]))
                .order_by(order_history.c.order_id, order_history.c.sequence)
            )
            histories: Mapping[Any, list[HistoryEntry]] = {order.id: [] for order in found}
            for row in told:
                histories[row.order_id].append(history_of_row(row))
        return [(order, histories[order.id]) for order in found]

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def _nobody_waits() -> None:
    """No worker in this process: others look at the outbox by themselves."""
