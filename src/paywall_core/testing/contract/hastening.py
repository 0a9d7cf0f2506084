"""The contract of an outbox after a clock ran ahead: what it put off becomes due, what rightly waits is left."""

import asyncio
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import pytest

from paywall_core.effects import Effect, LookUpEvent, NoticeChannel, NoticeKind, ReportSale, SendAccessEmail, SendNotice
from paywall_core.order import Order
from paywall_core.ports.operations import OutboxArchive, OutboxLine, OutboxQuery
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus, Settlement
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import (
    MINUTE,
    NOW,
    Store,
    add,
    place,
)

DAY: Final = timedelta(days=1)


AHEAD: Final = NOW + 5 * DAY


INSTANT: Final = timedelta(microseconds=1)


DUE_AFTER: Final = NOW + 120 * MINUTE


LEASED_UNTIL: Final = NOW + 2 * MINUTE


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
        settled = await uow.outbox.settle([(delivery, settlement)])
        await uow.commit()
    return delivery.key in settled


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


class HasteningContract(PortsContract):
    """What `OutboxRepository.hasten` must do."""

    @pytest.mark.parametrize("how", ["tried", "given back", "retried"])
    async def test_row_that_was_handled_ahead_of_time_is_due_now(self, how: str) -> None:
        """Its tries stay counted, the late word of whoever had it is refused, and it was owed all the time."""
        effect = SendAccessEmail(order_id=(await add(self.ports, place())).id, token_version=1)
        await enqueue(self.ports, effect, now=NOW - MINUTE)
        late = await put_off(self.ports, effect.key, how)
        tries = (await line(self.ports.outbox, effect)).attempts
        assert await lease(self.ports, DUE_AFTER) == []
        assert await hasten(self.ports) == 1
        assert not await settle(self.ports, late, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))
        row = await line(self.ports.outbox, effect)
        assert (row.status, row.attempts, row.due_at, row.created_at) == (
            DeliveryStatus.PENDING,
            tries,
            NOW,
            NOW - MINUTE,
        )
        assert await is_owed_since(self.ports.outbox, effect, NOW if how == "retried" else NOW - MINUTE)
        assert await hasten(self.ports) == 0
        assert [(one.effect, one.attempt) for one in await lease(self.ports, NOW)] == [(effect, tries + 1)]

    async def test_row_that_somebody_delivers_is_left_to_them_for_the_time_of_a_lease(self) -> None:
        """Their word counts; should they have died, the row is taken up after that time."""
        effect = SendAccessEmail(order_id=(await add(self.ports, place())).id, token_version=1)
        await enqueue(self.ports, effect, now=NOW - MINUTE)
        under_way = await put_off(self.ports, effect.key, "leased")
        assert await hasten(self.ports) == 1
        assert await hasten(self.ports) == 0
        row = await line(self.ports.outbox, effect)
        assert (row.attempts, row.due_at, row.created_at) == (1, LEASED_UNTIL, NOW - MINUTE)
        assert await is_owed_since(self.ports.outbox, effect, NOW - MINUTE)
        assert await lease(self.ports, LEASED_UNTIL - INSTANT) == []
        assert await settle(self.ports, under_way, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))

    async def test_row_that_was_written_ahead_of_time_counts_as_written_now(self) -> None:
        """A look-up, too, whose own delay came from the same clock."""
        effects: list[Effect] = [
            SendAccessEmail(order_id=(await add(self.ports, place())).id, token_version=1),
            LookUpEvent(event_id="evt_1", not_before=AHEAD + MINUTE),
        ]
        await enqueue(self.ports, *effects, now=AHEAD)
        assert await hasten(self.ports) == 2
        for effect in effects:
            row = await line(self.ports.outbox, effect)
            assert (row.due_at, row.created_at, row.attempts) == (NOW, NOW, 0)
            assert await is_owed_since(self.ports.outbox, effect, NOW)
        assert await hasten(self.ports) == 0

    async def test_row_that_waits_no_longer_than_it_may_is_left_alone(self) -> None:
        """To the microsecond; so is what has come to its end, whenever that was."""
        order = await add(self.ports, place())
        for number, status in enumerate((DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED, DeliveryStatus.DEAD)):
            await enqueue(self.ports, SendAccessEmail(order_id=order.id, token_version=number), now=AHEAD)
            (delivery,) = await lease(self.ports, AHEAD)
            assert await settle(self.ports, delivery, Settlement(status=status, at=AHEAD))
        waits = ReportSale(order_id=order.id)
        await enqueue(self.ports, waits, now=DUE_AFTER)
        assert await hasten(self.ports) == 0
        assert (await line(self.ports.outbox, waits)).due_at == DUE_AFTER
        async with self.ports.unit_of_work() as uow:
            assert (
                await uow.outbox.hasten(now=NOW, due_after=DUE_AFTER - INSTANT, lease_until=LEASED_UNTIL, limit=9) == 1
            )

    @pytest.mark.parametrize("written", [NOW - DAY, AHEAD])
    async def test_reminder_that_waits_for_its_day_is_left_alone(self, written: datetime) -> None:
        """Whatever the clock said that wrote it: its day follows from what was paid for."""
        effect = reminder(await add(self.ports, place()), AHEAD + DAY)
        await enqueue(self.ports, effect, now=written)
        assert await hasten(self.ports) == 0
        assert (await line(self.ports.outbox, effect)).due_at == AHEAD + DAY

    @pytest.mark.parametrize("day", [NOW - MINUTE, NOW + MINUTE, NOW + DAY])
    @pytest.mark.parametrize("how", ["written", "leased", "tried", "given back"])
    async def test_reminder_that_was_put_off_beyond_its_day_gets_it_back(self, how: str, day: datetime) -> None:
        """Or is due now, when the day has passed; and is not found again."""
        effect = reminder(await add(self.ports, place()), day)
        if how == "written":
            await enqueue(self.ports, effect, now=AHEAD)
        else:
            await enqueue(self.ports, effect, now=NOW - DAY)
            await put_off(self.ports, effect.key, how)
        assert await hasten(self.ports) == 1
        row = await line(self.ports.outbox, effect)
        due = (
            max(LEASED_UNTIL, day) if how == "leased" else max(NOW, day)
        )  # whoever has it at hand may end that in peace
        assert (row.due_at, row.created_at) == (due, NOW if how == "written" else NOW - DAY)
        assert await is_owed_since(self.ports.outbox, effect, max(NOW, day) if how == "written" else day)
        assert await hasten(self.ports) == 0

    async def test_reminder_that_an_operator_had_sent_early_is_not_hastened_for_ever(self) -> None:
        """It was owed before its day, and then put off: once hastened it is a reminder like any other."""
        effect = reminder(await add(self.ports, place()), NOW + DAY)
        await enqueue(self.ports, effect, now=NOW - DAY)
        async with self.ports.unit_of_work() as uow:
            assert await uow.outbox.retry([effect.key], due_at=NOW - MINUTE)
            await uow.commit()
        await put_off(self.ports, effect.key, "tried")
        assert await hasten(self.ports) == 1
        assert await is_owed_since(self.ports.outbox, effect, NOW + DAY)
        assert await hasten(self.ports) == 0
        assert (await line(self.ports.outbox, effect)).due_at == NOW + DAY

    async def test_many_rows_are_hastened_in_batches(self) -> None:
        """The one that is due first comes first."""
        order = await add(self.ports, place())
        effects = [SendAccessEmail(order_id=order.id, token_version=number) for number in range(1, 6)]
        for number, effect in enumerate(effects):
            await enqueue(self.ports, effect, now=AHEAD - number * MINUTE)
        assert await hasten(self.ports, limit=2) == 2
        due = [(await line(self.ports.outbox, effect)).due_at for effect in effects]
        assert [moment == NOW for moment in due] == [False, False, False, True, True]
        assert [await hasten(self.ports, limit=2) for _ in range(3)] == [2, 1, 0]

    async def test_what_was_not_committed_is_still_put_off(self) -> None:
        """Leaving the block rolls back."""
        await enqueue(self.ports, LookUpEvent(event_id="evt_1"), now=AHEAD)
        async with self.ports.unit_of_work() as uow:
            assert await uow.outbox.hasten(now=NOW, due_after=DUE_AFTER, lease_until=LEASED_UNTIL, limit=9) == 1
        assert await lease(self.ports, NOW) == []

    async def test_two_workers_at_once_hasten_each_row_once(self) -> None:
        """What one is taking the other passes over, without an error on either side."""
        await enqueue(self.ports, *(LookUpEvent(event_id=f"evt_{number}") for number in range(4)), now=AHEAD)

        async def take() -> int:
            async with self.ports.unit_of_work() as uow:
                hastened = await uow.outbox.hasten(now=NOW, due_after=DUE_AFTER, lease_until=LEASED_UNTIL, limit=3)
                await asyncio.sleep(0.02)
                await uow.commit()
            return hastened

        one, two = await asyncio.gather(take(), take())
        assert one + two == 4
        assert await hasten(self.ports) == 0
        assert len(await lease(self.ports, NOW)) == 4
