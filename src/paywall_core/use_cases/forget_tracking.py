"""Time passes: what was logged of visitors for the trackers is not kept for ever; it holds addresses and browsers."""

from datetime import timedelta
from typing import Final

from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWorkFactory

KEPT: Final = timedelta(days=90)
"""Long enough to look into a campaign."""

BATCH_SIZE: Final = 500


class ForgetTracking:
    """Delete tracked events that were settled long ago, in bounded batches; none that still waits."""

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def __call__(self) -> int:
        """Delete one batch; how many. Call again while it is not 0."""
        async with self._unit_of_work() as uow:
            forgotten = await uow.tracking_log.forget(self._clock.now() - KEPT, BATCH_SIZE)
            await uow.commit()
        return forgotten
