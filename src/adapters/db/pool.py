"""Connections that are kept open, and how each database begins what is done on them.

Nothing is opened before the first use. A connection that comes back in the middle of something is rolled back, and one
on which that fails is thrown away.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import ClassVar, Final, Protocol, TypeAlias

import aiosqlite

from adapters.db.connection import Connection, SqliteConnection, database_errors
from adapters.db.opening import SQLITE_BUSY_SECONDS, parse_url, set_up_sqlite

DEFAULT_POOL_SIZE: Final = 20
"""Connections that one process opens to PostgreSQL, at most."""

_SQLITE_POOL_SIZE: Final = 10  # a file has one writer at a time, and a few readers suffice
SqliteOpener: TypeAlias = Callable[[], Awaitable[aiosqlite.Connection]]


class Bell(Protocol):
    """Wakes whoever waits for something in the outbox, in this process and in others."""

    def ring(self) -> None:
        """Something is due."""
        ...

    async def listen(self, stop: asyncio.Event) -> None:
        """Hear other processes ring, until `stop` is set."""
        ...

    async def close(self) -> None:
        """Let the word that is under way arrive."""
        ...


class Pool(ABC):
    """The connections of one process.

    Attributes:
        writers: transactions that write, at once: more of them do not do more.
        wait_seconds: how long somebody waits for a connection that others have.
        read_seconds: what a statement that reads alone may take.
        patient_seconds: what one may take that looks at everything, or answers an operator.
    """

    writers: ClassVar[int]
    wait_seconds: ClassVar[float] = 30.0
    read_seconds: ClassVar[float] = 10.0
    patient_seconds: ClassVar[float] = 300.0
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

    def bell(self, ring_here: Callable[[], None]) -> Bell | None:  # noqa: ARG002  - for those who have one
        """What wakes others; None: the database has no way to tell them.

        Args:
            ring_here: wakes who waits in this process.
        """
        return None

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
    async def reading(self, *, patiently: bool = False) -> AsyncIterator[Connection]:
        """A connection for single statements, each a transaction of its own.

        Args:
            patiently: they look at everything, or answer an operator.
        """
        connection = await self.acquire()
        connection.patience = self.patient_seconds if patiently else self.read_seconds
        try:
            yield connection
        finally:
            await self.give_back(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection whose statements all see one moment."""
        async with self.reading(patiently=True) as connection:
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
            async with asyncio.timeout(self.wait_seconds):
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
        except database_errors(ValueError):  # aiosqlite says of a connection that is closed: ValueError
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


def open_pool(url: str, *, pool_size: int = DEFAULT_POOL_SIZE) -> Pool:
    """The pool for a database's URL; opens nothing yet.

    Raises:
        ValueError: see `parse_url`.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "postgresql":
        from adapters.db.postgresql import PostgresPool  # noqa: PLC0415  - who speaks SQLite does without its driver

        return PostgresPool(parsed, size=pool_size)
    return SqlitePool(parsed.database or "")
