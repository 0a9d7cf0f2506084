"""What waits, as of now."""

from datetime import timedelta

from paywall_core.effects import Lane
from paywall_core.use_cases.measure_backlog import MeasureBacklog

from .world import World


async def test_what_waits_is_measured_at_the_clocks_moment(world: World) -> None:
    """A purchase owes a mail, and nobody delivers it."""
    await world.buy()
    owed_since = world.clock.now()
    world.clock.advance(timedelta(minutes=5))
    measured = await MeasureBacklog(watch=world.store.archive, clock=world.clock)()
    (mail,) = [one for one in measured.lanes if one.lane is Lane.MAIL]
    assert (mail.due, mail.due_since) == (1, owed_since)
