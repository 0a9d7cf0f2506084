"""Time passes: record which orders' access has ended."""

from typing import Final

from paywall_core.events import TimePassed
from paywall_core.order import apply
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWorkFactory

BATCH_SIZE: Final = 100


class SweepLapsed:
    """Record as expired what has lapsed, in bounded batches.

    Nobody's access depends on this: the gate compares the clock itself. It only makes the state true on record.
    """

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock, batch_size: int = BATCH_SIZE) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._batch_size = batch_size

    async def __call__(self) -> int:
        """Sweep one batch; returns how many orders were recorded. Call again while it is not 0."""
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            orders = await uow.orders.lapsed(now, self._batch_size)
            for order in orders:
                change = apply(order, TimePassed(), now=now, cause="sweep")
                await uow.orders.save(change, expected_version=order.version)
                await uow.outbox.enqueue(change.effects, due_at=now)
            await uow.commit()
        return len(orders)
