"""API, worker and bot are killed at random moments under load, and come back: nobody loses what they paid for."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.crashes.blows import Storms, finish, kill_members, kills_of, report
from tests.integration.crashes.customers import all_live, crowd
from tests.integration.crashes.oracle import judge
from tests.integration.crashes.town import EVERYTHING, long_run_only, town

_CUSTOMERS, _SECONDS = (150, 150.0) if EVERYTHING else (4, 0.5)
_STORMS = (
    Storms(kills=120, longest=8, pause_seconds=(0.0, 1.2))
    if EVERYTHING
    else Storms(kills=3, longest=3, pause_seconds=(0.0, 0.3))
)
_ONE_OF_EACH = ("api", "worker", "bot")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("engine_name", "processes"),
    [
        pytest.param("sqlite", (_ONE_OF_EACH, "polling"), id="one-of-each-on-sqlite"),
        pytest.param("postgresql", (_ONE_OF_EACH * 2, "webhook"), id="two-of-each-on-postgresql", marks=long_run_only),
    ],
)
async def test_killed_processes_lose_nothing(
    *,
    database_url: str,
    engine_name: str,
    processes: tuple[tuple[str, ...], str],
    crash_seed: int,
    tmp_path: Path,
    evidence: Callable[[str], None],
) -> None:
    """One of each on a file, two of each on a server."""
    commands, bot_mode = processes
    rng = random.Random(crash_seed)  # noqa: S311  - a schedule
    customers = crowd(rng, _CUSTOMERS, _SECONDS)
    async with town(database_url, tmp_path, commands, BOT_MODE=bot_mode) as here:
        killing = asyncio.create_task(kill_members(here, rng, _STORMS))
        try:
            await all_live(here, customers)
            await killing
        finally:
            await finish(killing)
        kills = kills_of(here)
        verdict = await judge(here, customers, interruptions=kills["worker"])
    report(evidence, f"kill -9 on {engine_name}", crash_seed, verdict, kills)
    assert sum(kills.values()) == _STORMS.kills
