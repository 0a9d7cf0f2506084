"""What is kept for a time only is deleted in bounded batches: a backlog never holds a lock for long."""

from uuid import UUID

from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.tracking import AdEvent, TrackingAttempt, TrackingOutcome
from paywall_core.use_cases import forget_challenges, forget_tracking

from ..strategies import DAY  # noqa: TID252  - the tests' own package
from .world import World


async def test_backlog_of_tracked_events_is_deleted_batch_by_batch(world: World) -> None:
    """As many as one batch holds, then the rest."""
    for number in range(forget_tracking.BATCH_SIZE + 1):
        world.store.tables.tracking_log[UUID(int=number)] = TrackingAttempt(
            id=UUID(int=number),
            received_at=world.clock.now(),
            event=AdEvent(name="Lead"),
            outcome=TrackingOutcome.DELIVERED,
        )
    world.clock.advance(91 * DAY)
    forgotten = [await world.forget_tracking() for _ in range(3)]
    assert forgotten == [forget_tracking.BATCH_SIZE, 1, 0]


async def test_backlog_of_challenges_is_deleted_batch_by_batch(world: World) -> None:
    """As above."""
    for number in range(forget_challenges.BATCH_SIZE + 1):
        address = f"{number}@example.com"
        world.store.tables.restore_challenges[address] = RestoreChallenge(
            address=address, id=UUID(int=number), issued=(world.clock.now(),)
        )
    world.clock.advance(DAY)
    forgotten = [await world.forget() for _ in range(3)]
    assert forgotten == [forget_challenges.BATCH_SIZE, 1, 0]
