"""`paywall <command>` for these tests: what a killed process left undone comes back in seconds, not in minutes.

    python launch.py 5.0 2.0 none worker

The first number is a worker's lease, the second how long an event waits for its order before Stripe is asked whose it
is. The word is a defect to plant (`DEFECTS`), or `none`. Everything else is the command as it is installed.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

from adapters.db.connection import database_errors
from adapters.db.database import Database
from adapters.db.unit_of_work import SqlUnitOfWork
from entrypoints.cli import main
from entrypoints.container import Container
from paywall_core.notification import PaymentNotification
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus, Settlement
from paywall_core.use_cases import record_payment
from paywall_core.use_cases.deliver_outbox import DeliverOutbox
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment

_DEFECT_SECONDS: Final = 30  # longer than it takes to be killed


class _AcknowledgedFirst(RecordPayment):
    """Stripe is told that its event was taken; it is stored later."""

    _later: Final[set[asyncio.Task[None]]] = set()

    async def __call__(self, notification: PaymentNotification) -> RecordedPayment:
        """Say that it is done."""
        task = asyncio.create_task(self._record_later(notification))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return RecordedPayment()

    async def _record_later(self, notification: PaymentNotification) -> None:
        await asyncio.sleep(_DEFECT_SECONDS)
        await super().__call__(notification)


class _MarkedFirst(DeliverOutbox):
    """A delivery is written down as done; it goes out later."""

    async def deliver(self, delivery: Delivery) -> DeliveryStatus:
        """At most once, where it must be at least once."""
        async with self._unit_of_work() as uow:
            await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.DELIVERED, at=self._clock.now()))])
            await uow.commit()
        await asyncio.sleep(_DEFECT_SECONDS)
        return await super().deliver(delivery)


class _CarelessUnitOfWork(SqlUnitOfWork):
    """A commit that fails is taken for done."""

    async def commit(self) -> None:
        """Never an error."""
        with suppress(*database_errors()):
            await super().commit()


class _CarelessDatabase(Database):
    """Gives those."""

    def unit_of_work(self) -> SqlUnitOfWork:
        """Careless."""
        return _CarelessUnitOfWork(self.pool, on_enqueued=self._on_enqueued)


def _acknowledge_first() -> None:
    Container.record_payment.set_provides(_AcknowledgedFirst)


def _mark_first() -> None:
    Container.deliver_outbox.set_provides(_MarkedFirst)


def _hide_failed_commits() -> None:
    Container.database.set_provides(_CarelessDatabase)


DEFECTS: Final[Mapping[str, Callable[[], None]]] = {
    "acknowledged-before-the-commit": _acknowledge_first,
    "marked-before-it-is-sent": _mark_first,
    "failed-commits-hidden": _hide_failed_commits,
    "none": lambda: None,
}


if __name__ == "__main__":
    _lease, _look_up, _defect = sys.argv[1:4]
    Container.retry_policy.add_kwargs(lease_seconds=float(_lease))
    vars(record_payment)["LOOK_UP_DELAY"] = timedelta(seconds=float(_look_up))
    DEFECTS[_defect]()
    main(sys.argv[4:], prog_name="paywall")
