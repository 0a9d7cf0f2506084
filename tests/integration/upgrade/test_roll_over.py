"""From one version to the next, under load: real processes behind the real proxy, and nobody notices."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from adapters.db.opening import parse_url
from adapters.db.schema_version import head_revision
from adapters.db.statements import dialect_of
from tests.integration.crashes.blows import finish
from tests.integration.crashes.oracle import judge
from tests.integration.upgrade.next_version import COLUMN, NEWEST, RENAME_COLUMN, WORD, make_next_version
from tests.integration.upgrade.place import Load, Place, place

EVERYTHING: Final = os.environ.get("PAYWALL_UPGRADE") == "all"
"""Several hundred customers; without it, what fits into a run of all checks."""

_EACH, _GAP_SECONDS = (60, 0.1) if EVERYTHING else (2, 0.6)


@asynccontextmanager
async def load_on(here: Place) -> AsyncIterator[Load]:
    """Customers all the time; at the end of the block, until their stories are over."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"the customers' seed: {seed}")  # noqa: T201  - pytest shows it beside a failure
    load = Load(here.town, random.Random(seed), gap_seconds=_GAP_SECONDS)  # noqa: S311  - a schedule
    running = asyncio.create_task(load.run())
    try:
        yield load
        load.end()
        await running
    finally:
        await finish(running)


async def writers(url: str) -> Counter[str | None]:
    """How many orders each version has placed."""
    _, arguments = dialect_of("postgresql").create_connect_args(parse_url(url))
    arguments.pop("prepared_statement_cache_size", None)
    connection = await asyncpg.connect(**arguments)
    try:
        rows = await connection.fetch(f"SELECT {COLUMN} AS name FROM orders")  # noqa: S608  - ours
    finally:
        await connection.close()
    return Counter(row["name"] for row in rows)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_nobody_notices_an_upgrade(
    database_url: str, engine_name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Old pair, migration, one API after the other, the worker: each request is answered, and both laws hold."""
    new = make_next_version(tmp_path / "next")
    async with place(database_url, tmp_path) as here:
        apis, worker = [here.api(0), here.api(1)], here.worker()
        await asyncio.gather(*(one.start() for one in (*apis, worker)))
        await here.through_the_proxy()
        async with load_on(here) as load:
            await load.more(_EACH)
            code, said = await here.command("migrate", "--check", sources=new)
            assert (code, f"processes of {head_revision()} stay ready meanwhile" in said) == (1, True), said
            code, said = await here.command("migrate", sources=new)
            assert (code, f"schema is current ({NEWEST})" in said) == (0, True), said
            assert [await here.is_ready(number) for number in (0, 1)] == [True, True]
            await load.more(_EACH)
            code, said = await here.command("migrate")  # the old version's: somebody restarts its unit
            assert (code, f"it serves this one ({head_revision()}) too" in said) == (0, True), said
            for number in (0, 1):
                await apis[number].stop()
                apis[number] = here.api(number, sources=new)
                await apis[number].start()
                await load.more(_EACH)
            newer = here.worker(sources=new)
            await newer.start()  # for a moment both are there
            await worker.stop()
            await load.more(_EACH)
            await apis[0].stop()  # and one goes back: whoever finds something wrong with the new version does
            apis[0] = here.api(0)
            await apis[0].start()
            await load.more(_EACH)
        verdict = await judge(here.town, load.customers, interruptions=0)
        tries = here.town.world.stripe.webhooks.attempts
        by_version = await writers(database_url)
        for one in (*apis, newer):
            await one.stop()
    assert here.town.failed == []
    assert {tuple(one.status for one in of_one) for of_one in tries.values()} == {(200,)}
    assert verdict.wrong == ()
    assert by_version.keys() == {None, WORD}
    record_property(
        "evidence",
        f"an upgrade beside the old version: {verdict.customers} customers, {verdict.events} events, "
        f"{load.checks} gate checks, orders by version {dict(by_version)}, 0 failed requests, 0 violations",
    )


@pytest.mark.skipif(not EVERYTHING, reason="only with PAYWALL_UPGRADE=all")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_careless_migration_is_noticed(database_url: str, engine_name: str, tmp_path: Path) -> None:
    """A column that the old version asks for is renamed, and the migration says that it serves it: requests fail."""
    new = make_next_version(tmp_path / "next", careless=RENAME_COLUMN)
    async with place(database_url, tmp_path) as here:
        apis, worker = [here.api(0), here.api(1)], here.worker()
        await asyncio.gather(*(one.start() for one in (*apis, worker)))
        await here.through_the_proxy()
        load = Load(here.town, random.Random(1), gap_seconds=_GAP_SECONDS)  # noqa: S311  - a schedule
        running = asyncio.create_task(load.run())
        try:
            await load.more(3)
            assert here.town.failed == []
            code, said = await here.command("migrate", sources=new)
            assert code == 0, said
            async with asyncio.timeout(60):
                while not here.town.failed:
                    await asyncio.sleep(0.05)
        finally:
            await finish(running)
