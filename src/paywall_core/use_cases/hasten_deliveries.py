"""A clock that ran ahead is right again: what it put off must not wait until that time really comes."""

from datetime import timedelta
from typing import Final

from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWorkFactory
from paywall_core.use_cases.deliver_outbox import RetryPolicy

BATCH_SIZE: Final = 100


class HastenDeliveries:
    """Make due what is put off for longer than any wait lasts: only a clock that ran ahead can have done that.

    While it ran ahead, what was written, taken by a worker, tried, given back or retried by an operator became due in
    a time that is yet to come, and a customer would wait for the link until then. Reminders wait for their own day.
    Whoever is delivering such a row has a lease's time from now on to end that: it goes out once.
    """

    def __init__(
        self, *, unit_of_work: UnitOfWorkFactory, clock: Clock, policy: RetryPolicy, batch_size: int = BATCH_SIZE
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._policy = policy
        self._batch_size = batch_size

    async def __call__(self) -> int:
        """Hasten one batch; returns how many rows. Call again while it is not 0."""
        async with self._unit_of_work() as uow:
            # Not before the transaction: whoever waited long for it would take rows for put off that are not.
            now = self._clock.now()
            hastened = await uow.outbox.hasten(
                now=now,
                due_after=now + self._policy.latest,
                lease_until=now + timedelta(seconds=self._policy.lease_seconds),
                limit=self._batch_size,
            )
            await uow.commit()
        return hastened
