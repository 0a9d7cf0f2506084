"""The contract of what the payment provider told us: each event once, parked until it finds its order."""

import asyncio
from datetime import datetime
from uuid import UUID

import pytest

from paywall_core.events import ChargeRefunded, DisputeUpdated
from paywall_core.facts import DisputeStatus
from paywall_core.lifecycle import State
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.testing import FakeClock
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import (
    MINUTE,
    NOW,
    REFUND,
    Store,
    add,
    change,
    notification,
    paid_event,
    place,
)
from paywall_core.use_cases.record_payment import RecordPayment


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


class PaymentEventsContract(PortsContract):
    """What a `PaymentEventRepository` must do."""

    async def test_parked_event_waits_for_its_order(self) -> None:
        """It is found by any of its references until it is applied, payload and all."""
        order = await add(self.ports, place())
        early = notification("evt_1", REFUND, references=("ch_1", "pi_1"))
        async with self.ports.unit_of_work() as uow:
            for parked in (early, notification("evt_2", references=("pi_1",))):
                assert (await uow.payment_events.add([(parked, None)], received_at=NOW)).new == {parked.event_id}
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert list(await uow.payment_events.parked(["ch_1", "pi_1"])) == [early]
            assert list(await uow.payment_events.parked(["pi_9"])) == []
            await uow.payment_events.unpark("evt_1", order.id)
            assert list(await uow.payment_events.parked(["ch_1"])) == []
            await uow.commit()

    async def test_who_adds_an_event_is_told_what_waits(self) -> None:
        """By the ids that it asks for, the longest parked first; a repeat asks as well, and is not new."""
        order = await add(self.ports, place())
        waiting = [notification(f"evt_{number}", REFUND, references=("ch_1", f"pi_{number}")) for number in (2, 1)]
        for parked, at in zip(waiting, (NOW, NOW + MINUTE), strict=True):
            async with self.ports.unit_of_work() as uow:
                await uow.payment_events.add([(parked, None)], received_at=at)
                await uow.commit()
        new = notification("evt_3", REFUND, references=("pi_1",))
        for events, asked, found in (
            (frozenset({"evt_3"}), ["pi_1"], waiting[1:]),
            (frozenset[str](), ["ch_1", "pi_9"], waiting),
            (frozenset[str](), ["pi_9"], []),
            (frozenset[str](), [], []),
        ):
            async with self.ports.unit_of_work() as uow:
                added = await uow.payment_events.add([(new, order.id)], received_at=NOW, references=asked)
                assert (added.new, list(added.parked)) == (events, found)
                await uow.commit()

    async def test_ten_of_one_event_at_once_are_stored_once(self) -> None:
        """The unique key decides, whoever commits first."""

        async def deliver() -> bool:
            async with self.ports.unit_of_work() as uow:
                added = await uow.payment_events.add([(notification("evt_1"), None)], received_at=NOW)
                await uow.commit()
            return bool(added.new)

        assert sorted(await asyncio.gather(*(deliver() for _ in range(10)))) == [False] * 9 + [True]

    @pytest.mark.parametrize("parker_first", [True, False])
    async def test_parking_and_making_known_never_miss_each_other(self, *, parker_first: bool) -> None:
        """Whichever of the two transactions comes first, the other sees what it did."""
        order = await add(self.ports, place())
        seen: list[str] = []

        async def park() -> None:
            async with self.ports.unit_of_work() as uow:
                owners = await uow.orders.claim({"pi_1": None})
                await asyncio.sleep(0.05)
                if owners["pi_1"] is not None:
                    seen.append("found its order")
                else:
                    await uow.payment_events.add(
                        [(notification("evt_1", REFUND, references=("pi_1",)), None)], received_at=NOW
                    )
                await uow.commit()

        async def make_known() -> None:
            async with self.ports.unit_of_work() as uow:
                await uow.orders.claim({"pi_1": order.id})
                await asyncio.sleep(0.05)
                if await uow.payment_events.parked(["pi_1"]):
                    seen.append("found the parked")
                await uow.commit()

        first, second = (park, make_known) if parker_first else (make_known, park)
        ahead = asyncio.create_task(first())
        await asyncio.sleep(0.02)
        await second()
        await ahead
        assert len(seen) == 1

    @pytest.mark.parametrize("parked_before", [True, False])
    async def test_all_ids_of_an_event_become_its_order_s(self, *, parked_before: bool) -> None:
        """Found by one id, it binds the others: what waited for them is applied, what comes later finds the order."""
        order = await change(self.ports, await add(self.ports, place()), paid_event())
        async with self.ports.unit_of_work() as uow:
            await uow.orders.claim({"pi_cs_1": order.id})
            await uow.commit()
        record = RecordPayment(unit_of_work=self.ports.unit_of_work, clock=FakeClock(NOW))
        if parked_before:
            opened = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, charge="ch_1")
            assert (await record(notification("evt_1", opened, references=("ch_1",)))).parked
        charge = ChargeRefunded(charge_id="ch_1", amount=Money.of(1500, "eur"), refunded_minor=0, payment="pi_cs_1")
        assert (await record(notification("evt_2", charge, references=("ch_1", "pi_cs_1")))).order_id == order.id
        async with self.ports.unit_of_work() as uow:
            found = await uow.orders.get(order.id)
            assert found is not None
            assert found.state is (State.REVOKED if parked_before else State.TOKEN_ISSUED)
            assert list(await uow.payment_events.parked(["ch_1"])) == []
        later = DisputeUpdated(dispute_id="dp_2", status=DisputeStatus.OPEN, charge="ch_1")
        assert (await record(notification("evt_3", later, references=("ch_1",)))).order_id == order.id
        async with self.ports.unit_of_work() as uow:
            disputed = await uow.orders.get(order.id)
        assert disputed is not None
        assert disputed.state is State.REVOKED

    async def test_parked_event_is_found_until_it_has_found_its_order(self) -> None:
        """Payload and all; one that says nothing is not parked, and an unknown one is not there."""
        order = await add(self.ports, place())
        parked = notification("evt_1", REFUND, references=("ch_1",))
        async with self.ports.unit_of_work() as uow:
            await uow.payment_events.add([(parked, None)], received_at=NOW)
            await uow.payment_events.add([(notification("evt_2", references=("ch_2",)), None)], received_at=NOW)
            await uow.payment_events.add([(notification("evt_3", REFUND), order.id)], received_at=NOW)
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert await uow.payment_events.find_parked("evt_1") == parked
            for event_id in ("evt_2", "evt_3", "evt_4"):
                assert await uow.payment_events.find_parked(event_id) is None
            await uow.payment_events.unpark("evt_1", order.id)
            assert await uow.payment_events.find_parked("evt_1") is None

    async def test_event_set_aside_still_finds_its_order(self) -> None:
        """Nobody waits for it any more; an order that turns up gets it, and then it was set aside too soon."""
        order = await add(self.ports, place())
        parked = notification("evt_1", REFUND, references=("ch_1",))
        async with self.ports.unit_of_work() as uow:
            await uow.payment_events.add([(parked, None)], received_at=NOW)
            await uow.payment_events.set_aside("evt_1", at=NOW)
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert await uow.payment_events.find_parked("evt_1") is None
            assert list(await uow.payment_events.parked(["ch_1"])) == [parked]
            await uow.payment_events.unpark("evt_1", order.id)
            await uow.payment_events.set_aside("evt_1", at=NOW)  # a worker's late word
            await uow.payment_events.set_aside("evt_9", at=NOW)  # of an event that is not there
            assert list(await uow.payment_events.parked(["ch_1"])) == []
            await uow.commit()
        dossier = await self.ports.archive.dossier(order.id)
        assert dossier is not None
        assert [(event.event_id, event.set_aside) for event in dossier.events] == [("evt_1", False)]

    async def test_known_events_are_told_from_the_new(self) -> None:
        """Whatever became of them."""
        async with self.ports.unit_of_work() as uow:
            await uow.payment_events.add([(notification("evt_1", REFUND), None)], received_at=NOW)
            await uow.payment_events.add([(notification("evt_2"), None)], received_at=NOW)
            assert await uow.payment_events.known(["evt_1", "evt_2", "evt_3"]) == {"evt_1", "evt_2"}
            assert await uow.payment_events.known(["evt_3"]) == frozenset()
            assert await uow.payment_events.known([]) == frozenset()

    async def test_events_are_forgotten_oldest_first_and_none_that_waits(self) -> None:
        """One that was set aside goes with what it was parked by."""
        order = await add(self.ports, place())
        for number in range(3):
            await hear(self.ports, f"evt_{number}", order.id, at=NOW + number * MINUTE)
        await hear(self.ports, "evt_waits", None, at=NOW)
        await hear(self.ports, "evt_aside", None, at=NOW + 3 * MINUTE)
        async with self.ports.unit_of_work() as uow:
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
            async with self.ports.unit_of_work() as uow:
                assert await uow.payment_events.forget(before, limit) == forgotten
                assert await uow.payment_events.known(every) == set(left)
                await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert [one.event_id for one in await uow.payment_events.parked(["ref_evt_aside", "ref_evt_waits"])] == [
                "evt_waits"
            ]
