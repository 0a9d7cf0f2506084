"""Connections that are kept: whose they are, how many, and what becomes of one that is not fit any more."""

import asyncio
import sqlite3
import threading

import pytest
from sqlalchemy import text

from adapters.db import pool as pools
from adapters.db.connection import database_errors
from adapters.db.database import Database
from adapters.db.pool import Pool, SqlitePool, open_pool
from adapters.db.postgresql import PostgresPool
from adapters.db.statements import Statement
from paywall_core.testing.contract.samples import add, place

SLOW = {
    "sqlite": text(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n LIMIT 1 OFFSET 3000000"
    ),
    "postgresql": text("SELECT pg_sleep(0.5)"),
}


async def test_connection_that_came_back_is_taken_again(database: Database) -> None:
    """One after another needs one."""
    async with database.pool.reading() as first:
        raw = first.raw
    async with database.pool.reading() as second:
        assert second.raw is raw


async def test_who_waits_too_long_for_a_connection_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next one gets it when it comes back."""
    held = [await database.pool.acquire() for _ in range(10 if isinstance(database.pool, SqlitePool) else 20)]
    with monkeypatch.context() as patch:
        patch.setattr(Pool, "wait_seconds", 0.05)
        with pytest.raises(TimeoutError):
            await database.pool.acquire()
    await database.pool.release(held.pop())
    held.append(await database.pool.acquire())
    for connection in held:
        await database.pool.release(connection)


async def test_who_was_cancelled_while_it_began_holds_no_lock(database: Database) -> None:
    """On SQLite the driver's thread gets the write lock when nobody waits for it any more: it is given back at once."""
    async with database.unit_of_work() as first:
        second = asyncio.create_task(_begin(database))
        await asyncio.sleep(0.1)
        second.cancel()
        await first.orders.add(place())
        await first.commit()
    await asyncio.gather(second, return_exceptions=True)
    async with asyncio.timeout(5):
        await add(database, place())


async def _begin(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.orders.lapse_census(place().created_at)


async def test_who_was_cancelled_as_a_connection_came_back_holds_none(database: Database) -> None:
    """It is there for the next one, however often that happens, and wherever it was."""
    for number in range(60):
        task = asyncio.create_task(_look(database))
        for _ in range(number % 20):
            await asyncio.sleep(0.0001)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(10):
        held = [await database.pool.acquire() for _ in range(10)]
        for connection in held:
            await database.pool.release(connection)


async def _look(database: Database) -> None:
    async with database.pool.reading() as connection:
        await connection.all(Statement(text("SELECT 1")))


async def test_who_was_cancelled_in_a_statement_leaves_nothing(database: Database) -> None:
    """The transaction is taken back, whatever the database was just doing."""
    order = place()

    async def hang() -> None:
        async with database.unit_of_work() as uow:
            await uow.orders.add(order)
            await uow._connection.all(Statement(SLOW[uow._connection.dialect]))

    task = asyncio.create_task(hang())
    await asyncio.sleep(0.15)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10), database.unit_of_work() as uow:
        assert await uow.orders.get(order.id) is None
        await uow.orders.add(order)
        await uow.commit()


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_connection_that_the_server_cut_is_opened_anew(database: Database) -> None:
    """Whoever is in the middle is told, and nobody after."""
    async with database.unit_of_work() as uow:
        (row,) = await uow._connection.raw.fetch("SELECT pg_backend_pid() AS pid")
        async with database.pool.reading() as other:
            await other.run(f"SELECT pg_terminate_backend({row['pid']})")
        with pytest.raises(database_errors()):
            await uow.commit()
    for _ in range(3):
        await add(database, place())


async def _backends(database: Database) -> set[int]:
    """Processes of the server that have a connection of ours, but for the one that asks."""
    async with database.pool.reading() as connection:
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"
        return {row["pid"] for row in await connection.raw.fetch(others)}


