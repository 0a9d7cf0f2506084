"""What one process writes to the outbox wakes the worker of another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from adapters.db import bell
from adapters.db.bell import PostgresBell
from adapters.db.database import Database
from paywall_core.effects import ReportSale
from paywall_core.testing.contract.samples import NOW, add, place


@asynccontextmanager
async def listening(database_url: str) -> AsyncIterator[asyncio.Event]:
    """Another process's worker; the event is set when it is woken. It has begun to listen."""
    awake, stop = asyncio.Event(), asyncio.Event()
    database = Database(database_url, on_enqueued=awake.set)
    task = asyncio.create_task(database.listen(stop))
    try:
        async with asyncio.timeout(10):
            await awake.wait()
        awake.clear()
        yield awake
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task
        await database.close()


async def owe(database: Database) -> None:
    """Write a row that is due."""
    order = await add(database, place())
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
        await uow.commit()


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_commit_here_is_heard_there(database: Database, database_url: str) -> None:
    """And what was taken back is not."""
    async with listening(database_url) as awake:
        order = await add(database, place())
        async with database.unit_of_work() as uow:
            await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await awake.wait()
        assert not awake.is_set()
        await owe(database)
        async with asyncio.timeout(5):
            await awake.wait()


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_lost_connection_is_made_anew(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written meanwhile wakes the worker as soon as it listens again."""
    monkeypatch.setattr(bell, "_PAUSE_SECONDS", 0.05)
    async with listening(database_url) as awake:
        async with database.pool.reading() as connection:
            await connection.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
        async with asyncio.timeout(10):
            await awake.wait()
        awake.clear()
        await owe(database)
        async with asyncio.timeout(5):
            await awake.wait()


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_many_commits_are_few_words(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One under way, and one after it; the last commit is never left untold."""
    told: list[int] = []
    committed = 0
    ours = database._bell
    assert isinstance(ours, PostgresBell)
    real = ours._pool.reading

    @asynccontextmanager
    async def counting() -> AsyncIterator[object]:
        told.append(committed)
        async with real() as connection:
            yield connection

    monkeypatch.setattr(ours._pool, "reading", counting)
    committed = 1
    ours.ring()
    while not told:  # until the first word is under way
        await asyncio.sleep(0)
    for committed in range(2, 31):  # noqa: B007  - `counting` looks at it
        ours.ring()
    await ours.close()
    assert told == [1, 30]


async def test_database_that_is_away_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither who commits nor who listens minds; the poll is there."""
    monkeypatch.setattr(bell, "_PAUSE_SECONDS", 0.01)
    rung: list[bool] = []
    database = Database("postgresql+asyncpg://postgres@127.0.0.1:1/paywall", on_enqueued=lambda: rung.append(True))
    assert database._bell is not None
    database._bell.ring()
    await database._bell.close()
    stop = asyncio.Event()
    task = asyncio.create_task(database.listen(stop))
    await asyncio.sleep(0.1)
    assert not task.done()
    stop.set()
    async with asyncio.timeout(5):
        await task
    assert rung == [True]
    await database.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_on_sqlite_nobody_is_listened_to(database: Database) -> None:
    """The workers poll."""
    stop = asyncio.Event()
    task = asyncio.create_task(database.listen(stop))
    await asyncio.sleep(0.01)
    assert not task.done()
    stop.set()
    await task


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_nothing_that_goes_wrong_with_listening_ends_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that it wakes would end with it."""
    monkeypatch.setattr(bell, "_PAUSE_SECONDS", 0.01)
    tried = 0

    async def fail(_self: object, _stop: asyncio.Event) -> None:
        nonlocal tried
        tried += 1
        raise ValueError("nobody has foreseen it")

    monkeypatch.setattr(bell.PostgresBell, "_listen_once", fail)
    stop = asyncio.Event()
    task = asyncio.create_task(database.listen(stop))
    async with asyncio.timeout(5):
        while tried < 3:
            await asyncio.sleep(0.01)
        stop.set()
        await task
