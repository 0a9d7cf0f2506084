"""What was done with long ago is deleted, the oldest first; what is still needed stays, however old it is."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from paywall_core.effects import (
    Effect,
    LookUpEvent,
    NoticeChannel,
    NoticeKind,
    ReportSale,
    SendAccessEmail,
    SendActivationMessage,
    SendNotice,
)
from paywall_core.notification import PaymentNotification
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.testing import FakeClock
from paywall_core.use_cases.forget_records import LEAST_KEPT, ForgetRecords

from .samples import MINUTE, NOW, Store, add, paid_event, place

DAY = timedelta(days=1)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which implementation."""
    return str(request.param)


def word(event_id: str, *references: str) -> PaymentNotification:
    """An event of the provider's."""
    return PaymentNotification(
        event_id=event_id,
        event_type="invoice.paid",
        occurred_at=NOW,
        events=(paid_event(),),
        references=references,
        payload=b"{}",
    )


async def hear(store: Store, event_id: str, order_id: UUID | None, *, at: datetime) -> None:
    """Store an event."""
    async with store.unit_of_work() as uow:
        await uow.payment_events.add([(word(event_id, f"ref_{event_id}"), order_id)], received_at=at)
        await uow.commit()


async def deliver(store: Store, effect: Effect, status: DeliveryStatus, *, at: datetime) -> None:
    """Owe something, and settle it."""
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue([effect], now=at)
        (delivery,) = await uow.outbox.lease(now=at, limit=9, lease_until=at + MINUTE, lease_id=uuid4())
        due_at = at + 9000 * DAY if status is DeliveryStatus.PENDING else None
        await uow.outbox.settle(delivery, Settlement(status=status, at=at, due_at=due_at))
        await uow.commit()


async def test_events_are_forgotten_oldest_first_and_none_that_waits(store: Store) -> None:
    """One that was set aside goes with what it was parked by."""
    order = await add(store, place())
    for number in range(3):
        await hear(store, f"evt_{number}", order.id, at=NOW + number * MINUTE)
    await hear(store, "evt_waits", None, at=NOW)
    await hear(store, "evt_aside", None, at=NOW + 3 * MINUTE)
    async with store.unit_of_work() as uow:
        await uow.payment_events.set_aside("evt_aside", at=NOW)
        await uow.commit()
    every = ["evt_0", "evt_1", "evt_2", "evt_waits", "evt_aside"]
    for before, limit, forgotten, left in (
        (NOW, 9, 0, every),
        (NOW + 9 * MINUTE, 2, 2, every[2:]),
        (NOW + 3 * MINUTE, 9, 1, every[3:]),
        (NOW + 9 * MINUTE, 9, 1, ["evt_waits"]),
        (NOW + 9 * MINUTE, 9, 0, ["evt_waits"]),
    ):
        async with store.unit_of_work() as uow:
            assert await uow.payment_events.forget(before, limit) == forgotten
            assert await uow.payment_events.known(every) == set(left)
            await uow.commit()
    async with store.unit_of_work() as uow:
        assert [one.event_id for one in await uow.payment_events.parked(["ref_evt_aside", "ref_evt_waits"])] == [
            "evt_waits"
        ]


async def test_deliveries_are_forgotten_and_none_that_must_be_remembered(store: Store) -> None:
    """The way in and the sale stay: that they are there keeps them from going out again. So do dead letters."""
    order = await add(store, place())

    def notice(cause: str) -> SendNotice:
        return SendNotice(order_id=order.id, kind=NoticeKind.ENDED, channel=NoticeChannel.EMAIL, cause=cause)

    done, skipped, dead = DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED, DeliveryStatus.DEAD
    await deliver(store, notice("a"), done, at=NOW)
    await deliver(store, notice("b"), skipped, at=NOW + MINUTE)
    await deliver(store, LookUpEvent(event_id="evt_1", not_before=NOW), done, at=NOW + 2 * MINUTE)
    for effect in (
        SendAccessEmail(order_id=order.id, token_version=1),
        SendActivationMessage(order_id=order.id, token_version=1),
        ReportSale(order_id=order.id),
    ):
        await deliver(store, effect, done, at=NOW)
    await deliver(store, notice("c"), dead, at=NOW)
    await deliver(store, notice("d"), DeliveryStatus.PENDING, at=NOW)
    for before, limit, forgotten in (
        (NOW, 9, 0),
        (NOW + MINUTE, 9, 1),
        (NOW + 9 * MINUTE, 1, 1),
        (NOW + 9 * MINUTE, 9, 1),
        (NOW + 9 * DAY, 9, 0),
    ):
        async with store.unit_of_work() as uow:
            assert await uow.outbox.forget(before, limit) == forgotten
            await uow.commit()
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue([ReportSale(order_id=order.id), notice("a")], now=NOW)
        again = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW, lease_id=uuid4())
        assert [delivery.effect for delivery in again] == [notice("a")]


async def test_use_case_forgets_both_in_batches(store: Store) -> None:
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


def test_nothing_is_forgotten_that_the_provider_would_tell_again(store: Store) -> None:
    """It lists its events for thirty days."""
    with pytest.raises(ValueError, match="45 days"):
        ForgetRecords(unit_of_work=store.unit_of_work, clock=FakeClock(NOW), kept=LEAST_KEPT - MINUTE)
