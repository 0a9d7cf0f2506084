"""PostgreSQL's driver: its connections and their pool. Loaded by whoever speaks PostgreSQL, and nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, ClassVar, Final

import asyncpg
import structlog
from sqlalchemy import URL

from adapters.db.bell import PostgresBell
from adapters.db.connection import Connection, database_errors
from adapters.db.one_trip import Given, OneTrip
from adapters.db.pool import CLOSE_SECONDS, DEFAULT_POOL_SIZE, Pool
from adapters.db.statements import Row, Statement, Values, dialect_of

_NOTHING: Final[Values] = {}
_PLAN_ONCE: Final = "SET plan_cache_mode = force_generic_plan"
"""Each statement has one plan, for all values, which is what tests look at.

Else the server weighs at each execution whether to plan it anew for these values, and where a list is short does so
every time, for a plan that is the same.
"""

_log = structlog.stdlib.get_logger("paywall.database")


class PostgresConnection(Connection):
    """On `asyncpg`, which prepares each text once for each of its connections.

    A statement that takes longer than its patience is a `TimeoutError`, and the connection is cut off: nobody knows
    what has become of it. TCP itself would wait a quarter of an hour for a server that has vanished.
    """

    dialect = "postgresql"

    async def all(self, statement: Statement, values: Values = _NOTHING) -> list[Row]:
        """All rows."""
        written = statement.on("postgresql")
        found = await self._answer(self.raw.fetch(written.sql, *written.arguments(values), timeout=self.patience))
        return [written.row(raw) for raw in found]

    async def first(self, statement: Statement, values: Values = _NOTHING) -> Row | None:
        """The first row."""
        written = statement.on("postgresql")
        raw = await self._answer(self.raw.fetchrow(written.sql, *written.arguments(values), timeout=self.patience))
        return None if raw is None else written.row(raw)

    async def change(self, statement: Statement, values: Values = _NOTHING) -> int:
        """How many rows it touched: the last word of what the server says of it."""
        written = statement.on("postgresql")
        tag: str = await self._answer(self.raw.execute(written.sql, *written.arguments(values), timeout=self.patience))
        return int(tag.rsplit(" ", 1)[-1])

    async def each(self, statement: Statement, many: Sequence[Values]) -> list[Row]:
        """All in one trip."""
        written = statement.on("postgresql")
        if written.takes_rows:
            found = await self._answer(self.raw.fetch(written.sql, *written.all_of(many), timeout=self.patience))
            return [written.row(raw) for raw in found]
        arguments = [written.arguments(values) for values in many]
        if not written.gives_rows:
            await self._answer(self.raw.executemany(written.sql, arguments, timeout=self.patience))
            return []
        found = await self._answer(self.raw.fetchmany(written.sql, arguments, timeout=self.patience))
        return [written.row(raw) for raw in found]

    async def in_one_trip(self, several: OneTrip, *given: Given) -> list[list[Row]]:
        """As one statement."""
        written = several.on_postgresql()
        return written.rows(
            await self._answer(self.raw.fetch(written.sql, *written.arguments(given), timeout=self.patience))
        )

    async def run(self, sql: str) -> None:
        """A text."""
        await self._answer(self.raw.execute(sql, timeout=self.patience))

    async def _answer(self, asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except TimeoutError:
            self.is_silent = True
            _cut_off(self.raw)
            _log.warning("database.silent", seconds=self.patience)
            raise TimeoutError(f"the database has not answered for {self.patience} s") from None


class PostgresPool(Pool):
    """Connections to a server.

    One that nobody has used for minutes is closed, for a firewall may have forgotten it; and so is one that is old, for
    the server's process at its other end forgets nothing.

    Args:
        url: of the database; what its query says goes to the driver.
        size: how many, at most.

    Attributes:
        arguments: what the driver connects by.
        idle_seconds: so long one is kept that nobody uses.
        kept_seconds: so long one is kept at all.
    """

    writers = 2  # one works while the other waits for its commit
    readers = 2  # one that is slow does not hold up all
    idle_seconds: ClassVar[float] = 300.0
    kept_seconds: ClassVar[float] = 1800.0
    _snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    _write = "BEGIN"

    def __init__(self, url: URL, *, size: int = DEFAULT_POOL_SIZE) -> None:
        super().__init__(size=size)
        _, self.arguments = dialect_of("postgresql").create_connect_args(url)
        cache_size = self.arguments.pop("prepared_statement_cache_size", None)  # SQLAlchemy's name for it
        if cache_size is not None:
            self.arguments["statement_cache_size"] = int(cache_size)
        # Without prepared statements a pooler stands in between, whose connections are not ours to set.
        self._plans_once = self.arguments.get("statement_cache_size") != 0
        self._size = size
        self._open_ones = set[Connection]()
        self._none_before = -inf
        self._ending = set[asyncio.Task[None]]()
        self._looking: asyncio.TimerHandle | None = None

    def bell(self, ring_here: Callable[[], None]) -> PostgresBell:
        """By NOTIFY."""
        return PostgresBell(self, self.arguments, ring_here)

    async def release(self, connection: Connection) -> None:
        """Give it back, whatever is still open on it. Where one was swallowed, the others were, too."""
        if connection.is_silent:
            self._none_before = monotonic()
            while self._idle:
                self._let_go(self._idle.pop())
        await super().release(connection)

    async def close(self) -> None:
        """Close all; what is not given back in time is cut off."""
        self._is_closed = True
        if self._looking is not None:
            self._looking.cancel()
        while self._idle:
            self._end_soon(self._idle.pop())
        back = 0
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while back < self._size:
                    await self._permits.acquire()
                    back += 1
        except TimeoutError:
            for connection in tuple(self._open_ones):
                self._let_go(connection)
        finally:
            for _ in range(back):
                self._permits.release()
        await asyncio.gather(*self._ending)

    def _is_fit(self, connection: Connection) -> bool:
        now = monotonic()
        if connection.raw.is_closed() or connection.opened_at <= self._none_before:
            self._let_go(connection)
            return False
        if now > min(connection.used_at + self.idle_seconds, connection.opened_at + self.kept_seconds):
            self._end_soon(connection)
            return False
        return True

    def _keep(self, connection: Connection) -> None:
        connection.used_at = monotonic()
        super()._keep(connection)
        if self._looking is None and self._idle:
            self._looking = asyncio.get_running_loop().call_later(self.idle_seconds, self._look)

    def _look(self) -> None:
        """End those that nobody uses any more; they are at the left end."""
        self._looking = None
        while self._idle and monotonic() > self._idle[0].used_at + self.idle_seconds:
            self._end_soon(self._idle.popleft())
        if self._idle:
            self._looking = asyncio.get_running_loop().call_later(self.idle_seconds, self._look)

    async def _open(self) -> Connection:
        async with asyncio.timeout(self.wait_seconds):
            raw = await asyncpg.connect(**self.arguments)
            if self._plans_once:
                try:
                    await raw.execute(_PLAN_ONCE)
                except BaseException:
                    _cut_off(raw)
                    raise
        connection = PostgresConnection(raw)
        self._open_ones.add(connection)
        return connection

    async def _end(self, connection: Connection) -> None:
        try:
            if connection.is_clean:
                with suppress(*database_errors()):  # it is gone already, or cut off now
                    await connection.raw.close(timeout=CLOSE_SECONDS)
        finally:
            self._let_go(connection)

    def _end_soon(self, connection: Connection) -> None:
        task = asyncio.create_task(self._end(connection))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _let_go(self, connection: Connection) -> None:
        self._open_ones.discard(connection)
        _cut_off(connection.raw)


def _cut_off(raw: Any) -> None:
    """Close a connection without another word."""
    with suppress(asyncpg.InterfaceError):  # asyncpg has let go already of one that the server closed
        raw.terminate()
