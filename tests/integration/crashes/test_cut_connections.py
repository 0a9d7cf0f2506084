"""The connection to PostgreSQL is cut as a COMMIT goes out, as its answer comes back, and at any other time."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.integration.crashes.blows import falls_of, finish, report
from tests.integration.crashes.customers import all_live, crowd
from tests.integration.crashes.cutter import Cut, Cutter
from tests.integration.crashes.oracle import judge
from tests.integration.crashes.town import EVERYTHING, WITHOUT_BOT, town

_COMMANDS: Sequence[str] = ("serve",) if EVERYTHING else WITHOUT_BOT
_CUSTOMERS, _SECONDS, _TIMES = (120, 60.0, 60) if EVERYTHING else (4, 1.0, 3)
_SHARE = 0.15  # of all COMMITs


async def _cut_at_any_time(cutter: Cutter, rng: random.Random) -> None:
    for _ in range(_TIMES):
        await asyncio.sleep(rng.uniform(0.2, 1.5))
        await cutter.cut_all()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_cut_commits_are_done_once(
    *,
    database_url: str,
    engine_name: str,
    postgresql_directory: Path,
    crash_seed: int,
    tmp_path: Path,
    evidence: Callable[[str], None],
) -> None:
    """Whether the server has committed or not, it is right in the end."""
    rng = random.Random(crash_seed)  # noqa: S311  - a schedule
    customers = crowd(rng, _CUSTOMERS, _SECONDS, bot=_COMMANDS != WITHOUT_BOT)
    cutter = Cutter(postgresql_directory / ".s.PGSQL.5432", rng, share=_SHARE)
    async with cutter.running():
        name = database_url.partition("@/")[2].partition("?")[0]
        through = f"postgresql+asyncpg://postgres@127.0.0.1:{cutter.port}/{name}"
        async with town(through, tmp_path, _COMMANDS) as here:
            cutter.cutting = True
            cutting = asyncio.create_task(_cut_at_any_time(cutter, rng))
            try:
                await all_live(here, customers)
            finally:
                await finish(cutting)
                cutter.cutting = False
            verdict = await judge(here, customers, interruptions=sum(cutter.cuts.values()))
            assert falls_of(here) == 0
    report(evidence, "connections cut", crash_seed, verdict, {str(cut): cutter.cuts[cut] for cut in Cut})
    assert cutter.cuts[Cut.BEFORE_COMMIT]
    assert cutter.cuts[Cut.AFTER_COMMIT]
