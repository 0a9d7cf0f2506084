"""Bring a database's schema up to date, from the package itself: there is no alembic.ini to find or to lose."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_T = TypeVar("_T")
_SCRIPTS: Final = Path(__file__).parent / "migrations"
_ADVISORY_LOCK: Final = 7_295_011  # any number, the same for all replicas


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration: where the scripts are, and the connection to work on."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def schema_is_current_on(connection: Connection) -> bool:
    """Whether the schema is at head."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


async def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to a revision; several replicas may start at once, one of them does it.

    `base` goes down to nothing, for tests and for those who know what they do.
    """
    await _on_connection(url, lambda connection: _migrate(connection, revision))


async def schema_is_current(url: str) -> bool:
    """Whether the schema is at head."""
    return await _on_connection(url, schema_is_current_on)


def _migrate(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    move = command.downgrade if revision == "base" else command.upgrade
    move(alembic_config(connection), revision)
    connection.commit()


async def _on_connection(url: str, work: Callable[[Connection], _T]) -> _T:
    engine: AsyncEngine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
