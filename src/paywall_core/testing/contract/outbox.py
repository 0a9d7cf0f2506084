"""The contract of the outbox: written once, leased to one, and settled by whoever holds the lease."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

from msgspec import structs

from paywall_core.effects import (
    Effect,
    ForwardTrackedEvent,
    Lane,
    LookUpEvent,
    NoticeChannel,
    NoticeKind,
    ReportSale,
    SendAccessEmail,
    SendActivationMessage,
    SendNotice,
    SendRestoreCode,
)
from paywall_core.ports.operations import OutboxQuery
from paywall_core.ports.unit_of_work import (
    Delivery,
    DeliveryStatus,
    Settlement,
    UnitOfWork,
)
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import (
    MINUTE,
    NOW,
    Store,
    add,
    place,
)

DAY = timedelta(days=1)


async def enqueue(store: Store, *effects: Effect) -> None:
    """Write effects that are owed since `NOW`."""
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue(effects, now=NOW)
        await uow.commit()


async def settle_all(store: Store, status: DeliveryStatus) -> None:
    """Every due row comes to this end, at its first try."""
    async with store.unit_of_work() as uow:
        for delivery in await lease(uow):
            assert await uow.outbox.settle([(delivery, Settlement(status=status, at=NOW, error="550"))])
        await uow.commit()


async def lease(uow: UnitOfWork, *, minutes: int = 0) -> list[Delivery]:
    """Take all that is due so many minutes after `NOW`, for one minute."""
    now = NOW + minutes * MINUTE
    return list(await uow.outbox.lease(now=now, limit=99, lease_until=now + MINUTE, lease_id=uuid4()))


async def deliver(store: Store, effect: Effect, status: DeliveryStatus, *, at: datetime) -> None:
    """Owe something, and settle it."""
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue([effect], now=at)
        (delivery,) = await uow.outbox.lease(now=at, limit=9, lease_until=at + MINUTE, lease_id=uuid4())
        due_at = at + 9000 * DAY if status is DeliveryStatus.PENDING else None
        await uow.outbox.settle([(delivery, Settlement(status=status, at=at, due_at=due_at))])
        await uow.commit()


class OutboxContract(PortsContract):
    """What an `OutboxRepository` must do; what a clock put off is in `HasteningContract`."""

    async def test_outbox_row_is_written_once_and_leased_to_one(self) -> None:
        """One key, one row; two workers at once share nothing."""
        order = await add(self.ports, place())
        effects = [SendAccessEmail(order_id=order.id, token_version=n) for n in range(1, 5)]
        for _ in range(2):
            async with self.ports.unit_of_work() as uow:
                await uow.outbox.enqueue(effects, now=NOW)
                await uow.commit()

        async def take() -> list[str]:
            async with self.ports.unit_of_work() as uow:
                taken = await uow.outbox.lease(now=NOW, limit=2, lease_until=NOW + MINUTE, lease_id=uuid4())
                await asyncio.sleep(0.02)
                await uow.commit()
            return [delivery.key for delivery in taken]

        one, two = await asyncio.gather(take(), take())
        assert len(one) == len(two) == 2
        assert sorted(one + two) == [effect.key for effect in effects]
        assert await take() == []

    async def test_lease_runs_out_and_the_late_word_is_refused(self) -> None:
        """A killed worker's row is due again; what the dead one says later is not written."""
        order = await add(self.ports, place())
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
            (lost,) = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
            (again,) = await uow.outbox.lease(now=NOW + MINUTE, limit=9, lease_until=NOW + 2 * MINUTE, lease_id=uuid4())
            assert (lost.attempt, again.attempt, again.effect) == (1, 2, ReportSale(order_id=order.id))
            assert lost.owed_since == again.owed_since == NOW
            done = Settlement(status=DeliveryStatus.DELIVERED, at=NOW)
            assert not await uow.outbox.settle([(lost, done)])
            assert await uow.outbox.settle([(again, done)])
            assert not await uow.outbox.settle([(again, done)])
            await uow.commit()

    async def test_settlements_decide_when_a_row_is_due_again(self) -> None:
        """Retry at its time; given back at once and uncounted; skipped revives when wanted again; dead stays dead."""
        order = await add(self.ports, place())
        effect = ReportSale(order_id=order.id)

        async def lease(uow: UnitOfWork, now: datetime) -> list[int]:
            taken = await uow.outbox.lease(now=now, limit=9, lease_until=now + MINUTE, lease_id=uuid4())
            leased[:] = taken
            return [delivery.attempt for delivery in taken]

        leased: list[Delivery] = []
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([effect], now=NOW)
            assert await lease(uow, NOW) == [1]
            retry = Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW + MINUTE, error="421")
            assert await uow.outbox.settle([(leased[0], retry)])
            assert await lease(uow, NOW) == []
            assert await lease(uow, NOW + MINUTE) == [2]
            back = Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW, attempted=False)
            assert await uow.outbox.settle([(leased[0], back)])
            assert await lease(uow, NOW) == [2]
            skipped = Settlement(status=DeliveryStatus.SKIPPED, at=NOW, error="revoked")
            assert await uow.outbox.settle([(leased[0], skipped)])
            assert await lease(uow, NOW + 9 * MINUTE) == []
            await uow.outbox.enqueue([effect], now=NOW)
            assert await lease(uow, NOW) == [3]
            dead = Settlement(status=DeliveryStatus.DEAD, at=NOW, error="550")
            assert await uow.outbox.settle([(leased[0], dead)])
            await uow.outbox.enqueue([effect], now=NOW)
            assert await lease(uow, NOW + 9 * MINUTE) == []
            await uow.commit()

    async def test_several_are_settled_at_once_each_as_it_ended(self) -> None:
        """In any order; nothing is written of one whose lease was lost, nor of one that is gone; of none, nothing."""
        order = await add(self.ports, place())
        mails = [SendAccessEmail(order_id=order.id, token_version=n) for n in range(1, 6)]
        await enqueue(self.ports, *mails)
        async with self.ports.unit_of_work() as uow:
            sent, later, back, dead, lost = await lease(uow)
            gone = structs.replace(sent, key="no such key")
            lost = structs.replace(lost, lease_id=uuid4())
            ended = [
                (sent, Settlement(status=DeliveryStatus.DELIVERED, at=NOW)),
                (later, Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW + 5 * MINUTE, error="421")),
                (back, Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW, attempted=False)),
                (dead, Settlement(status=DeliveryStatus.DEAD, at=NOW, error='550 "no"\nмы')),
                (lost, Settlement(status=DeliveryStatus.DELIVERED, at=NOW)),
                (gone, Settlement(status=DeliveryStatus.DELIVERED, at=NOW)),
            ]
            settled = await uow.outbox.settle(ended[::-1])
            assert settled == {sent.key, later.key, back.key, dead.key}
            assert await uow.outbox.settle(ended) == await uow.outbox.settle([]) == frozenset()
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert [(one.key, one.attempt) for one in await lease(uow)] == [(back.key, 1)]
            assert [(one.key, one.attempt) for one in await lease(uow, minutes=1)] == [(back.key, 2), (lost.key, 2)]
            due = [(one.key, one.attempt) for one in await lease(uow, minutes=5)]
            assert sorted(due) == [(later.key, 2), (back.key, 3), (lost.key, 3)]
        lines = await self.ports.outbox.lines(OutboxQuery(keys=(dead.key, later.key, sent.key), limit=9))
        told = {line.key: (line.status, line.error, line.settled_at) for line in lines}
        assert told == {
            dead.key: (DeliveryStatus.DEAD, '550 "no"\nмы', NOW),
            later.key: (DeliveryStatus.PENDING, "421", None),
            sent.key: (DeliveryStatus.DELIVERED, None, NOW),
        }

    async def test_key_wanted_twice_at_once_is_one_row(self) -> None:
        """Two effects of one key in one call are one delivery; and no effects are no error."""
        order = await add(self.ports, place())
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([], now=NOW)
            await uow.outbox.enqueue([ReportSale(order_id=order.id)] * 2, now=NOW)
            taken = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
            assert [delivery.effect for delivery in taken] == [ReportSale(order_id=order.id)]

    async def test_full_lane_hides_nothing_of_another(self) -> None:
        """However many of its rows are due before; the longest due come first, of no lane more than it has room for."""
        order = await add(self.ports, place())
        mails = [SendAccessEmail(order_id=order.id, token_version=n) for n in range(1, 30)]
        async with self.ports.unit_of_work() as uow:
            for minutes, mail in enumerate(mails):
                await uow.outbox.enqueue([mail], now=NOW + minutes * MINUTE)
            await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW + 20 * MINUTE)

            async def lease(limit: int, **room: int) -> list[str]:
                lanes = {Lane(name): count for name, count in room.items()} if room else None
                now = NOW + 40 * MINUTE
                taken = await uow.outbox.lease(
                    now=now, limit=limit, lease_until=2 * MINUTE + now, lease_id=uuid4(), room=lanes
                )
                return [delivery.key for delivery in taken]

            assert await lease(9, mail=2) == [mails[0].key, mails[1].key]
            assert await lease(9, mail=0, click_tracker=5) == [ReportSale(order_id=order.id).key]
            assert await lease(3, mail=4, chat=4) == [mail.key for mail in mails[2:5]]
            assert await lease(99) == [mail.key for mail in mails[5:]]

    async def test_effect_that_no_order_owes_is_leased_and_settled(self) -> None:
        """Beside those of an order."""
        order = await add(self.ports, place())
        effects: list[Effect] = [
            SendRestoreCode(challenge_id=uuid4()),
            ForwardTrackedEvent(attempt_id=uuid4()),
            ReportSale(order_id=order.id),
        ]
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue(effects, now=NOW)
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            leased = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
            assert {delivery.key: delivery.effect for delivery in leased} == {effect.key: effect for effect in effects}
            for delivery in leased:
                assert await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))])
            await uow.commit()

    async def test_skipped_effects_are_due_again_at_the_new_time(self) -> None:
        """Several in one statement, each its own row."""
        order = await add(self.ports, place())
        effects = [SendAccessEmail(order_id=order.id, token_version=number) for number in (1, 2)]
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue(effects, now=NOW)
            for delivery in await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4()):
                await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.SKIPPED, at=NOW))])
            await uow.outbox.enqueue(effects, now=NOW + 3 * MINUTE)
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            for minutes, expected in ((2, 0), (3, 2)):
                now = NOW + minutes * MINUTE
                assert len(await uow.outbox.lease(now=now, limit=9, lease_until=now, lease_id=uuid4())) == expected

    async def test_effect_that_must_wait_is_due_at_its_own_time(self) -> None:
        """Beside one that is due at once; a time that has passed makes nothing due before now."""
        order = await add(self.ports, place())
        early = SendNotice(
            order_id=order.id,
            kind=NoticeKind.ENDS_SOON,
            channel=NoticeChannel.EMAIL,
            cause="end",
            not_before=NOW + 5 * MINUTE,
        )
        late = LookUpEvent(event_id="evt_1", not_before=NOW - MINUTE)
        await enqueue(self.ports, early, late, ReportSale(order_id=order.id))
        async with self.ports.unit_of_work() as uow:
            assert [one.key for one in await lease(uow, minutes=-1)] == []
            assert sorted(one.key for one in await lease(uow)) == sorted([late.key, ReportSale(order_id=order.id).key])
            assert early.key not in [one.key for one in await lease(uow, minutes=4)]
            assert early in [one.effect for one in await lease(uow, minutes=5)]

    async def test_notice_wanted_again_after_it_was_skipped_waits_anew(self) -> None:
        """With the time that the newer one names: its key does not hold it."""
        order = await add(self.ports, place())
        notice = SendNotice(
            order_id=order.id, kind=NoticeKind.ENDED, channel=NoticeChannel.CHAT, cause="end", not_before=None
        )
        await enqueue(self.ports, notice)
        await settle_all(self.ports, DeliveryStatus.SKIPPED)
        later = structs.replace(notice, not_before=NOW + 5 * MINUTE)
        await enqueue(self.ports, later)
        async with self.ports.unit_of_work() as uow:
            assert await lease(uow, minutes=4) == []
            assert [one.effect for one in await lease(uow, minutes=5)] == [later]

    async def test_deliveries_are_forgotten_and_none_that_must_be_remembered(self) -> None:
        """The way in and the sale stay: that they are there keeps them from going out again. So do dead letters."""
        order = await add(self.ports, place())

        def notice(cause: str) -> SendNotice:
            return SendNotice(order_id=order.id, kind=NoticeKind.ENDED, channel=NoticeChannel.EMAIL, cause=cause)

        done, skipped, dead = DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED, DeliveryStatus.DEAD
        await deliver(self.ports, notice("a"), done, at=NOW)
        await deliver(self.ports, notice("b"), skipped, at=NOW + MINUTE)
        await deliver(self.ports, LookUpEvent(event_id="evt_1", not_before=NOW), done, at=NOW + 2 * MINUTE)
        for effect in (
            SendAccessEmail(order_id=order.id, token_version=1),
            SendActivationMessage(order_id=order.id, token_version=1),
            ReportSale(order_id=order.id),
        ):
            await deliver(self.ports, effect, done, at=NOW)
        await deliver(self.ports, notice("c"), dead, at=NOW)
        await deliver(self.ports, notice("d"), DeliveryStatus.PENDING, at=NOW)
        for before, limit, forgotten in (
            (NOW, 9, 0),
            (NOW + MINUTE, 9, 1),
            (NOW + 9 * MINUTE, 1, 1),
            (NOW + 9 * MINUTE, 9, 1),
            (NOW + 9 * DAY, 9, 0),
        ):
            async with self.ports.unit_of_work() as uow:
                assert await uow.outbox.forget(before, limit) == forgotten
                await uow.commit()
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([ReportSale(order_id=order.id), notice("a")], now=NOW)
            again = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW, lease_id=uuid4())
            assert [delivery.effect for delivery in again] == [notice("a")]
