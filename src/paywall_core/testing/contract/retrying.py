"""The contract of an outbox whose rows an operator makes due again."""

import asyncio

import pytest

from paywall_core.effects import Effect, LookUpEvent, ReportSale, SendAccessEmail
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus, RetriedDelivery, Settlement
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.outbox import enqueue, lease, settle_all
from paywall_core.testing.contract.samples import MINUTE, NOW, add, place


class RetryingContract(PortsContract):
    """What `OutboxRepository.retry` must do."""

    @pytest.mark.parametrize("status", [DeliveryStatus.DEAD, DeliveryStatus.SKIPPED])
    async def test_row_that_came_to_a_bad_end_is_retried_from_the_first_try(self, status: DeliveryStatus) -> None:
        """In the order of the keys, each with its order; a key that is not there is left out."""
        order = await add(self.ports, place())
        effects: list[Effect] = [ReportSale(order_id=order.id), LookUpEvent(event_id="evt_1")]
        await enqueue(self.ports, *effects)
        await settle_all(self.ports, status)
        async with self.ports.unit_of_work() as uow:
            assert await uow.outbox.retry([], due_at=NOW) == []
            retried = await uow.outbox.retry([effects[1].key, "nothing", effects[0].key], due_at=NOW + MINUTE)
            assert list(retried) == [
                RetriedDelivery(key=effects[1].key, order_id=None),
                RetriedDelivery(key=effects[0].key, order_id=order.id),
            ]
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert await lease(uow) == []
            leased = {one.key: one.attempt for one in await lease(uow, minutes=1)}
            assert leased == {effect.key: 1 for effect in effects}

    async def test_row_that_waits_for_its_next_try_is_retried_at_once(self) -> None:
        """Nobody has it under lease, so nobody is disturbed."""
        order = await add(self.ports, place())
        effect = ReportSale(order_id=order.id)
        await enqueue(self.ports, effect)
        async with self.ports.unit_of_work() as uow:
            (delivery,) = await lease(uow)
            later = Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW + 60 * MINUTE, error="421")
            assert await uow.outbox.settle([(delivery, later)])
            assert [one.key for one in await uow.outbox.retry([effect.key], due_at=NOW)] == [effect.key]
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert [(one.effect, one.attempt) for one in await lease(uow)] == [(effect, 1)]

    async def test_delivered_and_leased_rows_are_not_retried(self) -> None:
        """Nothing goes out twice; once the lease has run out, it is nobody's, and the late word is refused."""
        order = await add(self.ports, place())
        delivered, leased = ReportSale(order_id=order.id), SendAccessEmail(order_id=order.id, token_version=1)
        await enqueue(self.ports, delivered)
        await settle_all(self.ports, DeliveryStatus.DELIVERED)
        await enqueue(self.ports, leased)
        keys = [delivered.key, leased.key]
        async with self.ports.unit_of_work() as uow:
            (lost,) = await lease(uow)
            assert await uow.outbox.retry(keys, due_at=NOW) == []
            assert await uow.outbox.retry(keys, due_at=NOW + MINUTE / 2) == []
            assert [one.key for one in await uow.outbox.retry(keys, due_at=NOW + MINUTE)] == [leased.key]
            assert not await uow.outbox.settle([(lost, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))])
            await uow.commit()

    async def test_retry_waits_for_a_worker_that_is_just_taking_the_row(self) -> None:
        """And then leaves it to the worker."""
        order = await add(self.ports, place())
        effect = ReportSale(order_id=order.id)
        await enqueue(self.ports, effect)
        taken = asyncio.Event()

        async def work() -> list[Delivery]:
            async with self.ports.unit_of_work() as uow:
                deliveries = await lease(uow)
                taken.set()
                await asyncio.sleep(0.05)
                await uow.commit()
            return deliveries

        worker = asyncio.create_task(work())
        await taken.wait()
        async with self.ports.unit_of_work() as uow:
            assert await uow.outbox.retry([effect.key], due_at=NOW) == []
            await uow.commit()
        (delivery,) = await worker
        async with self.ports.unit_of_work() as uow:
            assert await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))])

    async def test_two_retries_at_once_are_one(self) -> None:
        """Of rows named in either order; neither is refused, and each row goes out once."""
        order = await add(self.ports, place())
        effects = [SendAccessEmail(order_id=order.id, token_version=n) for n in range(1, 9)]
        await enqueue(self.ports, *effects)
        await settle_all(self.ports, DeliveryStatus.DEAD)
        keys = [effect.key for effect in effects]

        async def retry(wanted: list[str]) -> None:
            async with self.ports.unit_of_work() as uow:
                await uow.outbox.retry(wanted, due_at=NOW)
                await uow.commit()

        await asyncio.gather(*(retry(keys[:: 1 if number % 2 else -1]) for number in range(6)))
        async with self.ports.unit_of_work() as uow:
            assert sorted(one.key for one in await lease(uow)) == keys
