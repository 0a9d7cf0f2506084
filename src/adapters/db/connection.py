"""A connection in use: statements in, rows out. One class for each driver (`postgresql.py`); neither knows a table."""

import sqlite3
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, ClassVar, Final

import aiosqlite

from adapters.db.one_trip import Given, OneTrip
from adapters.db.statements import Row, Statement, Values

_NOTHING: Final[Mapping[str, object]] = {}


def database_errors(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """What a database that is away, or fails, raises; what takes too long is an `OSError`, too. `more` go along.

    A process speaks one database, and a driver that it has not loaded raises nothing.
    """
    driver = sys.modules.get("asyncpg")
    if driver is None:
        return (*more, sqlite3.Error, OSError)
    # The last one is a connection that is cut in the middle of a word.
    of_postgresql = (driver.PostgresError, driver.InterfaceError, driver.InternalClientError)
    return (*more, sqlite3.Error, OSError, *of_postgresql)


class Connection(ABC):
    """One of a pool's connections, as long as somebody has it.

    Attributes:
        dialect: `sqlite` or `postgresql`.
        raw: the driver's own.
        patience: so many seconds a statement may take on a server; None: for ever. A file is always there.
        is_silent: a statement took longer than that; nobody knows what has become of it.
        is_clean: no transaction is open, and none may be: whoever was cancelled in the middle cannot know.
        opened_at, used_at: when it was opened and when it last came back, by `time.monotonic`.
    """

    dialect: ClassVar[str]

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.patience: float | None = None
        self.is_silent = False
        self.is_clean = True
        self.opened_at = self.used_at = monotonic()

    @abstractmethod
    async def all(self, statement: Statement, values: Values = _NOTHING) -> list[Row]:
        """All rows that the statement gives."""

    @abstractmethod
    async def first(self, statement: Statement, values: Values = _NOTHING) -> Row | None:
        """The first of them, or None."""

    @abstractmethod
    async def change(self, statement: Statement, values: Values = _NOTHING) -> int:
        """Execute what gives no rows; how many rows it touched."""

    @abstractmethod
    async def each(self, statement: Statement, many: Sequence[Values]) -> list[Row]:
        """Execute it for each of these, in their order; the rows that it gives. One trip, however many they are."""

    @abstractmethod
    async def in_one_trip(self, several: OneTrip, *given: Given) -> list[list[Row]]:
        """Execute several statements, each by what is given for it; the rows of each. One trip, where trips cost."""

    @abstractmethod
    async def run(self, sql: str) -> None:
        """Execute a text as it is."""

    async def begin(self, how: str) -> None:
        """Begin a transaction by this text."""
        self.is_clean = False
        await self.run(how)

    async def commit(self) -> None:
        """Make it durable."""
        await self.run("COMMIT")
        self.is_clean = True

    async def rollback(self) -> None:
        """Take it back, if there is one."""
        await self.run("ROLLBACK")
        self.is_clean = True


class SqliteConnection(Connection):
    """On `aiosqlite`: each call is one trip to the connection's thread."""

    dialect = "sqlite"
    raw: aiosqlite.Connection

    async def all(self, statement: Statement, values: Values = _NOTHING) -> list[Row]:
        """All rows."""
        written = statement.on("sqlite")
        found = await self.raw.execute_fetchall(written.sql, written.arguments(values))
        return [written.row(raw) for raw in found]

    async def first(self, statement: Statement, values: Values = _NOTHING) -> Row | None:
        """The first row. They are all read: a cursor that is left open would hold the file."""
        rows = await self.all(statement, values)
        return rows[0] if rows else None

    async def change(self, statement: Statement, values: Values = _NOTHING) -> int:
        """How many rows it touched."""
        written = statement.on("sqlite")
        return (await self.raw.execute(written.sql, written.arguments(values))).rowcount

    async def each(self, statement: Statement, many: Sequence[Values]) -> list[Row]:
        """One after another, within the thread."""
        written = statement.on("sqlite")
        arguments = [written.arguments(values) for values in many]
        if not written.gives_rows:
            await self.raw.executemany(written.sql, arguments)
            return []
        in_thread: Any = self.raw._execute  # noqa: SLF001  - aiosqlite has no other way there
        found = await in_thread(self._fetch_each, written.sql, arguments)
        return [written.row(raw) for raw in found]

    async def in_one_trip(self, several: OneTrip, *given: Given) -> list[list[Row]]:
        """One after another: each is a trip to the thread, which costs little."""
        found = list[list[Row]]()
        for statement, values in zip(several.statements, given, strict=True):
            if isinstance(values, Mapping):
                found.append(await self.all(statement, values))
            else:
                found.append(await self.each(statement, values) if values else [])
        return found

    def _fetch_each(self, sql: str, many: Sequence[Sequence[object]]) -> list[Any]:
        """In the connection's thread."""
        execute = self.raw._conn.execute  # noqa: SLF001  - as above
        return [raw for arguments in many for raw in execute(sql, arguments).fetchall()]

    async def run(self, sql: str) -> None:
        """A text."""
        await self.raw.execute(sql)

    async def rollback(self) -> None:
        """Take it back. By a call of its own: the driver says nothing of a transaction that is over already."""
        await self.raw.rollback()
        self.is_clean = True
