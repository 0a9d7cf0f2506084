"""Connections that are kept open, and how each database begins what is done on them.

Nothing is opened before the first use. A connection that comes back in the middle of something is rolled back, and one
on which that fails is thrown away. One on which nothing is open is the next one's at once, in the same turn of the
event loop: in a burst each turn is a while, and the gate is asked all the time.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import ClassVar, Final, Protocol, TypeAlias

import aiosqlite

from adapters.db.connection import Connection, SqliteConnection, database_errors
from adapters.db.opening import SQLITE_BUSY_SECONDS, parse_url, set_up_sqlite

DEFAULT_POOL_SIZE: Final = 20
"""Connections that one process opens to PostgreSQL, at most."""

CLOSE_SECONDS: Final = 5.0
"""What it may take to put a connection right that came back, or to close it."""

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
    """The connections of one process; the one that came back last is the first one out.

    Args:
        size: how many, at most.

    Attributes:
        writers: transactions that write, at once: more of them do not do more.
        readers: statements that many share who ask the same (`coalescing.py`), at once, of each kind.
        wait_seconds: how long somebody waits for a connection that others have, or for a new one.
        read_seconds: what a statement that reads alone may take.
        write_seconds: what one of a transaction that writes may take, locks that it waits for included.
        patient_seconds: what one may take that looks at everything, or answers an operator.
    """

    writers: ClassVar[int]
    readers: ClassVar[int]
    wait_seconds: ClassVar[float] = 30.0
    read_seconds: ClassVar[float] = 10.0
    write_seconds: ClassVar[float] = 60.0
    patient_seconds: ClassVar[float] = 300.0
    _snapshot: ClassVar[str]
    _write: ClassVar[str]

    def __init__(self, *, size: int) -> None:
        self._permits = asyncio.Semaphore(size)
        self._idle = deque[Connection]()  # the right end came back last
        self._is_closed = False

    @abstractmethod
    async def close(self) -> None:
        """Close all of them; those in use have a moment to come back."""

    @abstractmethod
    async def _open(self) -> Connection:
        """A new one."""

    @abstractmethod
    async def _end(self, connection: Connection) -> None:
        """Close one that nobody has."""

    def _is_fit(self, connection: Connection) -> bool:  # noqa: ARG002  - a file is always there
        """Whether the next one may have it; what says no has let go of it."""
        return True

    def bell(self, ring_here: Callable[[], None]) -> Bell | None:  # noqa: ARG002  - for those who have one
        """What wakes others; None: the database has no way to tell them.

        Args:
            ring_here: wakes who waits in this process.
        """
        return None

    async def acquire(self) -> Connection:
        """A connection that nobody else has.

        Raises:
            TimeoutError: others have them all, for too long; or a new one was too long in coming.
        """
        if self._permits.locked():
            async with asyncio.timeout(self.wait_seconds):
                await self._permits.acquire()
        else:
            await self._permits.acquire()
        while self._idle:
            connection = self._idle.pop()
            if self._is_fit(connection):
                return connection
        try:
            return await self._open()
        except BaseException:
            self._permits.release()
            raise

    async def release(self, connection: Connection) -> None:
        """Give it back, whatever is still open on it, and even when the caller is being cancelled."""
        if connection.is_clean and not self._is_closed:
            self._keep(connection)
            self._permits.release()
        else:
            await asyncio.shield(asyncio.create_task(self._put_away(connection)))

    async def begin_writing(self) -> Connection:
        """A connection in a transaction that is going to write: on SQLite it has the write lock."""
        connection = await self.acquire()
        connection.patience = self.write_seconds
        try:
            await connection.begin(self._write)
        except BaseException:
            await self.release(connection)
            raise
        return connection

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
        except asyncio.CancelledError:
            connection.is_clean = False  # a statement may still be under way
            raise
        finally:
            await self.release(connection)

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
            await self.release(connection)

    def _keep(self, connection: Connection) -> None:
        """For the next one."""
        if self._is_fit(connection):
            self._idle.append(connection)

    async def _put_away(self, connection: Connection) -> None:
        """Keep it, rolled back; or close it, where that fails or nothing is kept any more."""
        try:
            if await _is_put_right(connection) and not self._is_closed:
                self._keep(connection)
            else:
                await self._end(connection)
        finally:
            self._permits.release()


class SqlitePool(Pool):
    """Connections to a file.

    Args:
        path: of the file.
        connect: opens one, in autocommit; by default `aiosqlite`.
    """

    writers = 1
    readers = 1  # two threads take from each other, and from the loop, what they do
    _snapshot = "BEGIN"
    _write = "BEGIN IMMEDIATE"  # writers queue up here, at the start, instead of failing in the middle

    def __init__(self, path: str, *, connect: SqliteOpener | None = None) -> None:
        super().__init__(size=_SQLITE_POOL_SIZE)
        self._path = path
        self._connect = connect or self._connect_to_file

    async def close(self) -> None:
        """Close those that nobody has; the others as they come back, for each has a thread that keeps the process."""
        self._is_closed = True
        while self._idle:
            await self._end(self._idle.pop())

    async def _open(self) -> Connection:
        raw = await self._connect()
        try:
            await set_up_sqlite(raw)
        except BaseException:
            await raw.close()
            raise
        return SqliteConnection(raw)

    async def _end(self, connection: Connection) -> None:
        await connection.raw.close()

    async def _connect_to_file(self) -> aiosqlite.Connection:
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


async def _is_put_right(connection: Connection) -> bool:
    """Whether nothing is open on it any more."""
    if connection.is_clean:
        return True
    connection.patience = CLOSE_SECONDS
    try:
        await connection.rollback()
    except database_errors(ValueError):  # aiosqlite says of a connection that is closed: ValueError
        return False
    return True
