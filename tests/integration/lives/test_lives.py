"""Every life of the table ends in the right access, in whatever order its events come, and with any one of them lost.

The lives of one database are lived in one world, one after another, each at an hour of its own of the same days: what a
life costs is then its events, and not its servers.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
import pytest_asyncio

from paywall_core.testing import FakeClock
from tests.integration.lives.conftest import EVERYTHING
from tests.integration.lives.life import Life
from tests.integration.lives.living import Arrival, Living, Outcome, Witness, misses
from tests.integration.lives.table import LIVES
from tests.integration.lives.world import BEGIN, World, product_running, stripe_running

pytestmark = pytest.mark.asyncio(loop_scope="module")

_FULL_OF = {"sqlite": 0, "postgresql": 2}  # of four lives, which one has every variation on which database


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def worlds(module_database_url: str) -> AsyncIterator[Mapping[int | None, World]]:
    """The product and its Stripe: for each number of days that a payment may count, on one database."""
    clock = FakeClock(BEGIN)
    async with AsyncExitStack() as stack:
        stripe = await stack.enter_async_context(stripe_running(clock))
        yield {
            days: await stack.enter_async_context(
                product_running(
                    module_database_url,
                    stripe,
                    clock,
                    SWEEP_MAX_PERCENT="100",
                    ONE_TIME_BASIC_DAYS="" if days is None else str(days),
                )
            )
            for days in {life.days for life in LIVES}
        }


@pytest.mark.parametrize("life", LIVES, ids=[life.name for life in LIVES])
async def test_life_ends_in_the_right_access_however_its_events_come(
    worlds: Mapping[int | None, World], life: Life, module_engine_name: str
) -> None:
    """In order, doubled, reversed, shuffled, and with each single event missing and then reconciled."""
    number = LIVES.index(life)
    short = not EVERYTHING and number % 4 != _FULL_OF[module_engine_name]  # the simulation shuffles, too
    world = worlds[life.days]
    waited = await world.waiting()
    begin = BEGIN + timedelta(minutes=20 * number)
    told = Living(world, life, begin, first_user=1000 * (number + 1))
    for arrival in (Arrival.NATURAL, Arrival.REVERSED, *(() if short else (Arrival.DOUBLED, Arrival.SHUFFLED))):
        told.join(arrival)
    await told.run()
    natural, *others = told.witnesses
    expected = await told.outcomes(natural)
    owed = await told.still_true(natural)
    wrong = _explained_wrongly(life, expected[0])
    for witness in others:
        wrong += _differs(witness, expected, await told.outcomes(witness), owed)

    untold = Living(world, life, begin.replace(year=begin.year + 1), first_user=1000 * (number + 1) + 500)
    for missing in () if short else misses(natural, one_each=EVERYTHING):
        untold.join(Arrival.MISSING, missing)
    await untold.run()
    for witness in untold.witnesses:
        wrong += _differs(witness, expected, await untold.outcomes(witness), owed)

    everybody = (*told.witnesses, *untold.witnesses)
    wrong += [f"{witness}: {words}" for witness in everybody for words in witness.wrong]
    if waiting := await world.waiting() - waited:
        wrong.append(f"{waiting} events never found their order")
    assert not wrong, "\n".join(wrong)


def _explained_wrongly(life: Life, outcome: Outcome) -> list[str]:
    because = outcome.because
    wrong = [f"the verdict does not say {words!r}: {because}" for words in life.why if words not in because]
    if outcome.ids != life.ids:
        wrong.append(f"the verdict names {sorted(outcome.ids)} and not {sorted(life.ids)}: {because}")
    return wrong


def _differs(witness: Witness, expected: list[Outcome], found: list[Outcome], owed: Iterable[str]) -> list[str]:
    """In what another customer's life ended otherwise than the natural one's."""
    wrong: list[str] = []
    for natural, other in zip(expected, found, strict=True):
        for name in ("facts", "state", "access_until", "because", "ids"):
            theirs, ours = getattr(natural, name), getattr(other, name)
            if theirs != ours:
                wrong.append(f"{witness}: {name}\n    {ours}\n  and not\n    {theirs}")
        if other.recorded != other.state or natural.recorded != natural.state:
            wrong.append(f"{witness}: it is {other.state}, and on record {other.recorded}")
        wrong += [f"{witness}: explained by a stranger's {one}" for one in other.strangers | natural.strangers]
        if len(set(other.told)) != len(other.told):
            wrong.append(f"{witness}: told twice: {other.told}")
        if witness.arrival in (Arrival.DOUBLED, Arrival.MISSING):
            strange = set(other.told) ^ set(natural.told)
        else:
            strange = (set(other.told) - set(natural.told)) | (set(owed) - {key for one in found for key in one.told})
        if strange:
            wrong.append(f"{witness}: told, or not told, {sorted(strange)}")
    return wrong
