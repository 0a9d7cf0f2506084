"""Time passes: record which orders' access has ended, unless that many endings at once cannot be true."""

from typing import Final

from msgspec import Struct

from paywall_core.errors import SweepHalted
from paywall_core.events import TimePassed
from paywall_core.operator import Operator
from paywall_core.order import apply
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import LapseCensus, OperatorAct, UnitOfWorkFactory

BATCH_SIZE: Final = 100


class SweepLimits(Struct, frozen=True, kw_only=True):
    """How many endings at once are believable.

    A sweep comes every half a minute, so that few lapse between two of them; a clock that jumped ahead has many lapse.

    Attributes:
        free: so many never stop it, however few customers there are.
        share: at most this part of all who have access.
        number: at most so many.
    """

    free: int = 20
    share: float = 0.1
    number: int = 1000

    def allow(self, census: LapseCensus) -> bool:
        """Whether so many may end at once."""
        return census.lapsed <= self.free or (
            census.lapsed <= self.number and census.lapsed <= self.share * census.live
        )


class SweepLapsed:
    """Record as expired what has lapsed, in bounded batches, and stop before a mass revocation.

    Nobody's access depends on this: the gate compares the clock itself. It makes the state true on record, and tells
    people. What a clock that ran ahead has recorded as over is recorded as good again, and the way in is owed anew.
    When more would end at once than the limits believe, nothing is recorded until an operator says that it is true.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        limits: SweepLimits | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._limits = limits or SweepLimits()
        self._batch_size = batch_size

    async def census(self) -> LapseCensus:
        """How many have lapsed and are not recorded yet, of how many."""
        async with self._unit_of_work() as uow:
            return await uow.orders.lapse_census(self._clock.now())

    async def __call__(self, confirmed_by: Operator | None = None) -> int:
        """Sweep one batch; returns how many orders were recorded. Call again while it is not 0.

        Args:
            confirmed_by: an operator who has seen the census and says that it is true; the limits are then passed over.

        Raises:
            SweepHalted: more have lapsed at once than is believable; nothing was recorded.
        """
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            orders = await uow.orders.lapsed(now, self._batch_size)
            # A handful is never counted: the census reads everybody who has access.
            if confirmed_by is None and len(orders) > min(self._limits.free, self._batch_size - 1):
                census = await uow.orders.lapse_census(now)
                if not self._limits.allow(census):
                    raise SweepHalted(lapsed=census.lapsed, live=census.live)
            cause = "sweep" if confirmed_by is None else confirmed_by.cause
            too_soon = await uow.orders.shut_out(now, self._batch_size - len(orders))
            for order in (*orders, *too_soon):
                change = apply(order, TimePassed(), now=now, cause=cause)
                await uow.orders.save(change)
                if confirmed_by is not None:
                    await uow.operator_log.add(
                        OperatorAct(
                            at=now,
                            by=confirmed_by.by,
                            why=confirmed_by.why,
                            act="sweep",
                            subject=f"recorded as {change.order.state}",
                            order_id=order.id,
                        )
                    )
            await uow.commit()
        return len(orders) + len(too_soon)
