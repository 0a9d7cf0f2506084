"""Bring a database's schema up to date, from the package itself: there is no alembic.ini to find or to lose."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, text

from adapters.db.engine import create_engine, for_writing
from adapters.db.opening import parse_url
from adapters.db.schema_version import SCRIPTS, head_revision

_T = TypeVar("_T")
_ADVISORY_LOCK: Final = 7_295_011  # any number, the same for all replicas


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration: where the scripts are, and the connection to work on."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def schema_is_current_on(connection: Connection) -> bool:
    """Whether the schema is at head."""
    return MigrationContext.configure(connection).get_current_revision() == head_revision()


async def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to a revision; several replicas may start at once, one of them does it.

    `base` goes down to nothing, for tests and for those who know what they do.
    """
    await _on_connection(url, lambda connection: _migrate(connection, revision))


async def schema_is_current(url: str) -> bool:
    """Whether the schema is at head. Changes nothing: a SQLite file that is not there is not made."""
    if await asyncio.to_thread(_is_missing_file, parse_url(url)):
        return False
    return await _on_connection(url, schema_is_current_on)


def _is_missing_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def _migrate(connection: Connection, revision: str) -> None:
    """Take the lock first, on SQLite the write lock; then nobody moves what Alembic looks at."""
    connection.begin()
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
    move = command.downgrade if revision == "base" else command.upgrade
    move(alembic_config(connection), revision)
    connection.commit()


async def _on_connection(url: str, work: Callable[[Connection], _T]) -> _T:
    engine = create_engine(url)
    try:
        async with for_writing(engine).connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
