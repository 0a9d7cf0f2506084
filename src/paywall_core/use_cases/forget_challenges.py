"""Time passes: addresses that were asked about are not kept for longer than the limits need them."""

from datetime import timedelta
from typing import Final

from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWorkFactory

KEPT: Final = timedelta(hours=2)
"""Longer than the hour in which codes are counted."""

BATCH_SIZE: Final = 500


class ForgetChallenges:
    """Delete challenges that no limit and no answer needs any more, in bounded batches."""

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def __call__(self) -> int:
        """Delete one batch; how many. Call again while it is not 0."""
        async with self._unit_of_work() as uow:
            forgotten = await uow.restore_challenges.forget(self._clock.now() - KEPT, BATCH_SIZE)
            await uow.commit()
        return forgotten
