"""The schema goes up, down and up again, and is what the code believes."""

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.db.database import Database
from adapters.db.migrate import migrate, schema_is_current
from adapters.db.schema import metadata


async def test_schema_goes_up_down_and_up_again(empty_database_url: str) -> None:
    """Each step has a way back that leaves nothing."""
    assert not await schema_is_current(empty_database_url)
    await migrate(empty_database_url)
    assert await schema_is_current(empty_database_url)
    await migrate(empty_database_url, "base")
    assert not await schema_is_current(empty_database_url)
    engine = create_async_engine(empty_database_url)
    async with engine.connect() as connection:
        left = await connection.run_sync(lambda c: inspect(c).get_table_names())
    await engine.dispose()
    assert left == ["alembic_version"]
    await migrate(empty_database_url)
    assert await schema_is_current(empty_database_url)


async def test_migrations_and_tables_in_the_code_agree(database_url: str) -> None:
    """Autogenerate finds nothing to do."""

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []


async def test_several_replicas_may_migrate_at_once(empty_database_url: str) -> None:
    """One does it, the others wait and find it done."""
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(3)))
    assert await schema_is_current(empty_database_url)


async def test_readiness_is_the_schema_s(empty_database_url: str) -> None:
    """Not ready before the migration, ready after it."""
    database = Database(empty_database_url)
    assert not await database.is_ready()
    await migrate(empty_database_url)
    assert await database.is_ready()
    await database.close()
