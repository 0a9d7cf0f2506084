"""An index is built while others write, is mended when it was left half done, and reaches each part of a table."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

from adapters.db import migrate as migrating
from adapters.db.engine import create_engine, for_writing
from adapters.db.migrations import expanding
from adapters.db.opening import parse_url
from adapters.db.partitions import keep_months
from adapters.db.statements import dialect_of
from tests.integration.upgrade.rule import faults, sent

ONLY_POSTGRESQL = pytest.mark.parametrize("engine_name", ["postgresql"])
_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"


async def connect(url: str) -> Any:
    """Past our own adapter."""
    _, arguments = dialect_of("postgresql").create_connect_args(parse_url(url))
    arguments.pop("prepared_statement_cache_size", None)
    return await asyncpg.connect(**arguments)


async def build(url: str, name: str, table: str, *columns: str, where: str = "") -> None:
    """As a migration does."""

    def step(connection: Connection) -> None:
        context = MigrationContext.configure(connection)
        with Operations.context(context), context.begin_transaction():
            expanding.create_index(name, table, columns, where=where)

    engine = create_engine(url)
    try:
        async with for_writing(engine).connect() as connection:
            await connection.run_sync(step)
            await connection.commit()
    finally:
        await engine.dispose()


async def test_index_is_there_on_both_databases(database_url: str, engine_name: str) -> None:
    """With its columns and its condition; on SQLite a plain one. The rule for migrations allows what is sent."""
    with sent() as statements:
        await build(database_url, "ix_new", "outbox", "status", "due_at", where="lease_id IS NOT NULL")
    assert any("CREATE INDEX" in statement for statement in statements)
    assert engine_name == "sqlite" or faults(statements) == []
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        indexes = await connection.run_sync(lambda c: inspect(c).get_indexes("outbox"))
    await engine.dispose()
    (found,) = [one for one in indexes if one["name"] == "ix_new"]
    assert found["column_names"] == ["status", "due_at"]
    assert [str(value) for name, value in found["dialect_options"].items() if name.endswith("where")] != []


@ONLY_POSTGRESQL
async def test_others_write_while_it_waits_for_a_long_transaction(database_url: str, engine_name: str) -> None:
    """It waits as long as it must; nobody waits for it."""
    holder, other = await connect(database_url), await connect(database_url)
    try:
        held = holder.transaction()
        await held.start()
        await holder.execute("DELETE FROM outbox")
        building = asyncio.create_task(build(database_url, "ix_new", "outbox", "attempts"))
        while not await other.fetchval("SELECT to_regclass('ix_new') IS NOT NULL"):
            await asyncio.sleep(0.01)
        await other.execute("SET lock_timeout = '20s'")
        await other.execute("DELETE FROM outbox")
        assert await other.fetchval(_VALID, "ix_new") is False
        assert not building.done()
        await held.rollback()
        await building
        assert await other.fetchval(_VALID, "ix_new") is True
    finally:
        await holder.close()
        await other.close()


@ONLY_POSTGRESQL
async def test_who_waits_for_his_turn_to_migrate_keeps_no_index_waiting(database_url: str, engine_name: str) -> None:
    """An index waits for whatever looks at the database; who waits for the index's migration must look at nothing."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
    other = await connect(database_url)
    try:
        async with asyncio.timeout(20):
            async with migrating._alone(parse_url(database_url)):
                waiting = asyncio.create_task(migrating.migrate(database_url))
                while await other.fetchval(busy) < 3:  # the one whose turn it is, the one that waits, and this question
                    await asyncio.sleep(0.01)
                await build(database_url, "ix_new", "outbox", "attempts")
                assert not waiting.done()
            await waiting
    finally:
        await other.close()


@ONLY_POSTGRESQL
async def test_index_that_was_left_half_done_is_built_anew(database_url: str, engine_name: str) -> None:
    """PostgreSQL keeps one that failed, writes to it, and never reads it."""
    connection = await connect(database_url)
    try:
        for number in range(2):
            await connection.execute(
                "INSERT INTO schema_compatibility (revision, serves_from) VALUES ($1, 'same')", f"x{number}"
            )
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_new ON schema_compatibility (serves_from)")
        assert await connection.fetchval(_VALID, "ix_new") is False
        for _ in range(2):  # and once more: a migration that is run again finds it done
            await build(database_url, "ix_new", "schema_compatibility", "serves_from")
            assert await connection.fetchval(_VALID, "ix_new") is True
    finally:
        await connection.close()


@ONLY_POSTGRESQL
async def test_table_in_months_gets_it_part_by_part(database_url: str, engine_name: str) -> None:
    """The whole is valid once each part has one; months that are made later have it by themselves."""
    now = datetime.now(UTC)
    await keep_months(database_url, now=now, ahead=2)
    connection = await connect(database_url)
    try:
        for _ in range(2):
            await build(database_url, "ix_new", "payment_events", "event_type", where="order_id IS NULL")
            assert await connection.fetchval(_VALID, "ix_new") is True
        await keep_months(database_url, now=now, ahead=4)
        parts = "SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass($1)"
        tables, indexes = [await connection.fetchval(parts, name) for name in ("payment_events", "ix_new")]
        assert tables == indexes > 4
    finally:
        await connection.close()
