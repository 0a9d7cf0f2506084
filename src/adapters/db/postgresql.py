"""PostgreSQL's driver: its connections and their pool. Loaded by whoever speaks PostgreSQL, and nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy import URL

from adapters.db.bell import PostgresBell
from adapters.db.connection import Connection, database_errors
from adapters.db.one_trip import Given, OneTrip
from adapters.db.pool import DEFAULT_POOL_SIZE, Pool
from adapters.db.statements import Row, Statement, Values, dialect_of

_NOTHING: Final[Values] = {}
_CLOSE_SECONDS: Final = 5.0
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
        # Without prepared statements a pooler stands in between, whose connections are not ours to set.
        self._init = None if self.arguments.get("statement_cache_size") == 0 else _plan_once
        self._size = size
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def acquire(self) -> Connection:
        """One that is open, or a new one. One that the server has closed meanwhile is opened anew."""
        if self._pool is None:
            await self._open()
        return PostgresConnection(await self._pool.acquire(timeout=self.wait_seconds))

    async def release(self, connection: Connection) -> None:
        """Back into the pool, rolled back."""
        try:
            if not connection.is_clean:
                connection.patience = _CLOSE_SECONDS
                await connection.rollback()
        except database_errors():
            _cut_off(connection.raw)
        finally:
            await self._pool.release(connection.raw, timeout=_CLOSE_SECONDS)
        if connection.is_silent:
            # Where one has been swallowed, the others have, too: they are opened anew instead of being waited for.
            await self._pool.expire_connections()

    async def give_back(self, connection: Connection) -> None:
        """Give it back, even when the caller is being cancelled."""
        if connection.is_clean:
            await self.release(connection)  # which asyncpg shields
        else:
            await super().give_back(connection)

    def bell(self, ring_here: Callable[[], None]) -> PostgresBell:
        """By NOTIFY."""
        return PostgresBell(self, self.arguments, ring_here)

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
                self._pool = await asyncpg.create_pool(
                    min_size=0, max_size=self._size, reset=_keep, init=self._init, **self.arguments
                )


def _cut_off(raw: Any) -> None:
    """Close a connection without another word."""
    with suppress(asyncpg.InterfaceError):  # asyncpg has let go already of one that the server closed
        raw.terminate()


async def _plan_once(connection: asyncpg.Connection) -> None:
    """Each statement has one plan, for all values, which is what tests look at.

    Else the server weighs at each execution whether to plan it anew for these values, and where a list is short does so
    every time, for a plan that is the same.
    """
    await connection.execute("SET plan_cache_mode = force_generic_plan")


async def _keep(_connection: object) -> None:
    """A connection that comes back is as it should be."""
