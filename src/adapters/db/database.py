"""One database: its pool, and what the core's ports get from it. Nothing is opened before the first use."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, select

from adapters.db.archive import SqlOrderArchive
from adapters.db.connection import database_errors
from adapters.db.directory import SqlOrderDirectory
from adapters.db.outbox_archive import SqlOutboxArchive
from adapters.db.pool import DEFAULT_POOL_SIZE, Pool, open_pool
from adapters.db.rows import history_of_row
from adapters.db.schema import order_history
from adapters.db.schema_version import SCHEMA, Schema, head_revision
from adapters.db.statements import Statement, among
from adapters.db.unit_of_work import SqlUnitOfWork
from adapters.db.watch import SqlWatch
from paywall_core.order import Change, HistoryEntry, Order
from paywall_core.ports.operations import OrderQuery

_READY_SECONDS: Final = 5.0  # an answer that takes longer is none: the probe that asked has gone


def _histories(dialect: str) -> Select[Any]:
    return (
        select(order_history)
        .where(among(dialect, order_history.c.order_id, "order_ids"))
        .order_by(order_history.c.order_id, order_history.c.sequence)
    )


_HISTORIES: Final = Statement(_histories)


class Database:
    """The database of one process.

    Args:
        url: `sqlite+aiosqlite:///file` or `postgresql+asyncpg://…`.
        on_enqueued: called after each commit by which something in the outbox is due, whichever process's it was where
            somebody `listen`s; it wakes this process's worker.
        on_changed: called after each commit of this process by which orders were placed or changed, with what changed.
        pool_size: connections that this process opens to PostgreSQL, at most.
        pool: its connections, where they are not to be opened by the URL.

    Attributes:
        on_changed: as given; it may be set later.
        writers: how many transactions of a process it is worth to have under way at once.

    Raises:
        ValueError: the URL is no such URL; the text holds none of it.
    """

    def __init__(
        self,
        url: str,
        *,
        on_enqueued: Callable[[], None] | None = None,
        on_changed: Callable[[Sequence[Change]], None] | None = None,
        pool_size: int = DEFAULT_POOL_SIZE,
        pool: Pool | None = None,
    ) -> None:
        self.pool = pool = pool or open_pool(url, pool_size=pool_size)
        self.writers = pool.writers
        self._on_enqueued = on_enqueued or _nobody_waits
        self.on_changed = on_changed
        self._bell = pool.bell(self._on_enqueued)
        self.directory = SqlOrderDirectory(pool)
        self.archive = SqlOrderArchive(pool)
        self.outbox_archive = SqlOutboxArchive(pool)
        self.watch = SqlWatch(pool)

    def unit_of_work(self) -> SqlUnitOfWork:
        """A fresh transaction."""
        ring = self._on_enqueued if self._bell is None else self._bell.ring
        return SqlUnitOfWork(self.pool, on_enqueued=ring, on_changed=self.on_changed)

    async def listen(self, stop: asyncio.Event) -> None:
        """Hear what other processes write to the outbox, until `stop` is set. On SQLite nobody tells: workers poll."""
        await (stop.wait() if self._bell is None else self._bell.listen(stop))

    async def is_ready(self) -> bool:
        """Whether the database answers and its schema serves this code: its own, or a newer one that says so."""
        try:
            async with asyncio.timeout(_READY_SECONDS), self.pool.reading() as connection:
                row = await connection.first(SCHEMA)
        except database_errors():  # a timeout is an OSError
            return False
        if row is None:
            return False
        return Schema(revision=row.version_num, serves_from=row.serves_from).serves(head_revision())

    async def recent_orders(self, limit: int) -> Sequence[tuple[Order, Sequence[HistoryEntry]]]:
        """The newest orders with their histories, for an operator's page."""
        found = await self.archive.search(OrderQuery(limit=limit))
        histories: Mapping[Any, list[HistoryEntry]] = {order.id: [] for order in found}
        async with self.pool.reading(patiently=True) as connection:
            for row in await connection.all(_HISTORIES, {"order_ids": [order.id for order in found]}):
                histories[row.order_id].append(history_of_row(row))
        return [(order, histories[order.id]) for order in found]

    async def close(self) -> None:
        """Close all connections."""
        if self._bell is not None:
            await self._bell.close()
        await self.pool.close()


def _nobody_waits() -> None:
    """No worker in this process: others look at the outbox by themselves."""
