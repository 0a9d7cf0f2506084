"""How the two databases that we speak are opened; and SQLAlchemy's engines on them, for migrations and the doctor.

The product itself runs its statements by `pool.py`. Nothing is opened here, only described. Knows no table.
"""

import asyncio
import sqlite3
import time
from typing import Any, Final

import aiosqlite
from sqlalchemy import URL, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

SQLITE_BUSY_SECONDS: Final = 30
"""How long a SQLite writer waits for the one before it."""

_SQLITE_RETRY_SECONDS: Final = 0.02
_SQLITE_PRIMARY_CODE: Final = 0xFF  # the bits above tell the kinds of busy apart
_WRITES: Final = "paywall_writes"


def parse_url(url: str) -> URL:
    """The parts of a database URL.

    Raises:
        ValueError: it is no such URL. The text never holds any of it, because any part may be a piece of a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number, which an unescaped password easily makes
        raise ValueError("not a database URL (is the password percent-encoded?)") from None
    if parsed.drivername == "postgresql+asyncpg":
        return parsed
    if parsed.drivername == "sqlite+aiosqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    raise ValueError("the database must be sqlite+aiosqlite:///file or postgresql+asyncpg://host/name")


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


async def set_up_sqlite(connection: aiosqlite.Connection) -> None:
    """The pragmas of a connection; of several that turn a new file to WAL at once, SQLite lets none wait its turn."""
    deadline = time.monotonic() + SQLITE_BUSY_SECONDS
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        while True:
            try:
                await (await connection.execute(f"PRAGMA {pragma}")).close()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & _SQLITE_PRIMARY_CODE == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_SQLITE_RETRY_SECONDS)
            else:
                break


def for_writing(engine: AsyncEngine) -> AsyncEngine:
    """The same engine and pool, whose transactions are going to write: on SQLite they begin with the write lock."""
    return engine.execution_options(**{_WRITES: True})
