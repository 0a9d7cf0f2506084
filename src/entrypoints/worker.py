"""The worker's loop: deliver what is due, do the chores beside it, and stop cleanly.

Any number of workers run on one database: each takes its own rows. When it is told to stop, a delivery that has begun
is finished, and one that was leased but not begun is given back.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from time import perf_counter
from types import MappingProxyType
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

from adapters.metrics.measures import Measures
from entrypoints.chores import Chore, first_of
from paywall_core.effects import Lane
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus
from paywall_core.use_cases.deliver_outbox import DeliverOutbox

BOUNDS: Final[Mapping[Lane, int]] = MappingProxyType(
    {
        Lane.MAIL: 8,
        Lane.MAIL_NOTICE: 2,
        Lane.CHAT: 4,
        Lane.CHAT_NOTICE: 2,
        Lane.CLICK_TRACKER: 4,
        Lane.AD_PLATFORM: 4,
        Lane.PROVIDER: 2,
    }
)
"""Deliveries under way at once in each lane. Their sum bounds them all, so that a full lane takes nobody's place."""

_log = structlog.stdlib.get_logger("paywall.worker")


class Worker:
    """Runs the outbox and the chores until it is stopped.

    Args:
        deliver_outbox: leases and delivers.
        deliver: something around its `deliver`.
        chores: what else is done, by the clock.
        listen: hears what other processes write to the outbox, until it is told to stop; by it, too, `awake` is set.
        awake: set by whoever of this process has just written to the outbox: look now, not at the next poll.
        measures: where tries to deliver are timed, and when each chore last ended well is noted.
        clock: says when that was.
        poll_seconds: the longest wait before the outbox is looked at again.
        bounds: deliveries under way at once in each lane.
    """

    def __init__(
        self,
        *,
        deliver_outbox: DeliverOutbox,
        deliver: Callable[[Delivery], Awaitable[DeliveryStatus]],
        chores: Sequence[Chore],
        listen: Callable[[asyncio.Event], Coroutine[Any, Any, object]],
        awake: asyncio.Event,
        measures: Measures,
        clock: Clock,
        poll_seconds: float = 1.0,
        bounds: Mapping[Lane, int] = BOUNDS,
    ) -> None:
        self._deliver_outbox = deliver_outbox
        self._deliver_one = deliver
        self._chores = tuple(chores)
        self._listen = listen
        self._awake = awake
        self._measures = measures
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._room = Counter(bounds)
        self._crowded: set[Lane] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. A failing database is logged and tried again; it does not end the worker."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliver_forever(stop))
            tasks.create_task(self._listen(stop))
            for chore in self._chores:
                self._measures.chores.set(0, chore.name)  # not yet: who never ends well must show, too
                tasks.create_task(chore.run(stop, self._ended_well))

    def _ended_well(self, chore: str) -> None:
        self._measures.chores.set(self._clock.now().timestamp(), chore)

    async def _deliver_forever(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:  # what has begun is finished
            while not stop.is_set():
                self._awake.clear()
                try:
                    deliveries = await self._lease(stop)
                except Exception:  # noqa: BLE001  - the loop must outlive a database that is away; leases run out
                    _log.exception("outbox.failed")
                    deliveries = []
                for delivery in deliveries:
                    self._room[delivery.effect.lane] -= 1
                    tasks.create_task(self._deliver(delivery))
                await first_of(stop, self._awake, timeout_seconds=self._poll_seconds)

    async def _lease(self, stop: asyncio.Event) -> Sequence[Delivery]:
        """Only what can begin at once: nothing lies here while its lease runs."""
        room = +self._room
        deliveries = await self._deliver_outbox.lease(room.total(), room) if room else []
        if stop.is_set():
            await asyncio.gather(*map(self._deliver_outbox.give_back, deliveries))
            return []
        taken = Counter(delivery.effect.lane for delivery in deliveries)
        self._crowded = {lane for lane in self._room if taken[lane] >= room[lane]}
        return deliveries

    async def _deliver(self, delivery: Delivery) -> None:
        order_id = getattr(delivery.effect, "order_id", None)
        about = {"key": delivery.key} if order_id is None else {"key": delivery.key, "order_id": order_id}
        with bound_contextvars(**about):  # so that whatever is logged on the way names it, too
            await self._tell(delivery)

    async def _tell(self, delivery: Delivery) -> None:
        log = _log.bind(attempt=delivery.attempt)
        began, outcome = perf_counter(), "crashed"
        try:
            status = await self._deliver_one(delivery)
        except Exception:  # one poison row must not stop the others; its lease runs out and counts as a try
            log.exception("delivery.crashed")
        else:
            outcome = "retry" if status is DeliveryStatus.PENDING else str(status)
            if status is DeliveryStatus.DEAD:
                log.error("delivery.dead")
            elif status is DeliveryStatus.PENDING:
                log.warning("delivery.retry")
            else:
                log.info("delivery.done", status=status)
        finally:
            lane, effect = delivery.effect.lane, str(delivery.effect.__struct_config__.tag)
            self._measures.deliveries.of(lane, effect, outcome).observe(perf_counter() - began)
            self._room[delivery.effect.lane] += 1
            if delivery.effect.lane in self._crowded:
                self._awake.set()  # more may be due than there was room for
