"""Time passes: the provider's events and the notes of what was delivered are not kept for ever."""

from datetime import timedelta
from typing import Final

from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWorkFactory

LEAST_KEPT: Final = timedelta(days=45)
"""So long at least: the provider lists its events for thirty days, and one that is forgotten would be taken in anew."""

BATCH_SIZE: Final = 500


class ForgetRecords:
    """Delete the provider's events, and rows of the outbox, that were done with long ago, in bounded batches.

    What an order is, and its history, is never deleted, nor what keeps a mail with the way in, or a sale's report, from
    going out twice, nor an event that waits for its order, nor a dead letter.

    Args:
        kept: how long, `LEAST_KEPT` at least.

    Raises:
        ValueError: it is less.
    """

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock, kept: timedelta) -> None:
        if kept < LEAST_KEPT:
            raise ValueError(f"events are to be kept for {LEAST_KEPT.days} days at least")
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._kept = kept

    async def __call__(self) -> int:
        """Delete one batch of each; how many in all. Call again while it is not 0."""
        before = self._clock.now() - self._kept
        async with self._unit_of_work() as uow:
            forgotten = await uow.payment_events.forget(before, BATCH_SIZE)
            forgotten += await uow.outbox.forget(before, BATCH_SIZE)
            await uow.commit()
        return forgotten
