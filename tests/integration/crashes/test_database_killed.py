"""PostgreSQL is killed with all its processes under load, and started again on what is on the disk."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.db.migrate import migrate
from tests.integration.conftest import postgresql_url
from tests.integration.crashes.blows import falls_of, finish, kills_of, report
from tests.integration.crashes.customers import all_live, crowd
from tests.integration.crashes.oracle import judge
from tests.integration.crashes.server import KillableServer
from tests.integration.crashes.town import Town, long_run_only, town

_CUSTOMERS, _KILLS, _SECONDS = 100, 25, 60.0


async def _kill_server(here: Town, server: KillableServer, rng: random.Random, kills: int) -> None:
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0.3, 1.5))
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(rng.uniform(0.0, 1.0))
        await asyncio.to_thread(server.start)
        here.struck()


@long_run_only
@pytest.mark.timeout(1800)
async def test_killed_postgresql_loses_nothing(
    killable_server: KillableServer, crash_seed: int, tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    """The product waits for it, and goes on."""
    rng = random.Random(crash_seed)  # noqa: S311  - a schedule
    url = postgresql_url(killable_server.directory, "postgres")
    await migrate(url)
    customers = crowd(rng, _CUSTOMERS, _SECONDS)
    async with town(url, tmp_path, ["serve"]) as here:
        killing = asyncio.create_task(_kill_server(here, killable_server, rng, _KILLS))
        try:
            await all_live(here, customers)
            await killing
        finally:
            if not killing.done():
                await finish(killing)
        verdict = await judge(here, customers, interruptions=killable_server.kills)
        assert kills_of(here) == {"serve": 0}
        assert falls_of(here) == 0  # it outlives its database
    report(evidence, "PostgreSQL killed", crash_seed, verdict, {"postgresql": killable_server.kills})
