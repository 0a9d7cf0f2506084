"""How the two databases that we speak are named and opened. Knows no table."""

import asyncio
import sqlite3
import time
from typing import Final

import aiosqlite
from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

SQLITE_BUSY_SECONDS: Final = 30
"""How long a SQLite writer waits for the one before it."""

_SQLITE_RETRY_SECONDS: Final = 0.02
_SQLITE_PRIMARY_CODE: Final = 0xFF  # the bits above tell the kinds of busy apart


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
