"""What a clock that ran ahead put off becomes due, on the fake, SQLite and PostgreSQL; what rightly waits is left."""

import asyncio
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import pytest

from adapters.db.database import Database
from paywall_core.effects import (
    Effect,
    LookUpEvent,
    NoticeChannel,
    NoticeKind,
    ReportSale,
    SendAccessEmail,
    SendNotice,
)
from paywall_core.order import Order
from paywall_core.ports.operations import OutboxArchive, OutboxLine, OutboxQuery
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus, Settlement

from .samples import MINUTE, NOW, Store, add, place

DAY: Final = timedelta(days=1)
AHEAD: Final = NOW + 5 * DAY
"""What the clock said that ran ahead."""

INSTANT: Final = timedelta(microseconds=1)
DUE_AFTER: Final = NOW + 120 * MINUTE
LEASED_UNTIL: Final = NOW + 2 * MINUTE


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which implementation."""
    return str(request.param)


def reminder(order: Order, not_before: datetime) -> SendNotice:
    """A word that the paid time ends soon, not before its day."""
    return SendNotice(
        order_id=order.id,
        kind=NoticeKind.ENDS_SOON,
        channel=NoticeChannel.EMAIL,
        cause="end",
        not_before=not_before,
    )


async def enqueue(store: Store, *effects: Effect, now: datetime) -> None:
    """Write effects that are owed since `now`."""
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue(effects, now=now)
        await uow.commit()


async def lease(store: Store, now: datetime) -> list[Delivery]:
    """Take all that is due, for two minutes."""
    async with store.unit_of_work() as uow:
        leased = await uow.outbox.lease(now=now, limit=99, lease_until=now + 2 * MINUTE, lease_id=uuid4())
        await uow.commit()
    return list(leased)


async def settle(store: Store, delivery: Delivery, settlement: Settlement) -> bool:
    """Write how a delivery ended."""
    async with store.unit_of_work() as uow:
        settled = await uow.outbox.settle(delivery, settlement)
        await uow.commit()
    return settled


async def put_off(store: Store, key: str, how: str) -> Delivery:
    """A worker, or an operator, has a row at hand while the clock runs ahead."""
    ((delivery,), later) = await lease(store, AHEAD), AHEAD + 60 * MINUTE
    if how == "tried":
        assert await settle(store, delivery, Settlement(status=DeliveryStatus.PENDING, at=AHEAD, due_at=later))
    elif how == "given back":
        back = Settlement(status=DeliveryStatus.PENDING, at=AHEAD, due_at=AHEAD, attempted=False)
        assert await settle(store, delivery, back)
    elif how == "retried":
        assert await settle(store, delivery, Settlement(status=DeliveryStatus.DEAD, at=AHEAD, error="550"))
        async with store.unit_of_work() as uow:
            assert await uow.outbox.retry([key], due_at=AHEAD)
            await uow.commit()
    return delivery


async def hasten(store: Store, *, limit: int = 9) -> int:
    """The clock is right again."""
    async with store.unit_of_work() as uow:
        hastened = await uow.outbox.hasten(now=NOW, due_after=DUE_AFTER, lease_until=LEASED_UNTIL, limit=limit)
        await uow.commit()
    return hastened


async def line(archive: OutboxArchive, effect: Effect) -> OutboxLine:
    """The row of an effect."""
    (found,) = await archive.lines(OutboxQuery(keys=(effect.key,)))
    return found


async def is_owed_since(archive: OutboxArchive, effect: Effect, moment: datetime) -> bool:
    """Whether a row counts as owed since this very moment."""
    before = await archive.lines(OutboxQuery(key_prefix=effect.key, due_before=moment))
    then = await archive.lines(OutboxQuery(key_prefix=effect.key, due_before=moment + INSTANT))
    return not before and bool(then)


@pytest.mark.parametrize("how", ["tried", "given back", "retried"])
async def test_row_that_was_handled_ahead_of_time_is_due_now(
    store: Store, outbox_archive: OutboxArchive, how: str
) -> None:
    """Its tries stay counted, the late word of whoever had it is refused, and it was owed all the time."""
    effect = SendAccessEmail(order_id=(await add(store, place())).id, token_version=1)
    await enqueue(store, effect, now=NOW - MINUTE)
    late = await put_off(store, effect.key, how)
    tries = (await line(outbox_archive, effect)).attempts
    assert await lease(store, DUE_AFTER) == []
    assert await hasten(store) == 1
    assert not await settle(store, late, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))
    row = await line(outbox_archive, effect)
    assert (row.status, row.attempts, row.due_at, row.created_at) == (
        DeliveryStatus.PENDING,
        tries,
        NOW,
        NOW - MINUTE,
    )
    assert await is_owed_since(outbox_archive, effect, NOW if how == "retried" else NOW - MINUTE)
    assert await hasten(store) == 0
    assert [(one.effect, one.attempt) for one in await lease(store, NOW)] == [(effect, tries + 1)]


async def test_row_that_somebody_delivers_is_left_to_them_for_the_time_of_a_lease(
    store: Store, outbox_archive: OutboxArchive
) -> None:
    """Their word counts; should they have died, the row is taken up after that time."""
    effect = SendAccessEmail(order_id=(await add(store, place())).id, token_version=1)
    await enqueue(store, effect, now=NOW - MINUTE)
    under_way = await put_off(store, effect.key, "leased")
    assert await hasten(store) == 1
    assert await hasten(store) == 0
    row = await line(outbox_archive, effect)
    assert (row.attempts, row.due_at, row.created_at) == (1, LEASED_UNTIL, NOW - MINUTE)
    assert await is_owed_since(outbox_archive, effect, NOW - MINUTE)
    assert await lease(store, LEASED_UNTIL - INSTANT) == []
    assert await settle(store, under_way, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))


async def test_row_that_was_written_ahead_of_time_counts_as_written_now(
    store: Store, outbox_archive: OutboxArchive
) -> None:
    """A look-up, too, whose own delay came from the same clock."""
    effects: list[Effect] = [
        SendAccessEmail(order_id=(await add(store, place())).id, token_version=1),
        LookUpEvent(event_id="evt_1", not_before=AHEAD + MINUTE),
    ]
    await enqueue(store, *effects, now=AHEAD)
    assert await hasten(store) == 2
    for effect in effects:
        row = await line(outbox_archive, effect)
        assert (row.due_at, row.created_at, row.attempts) == (NOW, NOW, 0)
        assert await is_owed_since(outbox_archive, effect, NOW)
    assert await hasten(store) == 0


async def test_row_that_waits_no_longer_than_it_may_is_left_alone(store: Store, outbox_archive: OutboxArchive) -> None:
    """To the microsecond; so is what has come to its end, whenever that was."""
    order = await add(store, place())
    for number, status in enumerate((DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED, DeliveryStatus.DEAD)):
        await enqueue(store, SendAccessEmail(order_id=order.id, token_version=number), now=AHEAD)
        (delivery,) = await lease(store, AHEAD)
        assert await settle(store, delivery, Settlement(status=status, at=AHEAD))
    waits = ReportSale(order_id=order.id)
    await enqueue(store, waits, now=DUE_AFTER)
    assert await hasten(store) == 0
    assert (await line(outbox_archive, waits)).due_at == DUE_AFTER
    async with store.unit_of_work() as uow:
        assert await uow.outbox.hasten(now=NOW, due_after=DUE_AFTER - INSTANT, lease_until=LEASED_UNTIL, limit=9) == 1


@pytest.mark.parametrize("written", [NOW - DAY, AHEAD])
async def test_reminder_that_waits_for_its_day_is_left_alone(
    store: Store, outbox_archive: OutboxArchive, written: datetime
) -> None:
    """Whatever the clock said that wrote it: its day follows from what was paid for."""
    effect = reminder(await add(store, place()), AHEAD + DAY)
    await enqueue(store, effect, now=written)
    assert await hasten(store) == 0
    assert (await line(outbox_archive, effect)).due_at == AHEAD + DAY


@pytest.mark.parametrize("day", [NOW - MINUTE, NOW + MINUTE, NOW + DAY])
@pytest.mark.parametrize("how", ["written", "leased", "tried", "given back"])
async def test_reminder_that_was_put_off_beyond_its_day_gets_it_back(
    store: Store, outbox_archive: OutboxArchive, how: str, day: datetime
) -> None:
    """Or is due now, when the day has passed; and is not found again."""
    effect = reminder(await add(store, place()), day)
    if how == "written":
        await enqueue(store, effect, now=AHEAD)
    else:
        await enqueue(store, effect, now=NOW - DAY)
        await put_off(store, effect.key, how)
    assert await hasten(store) == 1
    row = await line(outbox_archive, effect)
    due = max(LEASED_UNTIL, day) if how == "leased" else max(NOW, day)  # whoever has it at hand may end that in peace
    assert (row.due_at, row.created_at) == (due, NOW if how == "written" else NOW - DAY)
    assert await is_owed_since(outbox_archive, effect, max(NOW, day) if how == "written" else day)
    assert await hasten(store) == 0


async def test_reminder_that_an_operator_had_sent_early_is_not_hastened_for_ever(
    store: Store, outbox_archive: OutboxArchive
) -> None:
    """It was owed before its day, and then put off: once hastened it is a reminder like any other."""
    effect = reminder(await add(store, place()), NOW + DAY)
    await enqueue(store, effect, now=NOW - DAY)
    async with store.unit_of_work() as uow:
        assert await uow.outbox.retry([effect.key], due_at=NOW - MINUTE)
        await uow.commit()
    await put_off(store, effect.key, "tried")
    assert await hasten(store) == 1
    assert await is_owed_since(outbox_archive, effect, NOW + DAY)
    assert await hasten(store) == 0
    assert (await line(outbox_archive, effect)).due_at == NOW + DAY


async def test_many_rows_are_hastened_in_batches(store: Store, outbox_archive: OutboxArchive) -> None:
    """The one that is due first comes first."""
    order = await add(store, place())
    effects = [SendAccessEmail(order_id=order.id, token_version=number) for number in range(1, 6)]
    for number, effect in enumerate(effects):
        await enqueue(store, effect, now=AHEAD - number * MINUTE)
    assert await hasten(store, limit=2) == 2
    due = [(await line(outbox_archive, effect)).due_at for effect in effects]
    assert [moment == NOW for moment in due] == [False, False, False, True, True]
    assert [await hasten(store, limit=2) for _ in range(3)] == [2, 1, 0]


async def test_what_was_not_committed_is_still_put_off(store: Store) -> None:
    """Leaving the block rolls back."""
    await enqueue(store, LookUpEvent(event_id="evt_1"), now=AHEAD)
    async with store.unit_of_work() as uow:
        assert await uow.outbox.hasten(now=NOW, due_after=DUE_AFTER, lease_until=LEASED_UNTIL, limit=9) == 1
    assert await lease(store, NOW) == []


async def test_two_workers_at_once_hasten_each_row_once(store: Store) -> None:
    """What one is taking the other passes over, without an error on either side."""
    await enqueue(store, *(LookUpEvent(event_id=f"evt_{number}") for number in range(4)), now=AHEAD)

    async def take() -> int:
        async with store.unit_of_work() as uow:
            hastened = await uow.outbox.hasten(now=NOW, due_after=DUE_AFTER, lease_until=LEASED_UNTIL, limit=3)
            await asyncio.sleep(0.02)
            await uow.commit()
        return hastened

    one, two = await asyncio.gather(take(), take())
    assert one + two == 4
    assert await hasten(store) == 0
    assert len(await lease(store, NOW)) == 4


@pytest.mark.parametrize(("day", "rings"), [(NOW - MINUTE, 1), (NOW + DAY, 0)])
@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"])
async def test_worker_is_woken_for_what_is_due_now(
    database: Database, database_url: str, day: datetime, rings: int
) -> None:
    """Not for a reminder that only got its day back."""
    await enqueue(database, reminder(await add(database, place()), day), now=AHEAD)
    rung: list[None] = []
    listening = Database(database_url, on_enqueued=lambda: rung.append(None))
    assert await hasten(listening) == 1
    await listening.close()
    assert len(rung) == rings
