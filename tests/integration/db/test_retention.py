"""What was done with long ago is deleted from a database by the use case, the oldest first."""

from datetime import timedelta

import pytest

from adapters.db.database import Database
from paywall_core.effects import LookUpEvent
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing import FakeClock
from paywall_core.testing.contract.outbox import deliver
from paywall_core.testing.contract.payment_events import hear
from paywall_core.testing.contract.samples import MINUTE, NOW, add, place
from paywall_core.use_cases.forget_records import LEAST_KEPT, ForgetRecords

DAY = timedelta(days=1)


@pytest.fixture
def store(database: Database) -> Database:
    """A database as it was made."""
    return database


async def test_use_case_forgets_both_in_batches(store: Database) -> None:
    """What is younger than it says stays."""
    order = await add(store, place())
    await hear(store, "evt_old", order.id, at=NOW)
    await hear(store, "evt_new", order.id, at=NOW + DAY)
    await deliver(store, LookUpEvent(event_id="evt_1", not_before=NOW), DeliveryStatus.DELIVERED, at=NOW)
    clock = FakeClock(NOW + LEAST_KEPT)
    forget = ForgetRecords(unit_of_work=store.unit_of_work, clock=clock, kept=LEAST_KEPT)
    assert await forget() == 0
    clock.advance(MINUTE)
    assert [await forget(), await forget()] == [2, 0]
    async with store.unit_of_work() as uow:
        assert await uow.payment_events.known(["evt_old", "evt_new"]) == {"evt_new"}


def test_nothing_is_forgotten_that_the_provider_would_tell_again(store: Database) -> None:
    """It lists its events for thirty days."""
    with pytest.raises(ValueError, match="45 days"):
        ForgetRecords(unit_of_work=store.unit_of_work, clock=FakeClock(NOW), kept=LEAST_KEPT - MINUTE)
