"""What was done with long ago is deleted; what is still needed stays, however old it is."""

from datetime import timedelta

import pytest
from msgspec import structs

from paywall_core.events import RefundUpdated
from paywall_core.facts import RefundStatus
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.use_cases.forget_records import BATCH_SIZE, LEAST_KEPT, ForgetRecords
from paywall_core.use_cases.request_restore import RequestRestoreCommand

from ..strategies import DAY, eur  # noqa: TID252  - the tests' own package
from .world import World


def forget(world: World, kept: timedelta = LEAST_KEPT) -> ForgetRecords:
    """The use case."""
    return ForgetRecords(unit_of_work=world.store.unit_of_work, clock=world.clock, kept=kept)


def keys(world: World) -> set[str]:
    """How the keys of what is in the outbox begin."""
    return {row.key.partition(":")[0] for row in world.store.outbox}


async def test_old_events_and_deliveries_go_and_what_must_be_remembered_stays(world: World) -> None:
    """The order, its history, and the keys that keep the way in and the sale from a second time."""
    started = await world.buy()
    await world.request_restore(RequestRestoreCommand(email="anna@example.com"))
    await world.deliver_all()
    assert keys(world) > {"access_email", "activation_message", "mobi_slon", "restore_code"}
    before = world.order(started.order_id)
    world.clock.advance(LEAST_KEPT)
    assert await forget(world)() == 0
    world.clock.advance(timedelta(seconds=1))
    assert await forget(world)() == 2  # the event, and the code's mail
    assert await forget(world)() == 0
    assert keys(world) == {"access_email", "activation_message", "mobi_slon", "notice"}  # a reminder waits for its day
    assert not world.store.tables.events
    assert world.order(started.order_id) == before
    assert world.store.tables.history[started.order_id]


async def test_what_waits_and_what_nobody_has_looked_at_stays(world: World) -> None:
    """An event that is parked, a delivery that is owed, a dead letter."""
    refund = RefundUpdated(refund_id="re_1", amount=eur(100), status=RefundStatus.SUCCEEDED, payment="pi_unknown")
    await world.record(world.say("evt_parked", refund, references=("pi_unknown",)))
    await world.request_restore(RequestRestoreCommand(email="anna@example.com"))
    world.clock.advance(1000 * DAY)
    assert await forget(world)() == 0
    assert len(world.store.tables.events) == 1
    assert {row.status for row in world.store.outbox} == {DeliveryStatus.PENDING}


async def test_batches_are_bounded(world: World) -> None:
    """However much there is, of either."""
    await world.buy()
    await world.request_restore(RequestRestoreCommand(email="anna@example.com"))
    await world.deliver_all()
    tables = world.store.tables
    event = next(iter(tables.events.values()))
    row = next(row for row in world.store.outbox if row.key.startswith("restore_code:"))
    for number in range(BATCH_SIZE + 1):
        tables.events[f"evt_{number}"] = event
        tables.outbox[f"restore_code:{number}"] = structs.replace(row, key=f"restore_code:{number}")
    world.clock.advance(1000 * DAY)
    assert [await forget(world)() for _ in range(3)] == [2 * BATCH_SIZE, 4, 0]


def test_nothing_is_forgotten_that_the_provider_would_tell_again(world: World) -> None:
    """It lists its events for thirty days."""
    with pytest.raises(ValueError, match=r"^events are to be kept for 45 days at least$"):
        forget(world, LEAST_KEPT - timedelta(seconds=1))
