"""A clock a year ahead: the real worker takes access from nobody, says so loudly, and waits for the operator."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import structlog

from paywall_core.lifecycle import State
from paywall_core.operator import Operator
from paywall_core.ports.operations import OrderQuery
from paywall_core.testing import FakeClock
from tests.integration.lives.world import BEGIN, Started, World, product_running, stripe_running

CUSTOMERS = 60
_YEAR = timedelta(days=365)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """The product on either database; a payment counts for thirty days."""
    clock = FakeClock(BEGIN)
    async with (
        stripe_running(clock) as stripe,
        product_running(database_url, stripe, clock, ONE_TIME_BASIC_DAYS="30", RECONCILE_MINUTES="off") as world,
    ):
        yield world


async def _let_in(world: World) -> list[int]:
    """Customers who have paid and redeemed."""
    users = list(range(1, CUSTOMERS + 1))
    for user in users:
        started: Started = await world.checkout("one_time", f"customer-{user}@mail.example", chat=str(user))
        world.stripe.engine.pay(started.session_id)
        (paid,) = [
            event
            for event in world.stripe.engine.world.all("event")
            if event["type"] == "checkout.session.completed" and event["data"]["object"]["id"] == started.session_id
        ]
        await world.webhook(paid)
        assert await world.redeem(started.order_id, user)
    return users


async def _states(world: World) -> set[State]:
    found = await world.container.database().archive.search(OrderQuery(limit=CUSTOMERS))
    return {order.state for order in found}


async def test_wrong_clock_revokes_nobody_and_the_operator_decides(world: World) -> None:
    """Set right, all are in; and what is true an operator confirms, by name and with a reason."""
    users = await _let_in(world)
    world.clock.advance(_YEAR)
    with structlog.testing.capture_logs() as logs:
        stop = asyncio.Event()
        working = asyncio.create_task(world.container.worker().run(stop))
        async with asyncio.timeout(20):
            while not any(line["event"] == "sweep.halted" for line in logs):
                await asyncio.sleep(0.01)
        stop.set()
        await working
    halted = next(line for line in logs if line["event"] == "sweep.halted")
    assert (halted["lapsed"], halted["live"], halted["log_level"]) == (CUSTOMERS, CUSTOMERS, "error")
    assert await _states(world) == {State.ACTIVE}
    assert not [key for key in world.postbox.keys if key.startswith("notice:ended")]

    world.clock.advance(-_YEAR)
    assert {(await world.access(user))["is_paid"] for user in users} == {True}

    world.clock.advance(timedelta(days=40))
    sweep = world.container.sweep_lapsed()
    confirmed = Operator(by="kate", why="the worker was away for ten days")
    assert await sweep(confirmed) == CUSTOMERS
    assert await _states(world) == {State.EXPIRED}
    (order, *_) = await world.container.database().archive.search(OrderQuery(limit=1))
    dossier = await world.dossier(order.id)
    assert dossier.history[-1].cause == "operator:kate"
    assert [(act.by, act.why, act.act) for act in dossier.acts] == [("kate", confirmed.why, "sweep")]
