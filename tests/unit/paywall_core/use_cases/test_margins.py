"""The margins of time that the documents promise, by the clock and not by the constants' names."""

from datetime import timedelta

from .world import COMMAND, World

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


async def test_first_reconciliation_reads_the_thirty_days_that_the_provider_keeps(world: World) -> None:
    """Nobody reconciled before: everything that can be read is."""
    assert (await world.reconcile()).since == world.clock.now() - 30 * DAY


async def test_next_reconciliation_begins_an_hour_before_what_the_last_one_read(world: World) -> None:
    """A list may be late, and clocks differ."""
    read = world.put_on_record(world.paid(await world.start(COMMAND)))
    await world.reconcile()
    world.clock.advance(DAY)
    assert (await world.reconcile()).since == read.occurred_at - HOUR


async def test_scheduled_reconciliation_leaves_the_last_two_minutes_to_the_webhooks(world: World) -> None:
    """What is only on its way has not drifted."""
    report = await world.reconcile.scheduled(min_interval=HOUR)
    assert report is not None
    assert report.until == world.clock.now() - 2 * MINUTE


async def test_customer_has_half_an_hour_on_the_provider_s_page(world: World) -> None:
    """The session is not asked about before that."""
    await world.start(COMMAND)
    world.clock.advance(29 * MINUTE)
    assert (await world.reconcile()).asked == 0
    world.clock.advance(2 * MINUTE)
    assert (await world.reconcile()).asked == 1


async def test_open_session_is_asked_about_four_times_a_day(world: World) -> None:
    """Every quarter of an hour the worker comes by, and asks once in six hours."""
    await world.start(COMMAND)
    asked = 0
    for _ in range(3 * 4 * 24):
        world.clock.advance(15 * MINUTE)
        asked += (await world.reconcile()).asked
    assert asked == 3 * 4
