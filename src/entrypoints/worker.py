"""The worker's loop: deliver what is due, do the chores beside it, and stop cleanly.

Any number of workers run on one database: each takes its own rows. When it is told to stop, a delivery that has begun
is finished, and one that was leased but not begun is given back.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from entrypoints.chores import Chore, first_of
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus
from paywall_core.use_cases.deliver_outbox import DeliverOutbox

_log = structlog.stdlib.get_logger("paywall.worker")


class Worker:
    """Runs the outbox and the chores until it is stopped.

    Args:
        deliver_outbox: leases and delivers.
        chores: what else is done, by the clock.
        listen: hears what other processes write to the outbox, until it is told to stop; by it, too, `awake` is set.
        awake: set by whoever of this process has just written to the outbox: look now, not at the next poll.
        poll_seconds: the longest wait before the outbox is looked at again.
        concurrency: deliveries under way at once.
    """

    def __init__(
        self,
        *,
        deliver_outbox: DeliverOutbox,
        chores: Sequence[Chore],
        listen: Callable[[asyncio.Event], Coroutine[Any, Any, object]],
        awake: asyncio.Event,
        poll_seconds: float = 1.0,
        concurrency: int = 8,
    ) -> None:
        self._deliver_outbox = deliver_outbox
        self._chores = tuple(chores)
        self._listen = listen
        self._awake = awake
        self._poll_seconds = poll_seconds
        self._concurrency = concurrency

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. A failing database is logged and tried again; it does not end the worker."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliver_forever(stop))
            tasks.create_task(self._listen(stop))
            for chore in self._chores:
                tasks.create_task(chore.run(stop))

    async def _deliver_forever(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._awake.clear()
            try:
                busy = await self._deliver_batch(stop)
            except Exception:  # noqa: BLE001  - the loop must outlive a database that is away; the rows' leases run out
                _log.exception("outbox.failed")
                busy = False
            if not busy:
                await first_of(stop, self._awake, timeout_seconds=self._poll_seconds)

    async def _deliver_batch(self, stop: asyncio.Event) -> bool:
        deliveries = await self._deliver_outbox.lease(self._concurrency)
        if stop.is_set():
            await self._give_back(deliveries)
            return False
        async with asyncio.TaskGroup() as tasks:
            for delivery in deliveries:
                tasks.create_task(self._deliver(delivery))
        return bool(deliveries)

    async def _deliver(self, delivery: Delivery) -> None:
        log = _log.bind(key=delivery.key, attempt=delivery.attempt)
        try:
            status = await self._deliver_outbox.deliver(delivery)
        except Exception:  # one poison row must not stop the others; its lease runs out and counts as a try
            log.exception("delivery.crashed")
            return
        if status is DeliveryStatus.DEAD:
            log.error("delivery.dead")
        elif status is DeliveryStatus.PENDING:
            log.warning("delivery.retry")
        else:
            log.info("delivery.done", status=status)

    async def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            await self._deliver_outbox.give_back(delivery)
