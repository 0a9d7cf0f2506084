"""The disk is full under load: nothing is acknowledged that was not kept, and with room again all is well by itself."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.integration.crashes.blows import falls_of, fill_disk, make_room, report
from tests.integration.crashes.customers import Customer, Life, all_live, crowd
from tests.integration.crashes.oracle import judge
from tests.integration.crashes.town import EVERYTHING, WITHOUT_BOT, Town, town

_COMMANDS: Sequence[str] = ("serve",) if EVERYTHING else WITHOUT_BOT
_CUSTOMERS, _SECONDS, _TIMES = (80, 40.0, 10) if EVERYTHING else (4, 1.0, 1)


async def _fill(here: Town, at_stripe: Customer) -> None:
    """No byte more than there is, until a customer was told so, and Stripe too, of somebody who has just paid."""
    life = Life(here, at_stripe)
    await life.check_out()
    fill_disk(here)

    async def refused() -> bool | None:
        # What a checkpoint has freed inside the log is still written to, as on a full disk.
        answer = await here.client.post(
            f"{here.front.origin}/api/payment/checkout-session", json=at_stripe.order_form()
        )
        return True if answer.status_code >= 500 else None

    await here.insist(refused, "a 5xx for a customer")
    refusals = _refusals(here)
    life.pay()

    async def stripe_knows() -> bool | None:
        return True if _refusals(here) > refusals else None

    await here.insist(stripe_knows, "a 5xx for Stripe")


def _refusals(here: Town) -> int:
    """How many webhooks were answered with 500."""
    return sum(one.status == 500 for tries in here.world.stripe.webhooks.attempts.values() for one in tries)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_full_disk_loses_nothing(
    database_url: str, engine_name: str, crash_seed: int, tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    """5xx while it is full; right once there is room again, with nobody's help."""
    rng = random.Random(crash_seed)  # noqa: S311  - a schedule
    customers = crowd(rng, _CUSTOMERS, _SECONDS, bot=_COMMANDS != WITHOUT_BOT)
    at_stripe = [Customer.who_only_pays(_CUSTOMERS + number) for number in range(_TIMES)]
    async with town(database_url, tmp_path, _COMMANDS) as here:
        living = asyncio.create_task(all_live(here, customers))
        for one in at_stripe:
            await asyncio.sleep(rng.uniform(0.3, 1.5))
            await _fill(here, one)
            await asyncio.sleep(rng.uniform(0.2, 1.5))
            make_room(here)
        await living
        verdict = await judge(here, customers + at_stripe, interruptions=_TIMES)
        assert falls_of(here) == 0
    report(evidence, "disk full", crash_seed, verdict, {"full": _TIMES})
