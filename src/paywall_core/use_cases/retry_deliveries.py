"""An operator has looked at what was not delivered, mended the reason, and wants it tried again."""

from collections.abc import Sequence

from paywall_core.operator import Operator
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import OperatorAct, RetriedDelivery, UnitOfWorkFactory


class RetryDeliveries:
    """Make outbox rows due now, with all their tries before them; what is delivered or under way is left alone."""

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def __call__(self, keys: Sequence[str], operator: Operator) -> Sequence[RetriedDelivery]:
        """Retry these; returns the rows that are due now because of it. Each is written into the operators' log."""
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            retried = await uow.outbox.retry(keys, due_at=now)
            for row in retried:
                await uow.operator_log.add(
                    OperatorAct(
                        at=now,
                        by=operator.by,
                        why=operator.why,
                        act="outbox retry",
                        subject=row.key,
                        order_id=row.order_id,
                    )
                )
            await uow.commit()
        return retried