async def _use_three(database: Database) -> None:
    held = [await database.pool.acquire() for _ in range(3)]
    for connection in held:
        await connection.run("SELECT 1")
        await database.pool.release(connection)


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_connection_that_nobody_uses_is_closed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, though nothing else happens; the one that is used goes on."""
    monkeypatch.setattr(PostgresPool, "idle_seconds", 0.2)
    await _use_three(database)
    async with database.pool.reading() as busy:
        assert len(await _backends(database)) == 2
        async with asyncio.timeout(10):
            while await _backends(database) != {busy.raw.get_server_pid()}:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_connection_that_is_old_is_not_used_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it was; a new one is in its place, and it is gone."""
    await _use_three(database)
    old = await _backends(database)
    monkeypatch.setattr(PostgresPool, "kept_seconds", 0.0)
    async with database.pool.reading() as connection:
        assert connection.raw.get_server_pid() not in old
        monkeypatch.undo()
        async with asyncio.timeout(10):
            while await _backends(database) & old:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_connection_that_does_not_come_back_is_cut_off(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever closes the pool waits for a moment, and no longer."""
    monkeypatch.setattr(pools, "CLOSE_SECONDS", 0.1)
    monkeypatch.setattr("adapters.db.postgresql.CLOSE_SECONDS", 0.1)
    database = Database(database_url)
    held = await database.pool.acquire()
    await database.pool.release(await database.pool.acquire())
    async with asyncio.timeout(5):
        await database.close()
    with pytest.raises(database_errors()):
        await held.run("SELECT 1")
    await database.pool.release(held)


@pytest.mark.parametrize("engine_name", ["postgresql"])
@pytest.mark.parametrize(("query", "mode"), [("", "force_generic_plan"), ("prepared_statement_cache_size=0", "auto")])
async def test_statements_that_are_kept_are_planned_once(database_url: str, query: str, mode: str) -> None:
    """Behind a pooler they are not kept, and its connections are not ours to set."""
    database = Database(f"{database_url}{'&' if '?' in database_url else '?'}{query}" if query else database_url)
    try:
        async with database.pool.reading() as connection:
            assert await connection.raw.fetchval("SHOW plan_cache_mode") == mode
    finally:
        await database.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_connection_that_cannot_roll_back_is_thrown_away(database: Database) -> None:
    """A file that fails keeps nobody from opening it again."""
    async with database.unit_of_work() as uow:
        await uow.orders.add(place())
        broken = uow._connection.raw
        await broken.close()
    await add(database, place())
    async with database.pool.reading() as connection:
        assert connection.raw is not broken


@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_failed_opening_takes_nobody_s_place(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it fails: when it works again, it works."""

    async def refuse(_raw: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(pools, "set_up_sqlite", refuse)
        for _ in range(12):
            with pytest.raises(sqlite3.OperationalError):
                await database.pool.acquire()
    await add(database, place())


def test_url_s_query_goes_to_the_driver() -> None:
    """Behind a pooler of transactions statements may not be kept: SQLAlchemy's word for it is understood."""
    query = "prepared_statement_cache_size=0&ssl=require"
    pool = open_pool(f"postgresql+asyncpg://paywall:s3cret@db.example:6432/paywall?{query}")
    assert isinstance(pool, PostgresPool)
    assert pool.arguments == {
        "host": "db.example",
        "port": 6432,
        "user": "paywall",
        "password": "s3cret",
        "database": "paywall",
        "statement_cache_size": 0,
        "ssl": "require",
    }
    assert isinstance(open_pool("sqlite+aiosqlite:///paywall.db"), SqlitePool)


async def test_connection_in_use_is_closed_when_it_comes_back(database_url: str) -> None:
    """Whoever closes the pool does not take it away; nor does it stay, for then the process would not end."""
    before = set(threading.enumerate())
    database = Database(database_url)
    async with database.unit_of_work() as uow:
        await uow.orders.add(place())
        closing = asyncio.create_task(database.close())
        await asyncio.sleep(0.05)
        await uow.commit()
    async with asyncio.timeout(4):  # less than what a connection that never comes back is given
        await closing
        while set(threading.enumerate()) - before:
            await asyncio.sleep(0.01)
