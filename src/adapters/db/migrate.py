"""Bring a database's schema up to date, from the package itself: there is no alembic.ini to find or to lose.

The service may run meanwhile, older versions of it too (docs/adr/0020). On PostgreSQL each step is a transaction, and
no lock on a table is waited for longer than PostgreSQL waits before it looks for deadlocks: else everybody who comes
after would queue behind the one who waits. When a lock does not come, the step is given up and tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, event, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.engine import create_engine, for_writing
from adapters.db.opening import parse_url
from adapters.db.reasons import what_went_wrong
from adapters.db.schema import schema_compatibility
from adapters.db.schema_version import SCRIPTS, Schema, head_revision, revisions
from adapters.db.statements import dialect_of

_ADVISORY_LOCK: Final = 7_295_011  # any number, the same for all replicas
_LOCK_TIMEOUT: Final = "300ms"  # as in `partitions.py`
_TRIES: Final = 40
_PAUSE_SECONDS: Final = 0.5
_LOCK_NOT_AVAILABLE: Final = "55P03"


class CannotMigrate(Exception):  # noqa: N818  - named after the case
    """The schema is not changed any further; the text says why, for the operator."""


def alembic_config(connection: Connection | None = None, *, each_by_itself: bool = True) -> Config:
    """Alembic's configuration: where the scripts are, the connection, and whether each step is a transaction."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    config.attributes["each_by_itself"] = each_by_itself
    return config


def serves_from(revision: str) -> str:
    """The oldest version of the code that a revision serves; one that says nothing serves its own alone."""
    script = ScriptDirectory.from_config(alembic_config()).get_revision(revision)
    return str(getattr(script.module, "serves_from", revision))


def schema_on(connection: Connection) -> Schema:
    """What the database says of its schema, whatever it is."""
    revision = MigrationContext.configure(connection).get_current_revision()
    said = None
    if revision is not None and inspect(connection).has_table(schema_compatibility.name):
        row = schema_compatibility.c
        said = connection.execute(select(row.serves_from).where(row.revision == revision)).scalar_one_or_none()
    return Schema(revision=revision, serves_from=said)


async def migrate(url: str, revision: str = "head") -> Schema:
    """Bring the schema to a revision; several replicas may start at once, one of them does it.

    A schema that is newer than this code and serves it is left as it is. `base` goes down to nothing, for tests and for
    those who know what they do.

    Returns:
        What the database says afterwards.

    Raises:
        CannotMigrate: the schema is newer and does not serve this code, others hold the tables all the time, or the
            database is away. What steps were done stays, each of them whole.
    """
    engine = create_engine(url)
    try:
        if engine.dialect.name == "sqlite":
            if not await asyncio.to_thread(_directory_of(parse_url(url)).is_dir):
                raise CannotMigrate("the directory that the file is to be in is not there")
            async with AsyncExitStack() as stack:
                with _connecting():  # the write lock first: nobody moves what we look at
                    connection = await stack.enter_async_context(for_writing(engine).begin())
                return await connection.run_sync(_migrate, revision)
        async with _alone(parse_url(url)):
            return await _insist(engine, revision)
    finally:
        await engine.dispose()


async def schema_of(url: str) -> Schema:
    """What a database says of its schema. Changes nothing: a SQLite file that is not there is not made.

    Raises:
        CannotMigrate: the database is away.
    """
    if await asyncio.to_thread(_is_missing_file, parse_url(url)):
        return Schema(revision=None)
    engine = create_engine(url)
    try:
        async with AsyncExitStack() as stack:
            with _connecting():
                connection = await stack.enter_async_context(engine.connect())
            return await connection.run_sync(schema_on)
    finally:
        await engine.dispose()


def _directory_of(url: URL) -> Path:
    return Path(url.database or "").parent


def _is_missing_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


@contextmanager
def _connecting() -> Iterator[None]:
    """What keeps us from it is told in our words. What fails later is a mistake of a migration, and told whole."""
    try:
        yield
    except (OSError, asyncpg.PostgresError, DBAPIError) as error:
        raise CannotMigrate(what_went_wrong(error)) from error


@asynccontextmanager
async def _alone(url: URL) -> AsyncIterator[None]:
    """Nobody else migrates meanwhile.

    On a connection of its own: the steps have several transactions, and some statements may be in none. An index that
    is built beside writers waits for every snapshot that is older than it, so neither who has the lock nor who waits
    for it may hold one: it asks now and then instead of waiting in a statement, and after each question says a word by
    the simple protocol, with which the question's snapshot goes. Nor may a server that ends idle transactions end it.
    """
    _, arguments = dialect_of("postgresql").create_connect_args(url)
    arguments.pop("prepared_statement_cache_size", None)
    with _connecting():
        guard = await asyncpg.connect(**arguments)
    try:
        async with guard.transaction():
            await guard.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            while True:
                is_ours = await guard.fetchval(f"SELECT pg_try_advisory_xact_lock({_ADVISORY_LOCK})")
                await guard.execute("SELECT")
                if is_ours:
                    break
                await asyncio.sleep(_PAUSE_SECONDS)
            yield
    finally:
        await guard.close()


async def _insist(engine: AsyncEngine, revision: str) -> Schema:
    """On PostgreSQL: try until the locks come."""
    event.listen(engine.sync_engine, "begin", _be_impatient)
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(_migrate, revision)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
    raise CannotMigrate("somebody holds the tables (a dump, a long transaction); no step is half done: try again")


def _be_impatient(connection: Connection) -> None:
    """For this transaction alone: a pooler between us and the server hands the session on to others."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")


def _migrate(connection: Connection, revision: str) -> Schema:
    before = schema_on(connection)
    if connection.dialect.name == "postgresql":
        connection.commit()  # that question began a transaction, and each step has its own
    if before.revision is not None and before.revision not in revisions():
        if before.serves(head_revision()) and revision == "head":
            return before
        raise CannotMigrate(not_served(before))
    is_down = revision == "base"
    move = command.downgrade if is_down else command.upgrade
    move(alembic_config(connection, each_by_itself=not is_down), revision)
    return schema_on(connection)


def not_served(schema: Schema) -> str:
    """Why this code cannot run on a schema that it does not know."""
    if schema.serves_from is None:
        return (
            f"the schema is {schema.revision}, which this version of paywall does not know: a newer one has been here"
        )
    return (
        f"the schema is {schema.revision}, made by a newer paywall; it serves versions from schema "
        f"{schema.serves_from} on, and this one is of {head_revision()}: run the newer one"
    )


def standing(schema: Schema) -> tuple[bool, str]:
    """Whether a schema serves this code, and that in words for an operator."""
    head = head_revision()
    if schema.revision == head:
        return True, f"schema is current ({head}); it serves versions from schema {schema.serves_from} on"
    if schema.serves(head):
        return True, f"schema is {schema.revision}, made by a newer paywall; it serves this one ({head}) too"
    if schema.revision is not None and schema.revision not in revisions():
        return False, not_served(schema)
    if schema.revision is None:
        return False, "schema is not current: there is none: run `paywall migrate`"
    ahead = f"schema is not current: it is {schema.revision}, and this version's is {head}: run `paywall migrate`"
    oldest = serves_from(head)
    if oldest <= schema.revision:
        return False, f"{ahead}; processes of {schema.revision} stay ready meanwhile"
    return False, f"{ahead}; processes of versions before {oldest} are not ready from then on"
