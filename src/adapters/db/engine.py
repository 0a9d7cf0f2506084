"""SQLAlchemy's engines on the two databases, for migrations and the doctor; the product itself works by `pool.py`.

Nothing is opened here, only described. Knows no table.
"""

from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from adapters.db.opening import SQLITE_BUSY_SECONDS, parse_url, set_up_sqlite

_WRITES: Final = "paywall_writes"


def create_engine(url: str) -> AsyncEngine:
    """An engine for SQLite (WAL, synchronous=FULL, foreign keys) or PostgreSQL (READ COMMITTED, its default).

    Raises:
        ValueError: see `parse_url`.
    """
    parsed = parse_url(url)
    if parsed.drivername == "postgresql+asyncpg":
        return create_async_engine(parsed, poolclass=NullPool)
    engine = create_async_engine(parsed, connect_args={"timeout": SQLITE_BUSY_SECONDS}, poolclass=NullPool)

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself: `_on_begin` does
        connection.run_async(set_up_sqlite)

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Any) -> None:
        """Writers queue up here, at the start, instead of failing in the middle."""
        immediate = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def for_writing(engine: AsyncEngine) -> AsyncEngine:
    """The same engine and pool, whose transactions are going to write: on SQLite they begin with the write lock."""
    return engine.execution_options(**{_WRITES: True})
