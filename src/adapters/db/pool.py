"""Connections that are kept open, and how each database begins what is done on them.

Nothing is opened before the first use. A connection that comes back in the middle of something is rolled back, and one
on which that fails is thrown away.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar, Final, TypeAlias

import aiosqlite
import asyncpg
from sqlalchemy import URL

from adapters.db.connection import DATABASE_ERRORS, Connection, PostgresConnection, SqliteConnection
from adapters.db.opening import SQLITE_BUSY_SECONDS, parse_url, set_up_sqlite
from adapters.db.statements import dialect_of

DEFAULT_POOL_SIZE: Final = 20
"""Connections that one process opens to PostgreSQL, at most."""

_SQLITE_POOL_SIZE: Final = 10  # a file has one writer at a time, and a few readers suffice
_WAIT_SECONDS: Final = 30.0  # for a connection that others have
_CLOSE_SECONDS: Final = 5.0

SqliteOpener: TypeAlias = Callable[[], Awaitable[aiosqlite.Connection]]


class Pool(ABC):
    """The connections of one process.

    Attributes:
        writers: transactions that write, at once: more of them do not do more.
    """

    writers: ClassVar[int]
    _read: ClassVar[str | None]
    _snapshot: ClassVar[str]
    _write: ClassVar[str]

    @abstractmethod
    async def acquire(self) -> Connection:
        """A connection that nobody else has.

        Raises:
            TimeoutError: others have them all, for too long.
        """

    @abstractmethod
    async def release(self, connection: Connection) -> None:
        """Give it back, whatever is still open on it."""

    @abstractmethod
    async def close(self) -> None:
        """Close all of them; those in use have a moment to come back."""

    async def begin_writing(self) -> Connection:
        """A connection in a transaction that is going to write: on SQLite it has the write lock."""
        connection = await self.acquire()
        try:
            await connection.begin(self._write)
        except BaseException:
            await self.give_back(connection)
            raise
        return connection

    async def give_back(self, connection: Connection) -> None:
        """Give it back, even when the caller is being cancelled."""
        await asyncio.shield(asyncio.create_task(self.release(connection)))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for single statements, each a transaction of its own."""
        connection = await self.acquire()
        try:
            yield connection
        finally:
            await self.give_back(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection whose statements all see one moment."""
        async with self.reading() as connection:
            await connection.begin(self._snapshot)
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A transaction that is committed at the end of the block."""
        connection = await self.begin_writing()
        try:
            yield connection
            await connection.commit()
        finally:
            await self.give_back(connection)


class SqlitePool(Pool):
    """Connections to a file.

    Args:
        path: of the file.
        connect: opens one, in autocommit; by default `aiosqlite`.
    """

    writers = 1
    _snapshot = "BEGIN"
    _write = "BEGIN IMMEDIATE"  # writers queue up here, at the start, instead of failing in the middle

    def __init__(self, path: str, *, connect: SqliteOpener | None = None) -> None:
        self._path = path
        self._connect = connect or self._open
        self._idle: list[Connection] = []
        self._is_closed = False
        self._permits = asyncio.Semaphore(_SQLITE_POOL_SIZE)

    async def acquire(self) -> Connection:
        """The one that came back last, or a new one."""
        if self._permits.locked():
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._permits.acquire()
        else:
            await self._permits.acquire()
        if self._idle:
            return self._idle.pop()
        try:
            raw = await self._connect()
            try:
                await set_up_sqlite(raw)
            except BaseException:
                await raw.close()
                raise
        except BaseException:
            self._permits.release()
            raise
        return SqliteConnection(raw)

    async def release(self, connection: Connection) -> None:
        """Back into the pool, rolled back."""
        try:
            if not connection.is_clean:
                await connection.rollback()
        except (*DATABASE_ERRORS, ValueError):  # aiosqlite says of a connection that is closed: ValueError
            await connection.raw.close()
        else:
            if self._is_closed:
                await connection.raw.close()
            else:
                self._idle.append(connection)
        finally:
            self._permits.release()

    async def close(self) -> None:
        """Close those that nobody has; the others as they come back, for each has a thread that keeps the process."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().raw.close()

    async def _open(self) -> aiosqlite.Connection:
        return await aiosqlite.connect(self._path, timeout=SQLITE_BUSY_SECONDS, isolation_level=None)


class PostgresPool(Pool):
    """Connections to a server.

    Args:
        url: of the database; what its query says goes to the driver.
        size: how many, at most.

    Attributes:
        arguments: what the driver connects by.
    """

    writers = 2  # one works while the other waits for its commit
    _snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    _write = "BEGIN"

    def __init__(self, url: URL, *, size: int = DEFAULT_POOL_SIZE) -> None:
        _, self.arguments = dialect_of("postgresql").create_connect_args(url)
        cache_size = self.arguments.pop("prepared_statement_cache_size", None)  # SQLAlchemy's name for it
        if cache_size is not None:
            self.arguments["statement_cache_size"] = int(cache_size)
        self._size = size
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def acquire(self) -> Connection:
        """One that is open, or a new one. One that the server has closed meanwhile is opened anew."""
        if self._pool is None:
            await self._open()
        return PostgresConnection(await self._pool.acquire(timeout=_WAIT_SECONDS))

    async def release(self, connection: Connection) -> None:
        """Back into the pool, rolled back."""
        try:
            if not connection.is_clean:
                await connection.rollback()
        except DATABASE_ERRORS:
            with suppress(asyncpg.InterfaceError):  # asyncpg has let go already of one that the server closed
                connection.raw.terminate()
        finally:
            await self._pool.release(connection.raw)

    async def close(self) -> None:
        """Close all; what is not given back in time is cut off."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()  # it waits for those in use, which come back by `release`
        except TimeoutError:
            self._pool.terminate()

    async def _open(self) -> None:
        async with self._opening:
            if self._pool is None:
                # Opened one by one as they are needed, and never reset by the driver: `release` has rolled them back,
                # nothing here changes a session, and asyncpg's reset costs a trip for each use.
                self._pool = await asyncpg.create_pool(min_size=0, max_size=self._size, reset=_keep, **self.arguments)


async def _keep(_connection: object) -> None:
    """A connection that comes back is as it should be."""


def open_pool(url: str, *, pool_size: int = DEFAULT_POOL_SIZE) -> Pool:
    """The pool for a database's URL; opens nothing yet.

    Raises:
        ValueError: see `parse_url`.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "postgresql":
        return PostgresPool(parsed, size=pool_size)
    return SqlitePool(parsed.database or "")
