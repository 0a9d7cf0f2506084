"""The schema goes up, down and up again, and is what the code believes."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.db.database import Database
from adapters.db.engine import create_engine, for_writing
from adapters.db.migrate import alembic_config, migrate, schema_is_current
from adapters.db.rows import order_row, outbox_row
from adapters.db.schema import metadata, orders, outbox
from paywall_core.effects import ReportSale, SendRestoreCode

from .samples import NOW, add, place


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


async def down(url: str, revision: str) -> None:
    """Go back to a revision, as one who knows what he does would."""
    engine = create_engine(url)
    async with for_writing(engine).begin() as connection:
        await connection.run_sync(lambda c: command.downgrade(alembic_config(c), revision))
    await engine.dispose()


def index_shape(index: Any) -> tuple[str, str, str]:
    """An index by its name, its columns and its condition."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return index["name"], str(index["column_names"]), str(options)


async def shape_of(url: str) -> dict[str, Any]:
    """Everything that a database says about its tables."""

    def look(connection: Connection) -> dict[str, Any]:
        found = inspect(connection)
        return {
            table: [
                [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
                sorted(index_shape(index) for index in found.get_indexes(table)),
                sorted(str(check) for check in found.get_check_constraints(table)),
                sorted(str(key) for key in found.get_foreign_keys(table)),
                found.get_pk_constraint(table),
                sorted(str(unique) for unique in found.get_unique_constraints(table)),
            ]
            for table in found.get_table_names()
        }

    engine = create_async_engine(url)
    async with engine.connect() as connection:
        shape = await connection.run_sync(look)
    await engine.dispose()
    return shape


async def owed(url: str) -> list[tuple[str, UUID | None, str]]:
    """What is in the outbox."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        rows = await connection.execute(select(outbox.c.key, outbox.c.order_id, outbox.c.effect).order_by(outbox.c.key))
        found = [(row.key, row.order_id, row.effect) for row in rows]
    await engine.dispose()
    return found


async def test_outbox_is_kept_up_and_down(empty_database_url: str) -> None:
    """SQLite copies the table, rows, checks and indexes come along; on the way down only what no order owes is lost."""
    url = empty_database_url
    await migrate(url, "0002")
    before = await shape_of(url)
    order, code = place(), SendRestoreCode(challenge_id=uuid4())
    kept = outbox_row(ReportSale(order_id=order.id), due_at=NOW)
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(insert(orders), order_row(order))
        await connection.execute(insert(outbox), kept)
    await engine.dispose()
    await migrate(url)
    after = await shape_of(url)
    expected = [(kept["key"], order.id, kept["effect"])]
    assert await owed(url) == expected
    database = Database(url)
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([code], due_at=NOW)
        await uow.commit()
    async with database.unit_of_work() as uow:
        assert await uow.orders.get(order.id) == order
    await database.close()
    assert [(key, owner) for key, owner, _ in await owed(url)] == [(kept["key"], order.id), (code.key, None)]
    await down(url, "0002")
    assert await shape_of(url) == before
    assert await owed(url) == expected
    await migrate(url)
    assert await shape_of(url) == after
    assert await owed(url) == expected


async def test_copied_outbox_still_refuses_what_it_refused(database: Database) -> None:
    """A status that nobody knows, an order that does not exist."""
    order = await add(database, place())
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([ReportSale(order_id=order.id)], due_at=NOW)
        await uow.commit()
    for broken in ({"status": "lost"}, {"order_id": uuid4()}):
        async with database._engine.connect() as connection:
            with pytest.raises(IntegrityError):
                await connection.execute(update(outbox).values(broken))


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
