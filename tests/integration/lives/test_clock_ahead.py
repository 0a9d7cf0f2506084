"""A clock a week ahead, then set right: the real worker finds what was put off, and the customer gets the link."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import structlog

from paywall_core.testing import FakeClock
from tests.integration.lives.world import BEGIN, World, product_running, stripe_running

_WEEK = timedelta(days=7)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """The product on either database; nobody asks Stripe by the clock."""
    clock = FakeClock(BEGIN)
    async with (
        stripe_running(clock) as stripe,
        product_running(database_url, stripe, clock, RECONCILE_MINUTES="off") as world,
    ):
        yield world


async def test_customer_who_paid_while_the_clock_ran_ahead_gets_the_link(world: World) -> None:
    """Within a round of the worker's chores, with a warning for the operator; reminders keep their day."""
    world.clock.advance(_WEEK)
    started = await world.checkout("one_time", "anna@mail.example", chat="1")
    world.stripe.engine.pay(started.session_id)
    for event in world.stripe.engine.world.all("event"):
        await world.webhook(event)
    world.clock.advance(-_WEEK)
    link = f"access_email:{started.order_id}:1"
    with structlog.testing.capture_logs() as logs:
        stop = asyncio.Event()
        working = asyncio.create_task(world.container.worker().run(stop))
        async with asyncio.timeout(20):
            while link not in world.postbox.keys:
                await asyncio.sleep(0.01)
        stop.set()
        await working
    (told,) = [line for line in logs if line["event"] == "hasten.done"]
    assert told["log_level"] == "warning"
    assert told["rows"] >= 1
    assert not [key for key in world.postbox.keys if key.startswith("notice:")]
