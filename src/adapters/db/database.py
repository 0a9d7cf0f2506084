"""One database: its engine, and what the core's ports get from it. Nothing is opened before the first use."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.db.directory import SqlOrderDirectory
from adapters.db.migrate import schema_is_current_on
from adapters.db.rows import history_of_row, order_of_row
from adapters.db.schema import order_history, orders
from adapters.db.unit_of_work import SqlUnitOfWork
from paywall_core.order import HistoryEntry, Order

SQLITE_BUSY_SECONDS = 30


def create_engine(url: str) -> AsyncEngine:
    """An engine for SQLite (WAL, synchronous=FULL, immediate transactions) or PostgreSQL.

    Raises:
        ValueError: the URL is no such URL. The text never holds it, because it may hold a password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("not a database URL") from None
    if parsed.drivername == "postgresql+asyncpg":
        return create_async_engine(parsed, pool_size=10, max_overflow=10, pool_pre_ping=True)
    if parsed.drivername != "sqlite+aiosqlite" or not parsed.database or parsed.database == ":memory:":
        raise ValueError("the database must be sqlite+aiosqlite:///file or postgresql+asyncpg://host/name")
    engine = create_async_engine(parsed, connect_args={"timeout": SQLITE_BUSY_SECONDS}, pool_size=5, max_overflow=5)

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself: `_on_begin` does
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Any) -> None:
        """Writers queue up here, at the start, instead of failing in the middle."""
        immediate = connection.get_execution_options().get("paywall_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


class Database:
    """The database of one process.

    Args:
        url: `sqlite+aiosqlite:///file` or `postgresql+asyncpg://…`.
    """

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        self.directory = SqlOrderDirectory(self._engine)

    def unit_of_work(self) -> SqlUnitOfWork:
        """A fresh transaction."""
        return SqlUnitOfWork(self._engine)

    async def is_ready(self) -> bool:
        """Whether the database answers and its schema is the one this code was written for."""
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(schema_is_current_on)
        except (DBAPIError, OSError):
            return False

    async def recent_orders(self, limit: int) -> Sequence[tuple[Order, Sequence[HistoryEntry]]]:
        """The newest orders with their histories, for an operator's page."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(orders).order_by(orders.c.created_at.desc()).limit(limit))).all()
            found = [order_of_row(row) for row in rows]
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
