"""The contract of the reads of the hot paths."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import structs

from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.order import redeem
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import (
    MINUTE,
    NOW,
    add,
    change,
    paid_event,
    place,
)


class OrderDirectoryContract(PortsContract):
    """What an `OrderDirectory` must answer."""

    async def test_gate_finds_the_order_that_serves_best(self) -> None:
        """Redeemed before named, furthest access first; nobody else's order."""
        assert await self.ports.directory.access_of(5) is None
        await add(self.ports, place(chat="5"))
        named = await self.ports.directory.access_of(5)
        assert named is not None
        assert (named.redeemed, named.state, named.access_until, named.locale) == (False, State.PENDING, None, "ru")
        bound: list[UUID] = []
        for number, session in enumerate(["cs_a", "cs_b"]):
            paid = structs.replace(paid_event(session), paid_at=NOW + number * MINUTE)
            order = await change(self.ports, await add(self.ports, place()), paid)
            changed = redeem(order, telegram_user_id=5, now=NOW)
            async with self.ports.unit_of_work() as uow:
                await uow.orders.save(changed)
                await uow.commit()
            bound.append(order.id)
        best = await self.ports.directory.access_of(5)
        assert best is not None
        assert (best.order_id, best.redeemed, best.state) == (bound[1], True, State.ACTIVE)
        assert (best.access_until, best.locale) == (NOW + MINUTE + timedelta(days=30), "ru")
        assert await self.ports.directory.access_of(6) is None

    async def test_chat_s_order_serves_only_until_somebody_redeems_it(self) -> None:
        """Of those that named the chat the paid one comes before the newer unpaid; redeemed, it is its redeemer's."""
        paid = await change(self.ports, await add(self.ports, place(chat="5")), paid_event())
        unpaid = await add(self.ports, place(chat="5", at=NOW + MINUTE))
        named = await self.ports.directory.access_of(5)
        assert named is not None
        assert (named.order_id, named.redeemed) == (paid.id, False)
        changed = redeem(paid, telegram_user_id=7, now=NOW)
        async with self.ports.unit_of_work() as uow:
            await uow.orders.save(changed)
            await uow.commit()
        others, left = await self.ports.directory.access_of(7), await self.ports.directory.access_of(5)
        assert others is not None
        assert left is not None
        assert (others.order_id, others.redeemed) == (paid.id, True)
        assert (left.order_id, left.redeemed) == (unpaid.id, False)

    async def test_session_is_found_with_what_the_page_needs(self) -> None:
        """And an unknown one is not."""
        order = await change(self.ports, await add(self.ports, place()), paid_event())
        record = await self.ports.directory.session("cs_1")
        assert record is not None
        assert (record.order_id, record.clickid) == (order.id, "click")
        assert (record.state, record.payment_status, record.fulfillment_status) == (
            State.TOKEN_ISSUED,
            "paid",
            FulfillmentStatus.FULFILLED,
        )
        assert (record.token_version, record.first_paid_at) == (1, NOW)
        assert await self.ports.directory.session("cs_2") is None

    async def test_one_of_ten_may_ask_the_provider(self) -> None:
        """Whichever process it runs in; and again when the time is over."""
        await change(self.ports, await add(self.ports, place()), paid_event())

        async def ask(now: datetime) -> bool:
            return await self.ports.directory.claim_provider_read("cs_1", now=now, min_interval_seconds=3.0)

        assert sorted(await asyncio.gather(*(ask(NOW) for _ in range(10)))) == [False] * 9 + [True]
        assert not await ask(NOW + timedelta(seconds=2))
        assert await ask(NOW + timedelta(seconds=3))
        assert not await ask(NOW)  # a clock that is a few seconds behind the other machine's
        assert await ask(NOW - timedelta(days=1))  # the other one ran a day ahead
