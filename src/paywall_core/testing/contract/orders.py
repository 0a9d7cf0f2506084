"""The contract of transactions and of orders, their history, and the provider's ids by which they are found."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from paywall_core.effects import ReportSale, due_at
from paywall_core.errors import ConcurrentUpdate
from paywall_core.events import AccessReinstated, AccessRevoked, CheckoutOpened, TimePassed, TokenRotated
from paywall_core.lifecycle import State
from paywall_core.order import Order, apply
from paywall_core.ports.unit_of_work import DeliveryStatus, LapseCensus, Settlement
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import (
    ADDRESS,
    MINUTE,
    NOW,
    REFUND,
    add,
    change,
    notification,
    paid_event,
    place,
)


class UnitOfWorkContract(PortsContract):
    """All that a transaction writes is there together, or nothing is."""

    async def test_what_was_not_committed_is_gone(self) -> None:
        """Leaving the block rolls back: order, event, references and outbox alike."""
        order = place()
        async with self.ports.unit_of_work() as uow:
            await uow.orders.add(order)
            await uow.payment_events.add([(notification("evt_1"), None)], received_at=NOW)
            await uow.orders.claim({"cs_1": order.id})
            await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
        async with self.ports.unit_of_work() as uow:
            assert await uow.orders.get(order.id) is None
            assert await uow.orders.claim({"cs_1": None}) == {"cs_1": None}
            assert (await uow.payment_events.add([(notification("evt_1"), None)], received_at=NOW)).new
            assert not await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())

    async def test_exception_rolls_back(self) -> None:
        """An error inside the block leaves nothing behind."""
        order = place()

        async def fail() -> None:
            async with self.ports.unit_of_work() as uow:
                await uow.orders.add(order)
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        async with self.ports.unit_of_work() as uow:
            assert await uow.orders.get(order.id) is None


class OrdersContract(PortsContract):
    """What an `OrderRepository` must do."""

    async def test_committed_order_is_read_back_whole(self) -> None:
        """Every field, microseconds and facts included; and its history in order."""
        order = await add(self.ports, place(chat="-100123"))
        paid = await change(self.ports, order, CheckoutOpened(session_id="cs_1"), paid_event())
        async with self.ports.unit_of_work() as uow:
            assert await uow.orders.get(order.id) == paid
            assert await uow.orders.get(order.id, for_update=True) == paid
            history = await uow.orders.history(order.id)
            assert [(e.sequence, e.to_state, e.at) for e in history] == [
                (1, State.PENDING, NOW),
                (2, State.TOKEN_ISSUED, NOW),
            ]
            assert history[1].event == paid_event()
            assert await uow.orders.get(uuid4()) is None

    async def test_save_checks_the_version(self) -> None:
        """Of two changes of one version the second is refused."""
        order = await add(self.ports, place())
        await change(self.ports, order, paid_event())
        stale = apply(order, CheckoutOpened(session_id="cs_1"), now=NOW, cause="test")
        async with self.ports.unit_of_work() as uow:
            with pytest.raises(ConcurrentUpdate):
                await uow.orders.save(stale)

    async def test_same_order_twice_is_refused(self) -> None:
        """The primary key holds."""
        order = await add(self.ports, place())
        async with self.ports.unit_of_work() as uow:
            with pytest.raises(ConcurrentUpdate):
                await uow.orders.add(order)

    async def test_reference_keeps_its_first_owner(self) -> None:
        """And finds it; an order that does not exist owns nothing."""
        one, two = await add(self.ports, place()), await add(self.ports, place())
        async with self.ports.unit_of_work() as uow:
            assert await uow.orders.claim({"pi_1": one.id, "cs_1": one.id}) == {"cs_1": one.id, "pi_1": one.id}
            assert await uow.orders.claim({"pi_1": None}) == {"pi_1": one.id}
            assert await uow.orders.claim({"pi_1": two.id, "pi_3": one.id}) == {"pi_1": one.id, "pi_3": one.id}
            assert await uow.orders.claim({"pi_2": uuid4(), "pi_4": None}) == {"pi_2": None, "pi_4": None}
            assert await uow.orders.claim({"pi_2": two.id}) == {"pi_2": two.id}
            await uow.commit()

    async def test_change_is_saved_with_what_it_owes(self) -> None:
        """Each of several; what was skipped before is due again, and nothing is owed that was refused."""
        one, two = await add(self.ports, place()), await add(self.ports, place())
        changes = [apply(order, paid_event(f"cs_{order.id}"), now=NOW, cause="test") for order in (one, two)]
        owed = {effect.key for changed in changes for effect in changed.effects if due_at(effect, NOW) <= NOW}
        async with self.ports.unit_of_work() as uow:
            await uow.orders.save(*changes)
            await uow.commit()

        async def leased() -> set[str]:
            async with self.ports.unit_of_work() as uow:
                taken = await uow.outbox.lease(now=NOW, limit=99, lease_until=NOW, lease_id=uuid4())
                skipped = Settlement(status=DeliveryStatus.SKIPPED, at=NOW)
                await uow.outbox.settle([(delivery, skipped) for delivery in taken])
                await uow.commit()
            return {delivery.key for delivery in taken}

        assert await leased() == owed
        revoked = apply(changes[0].order, AccessRevoked(number=1, by="ops", why="test", at=NOW), now=NOW, cause="test")
        back = apply(revoked.order, AccessReinstated(number=2, by="ops", why="test", at=NOW), now=NOW, cause="test")
        async with self.ports.unit_of_work() as uow:
            await uow.orders.save(revoked.then(back))
            await uow.commit()
        again = {effect.key for effect in (*revoked.effects, *back.effects) if due_at(effect, NOW) <= NOW}
        assert again & owed
        assert await leased() == again
        stale = apply(one, paid_event("cs_other"), now=NOW, cause="test")
        async with self.ports.unit_of_work() as uow:
            with pytest.raises(ConcurrentUpdate):
                await uow.orders.save(stale)
        assert await leased() == set()

    async def test_orders_are_found_by_their_ids_and_by_name(self) -> None:
        """Whose ids they are, and all of these orders; one that does not exist is nobody's, and not there."""
        one, two, three = [await add(self.ports, place()) for _ in range(3)]
        nobody = uuid4()
        async with self.ports.unit_of_work() as uow:
            await uow.orders.claim({"pi_3": three.id})
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            owners, found = await uow.orders.find({"pi_1": one.id, "pi_3": one.id, "pi_9": nobody}, {one.id, nobody})
            assert owners == {"pi_1": one.id, "pi_3": three.id, "pi_9": None}
            assert found == {one.id: one, three.id: three}
            owners, found = await uow.orders.find({"pi_1": None, "pi_2": two.id}, {two.id})
            assert owners == {"pi_1": one.id, "pi_2": two.id}
            assert found == {one.id: one, two.id: two}
            assert await uow.orders.find({}, {two.id}) == ({}, {two.id: two})
            assert await uow.orders.find({}, set()) == ({}, {})
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert await uow.orders.claim({"pi_1": None, "pi_9": None}) == {"pi_1": one.id, "pi_9": None}

    async def test_order_is_found_that_was_placed_while_its_id_was_waited_for(self) -> None:
        """Whoever claims the id waits for the one who claimed it first, and then finds the order, too."""
        order = place()
        placed, found = asyncio.Event(), list[Order]()

        async def place_it() -> None:
            async with self.ports.unit_of_work() as uow:
                await uow.orders.add(order)
                await uow.orders.claim({"cs_1": order.id})
                placed.set()
                await asyncio.sleep(0.05)
                await uow.commit()

        async def find_it() -> None:
            await placed.wait()
            async with self.ports.unit_of_work() as uow:
                owners, orders = await uow.orders.find({"cs_1": order.id}, {order.id})
                assert owners == {"cs_1": order.id}
                found.extend(orders.values())

        await asyncio.gather(place_it(), find_it())
        assert found == [order]

    @pytest.mark.parametrize("by_id", [True, False])
    async def test_changes_of_one_order_at_once_are_all_made(self, *, by_id: bool) -> None:
        """Whoever reads for update reads what the one before wrote, so nothing is lost and nobody is refused."""
        order = await change(self.ports, await add(self.ports, place()), paid_event())

        async def rotate() -> None:
            async with self.ports.unit_of_work() as uow:
                if by_id:
                    found = await uow.orders.get(order.id, for_update=True)
                else:
                    found = (await uow.orders.find({"cs_1": order.id}, {order.id}))[1].get(order.id)
                assert found is not None
                event = TokenRotated(token_version=found.facts.token_version + 1)
                await uow.orders.save(apply(found, event, now=NOW, cause="test"))
                await uow.commit()

        await asyncio.gather(*(rotate() for _ in range(5)))
        async with self.ports.unit_of_work() as uow:
            found = await uow.orders.get(order.id)
            assert found is not None
            assert found.facts.token_version == order.facts.token_version + 5
            history = await uow.orders.history(order.id)
            assert [entry.sequence for entry in history] == list(range(1, found.version + 1))

    async def test_two_sweepers_at_once_share_no_order(self) -> None:
        """What one has locked the other leaves out, without an error on either side."""
        for session in ("cs_a", "cs_b"):
            await change(self.ports, await add(self.ports, place()), paid_event(session))
        end = NOW + timedelta(days=30)

        async def sweep() -> list[UUID]:
            async with self.ports.unit_of_work() as uow:
                lapsed = await uow.orders.lapsed(end, 1)
                for order in lapsed:
                    changed = apply(order, TimePassed(), now=end, cause="sweep")
                    await uow.orders.save(changed)
                await uow.commit()
            return [order.id for order in lapsed]

        one, two = await asyncio.gather(sweep(), sweep())
        assert len({*one, *two}) == len(one) + len(two) == 2
        assert await sweep() == []

    async def test_lapsed_orders_are_found_longest_first(self) -> None:
        """Only those on record as live whose access ended."""
        one = await change(self.ports, await add(self.ports, place()), paid_event("cs_a"))
        later = structs.replace(paid_event("cs_b"), paid_at=NOW + MINUTE)
        two = await change(self.ports, await add(self.ports, place()), later)
        await add(self.ports, place())
        async with self.ports.unit_of_work() as uow:
            end = NOW + timedelta(days=30)
            assert list(await uow.orders.lapsed(end - MINUTE, 9)) == []
            assert [order.id for order in await uow.orders.lapsed(end, 9)] == [one.id]
            assert [order.id for order in await uow.orders.lapsed(end + MINUTE, 9)] == [one.id, two.id]
            assert [order.id for order in await uow.orders.lapsed(end + MINUTE, 1)] == [one.id]

    async def test_orders_recorded_as_over_too_soon_are_found_longest_first(self) -> None:
        """Only those on record as over whose access is good."""
        end = NOW + timedelta(days=30)
        over: list[UUID] = []
        for number, session in enumerate(("cs_a", "cs_b", "cs_c")):
            paid = structs.replace(paid_event(session), paid_at=NOW + number * MINUTE)
            order = await change(self.ports, await add(self.ports, place()), paid)
            if session != "cs_b":
                async with self.ports.unit_of_work() as uow:
                    changed = apply(order, TimePassed(), now=end + 9 * MINUTE, cause="sweep")
                    await uow.orders.save(changed)
                    await uow.commit()
                over.append(order.id)
        await add(self.ports, place())
        async with self.ports.unit_of_work() as uow:
            assert [order.id for order in await uow.orders.shut_out(NOW, 9)] == over
            assert [order.id for order in await uow.orders.shut_out(end, 9)] == over[1:]
            assert [order.id for order in await uow.orders.shut_out(NOW, 1)] == over[:1]
            assert list(await uow.orders.shut_out(NOW, 0)) == []
            assert list(await uow.orders.shut_out(end + 2 * MINUTE, 9)) == []

    async def test_census_counts_what_the_sweep_would_give(self) -> None:
        """Of all that are on record as having access; the unpaid, and those swept already, are not among them."""
        first = await change(self.ports, await add(self.ports, place()), paid_event("cs_a"))
        later = structs.replace(paid_event("cs_b"), paid_at=NOW + MINUTE)
        await change(self.ports, await add(self.ports, place()), later)
        await add(self.ports, place())
        end = NOW + timedelta(days=30)
        async with self.ports.unit_of_work() as uow:
            assert await uow.orders.lapse_census(NOW) == LapseCensus(lapsed=0, live=2)
            assert await uow.orders.lapse_census(end) == LapseCensus(lapsed=1, live=2)
            assert await uow.orders.lapse_census(end + MINUTE) == LapseCensus(lapsed=2, live=2)
            swept = apply(first, TimePassed(), now=end, cause="sweep")
            await uow.orders.save(swept)
            assert await uow.orders.lapse_census(end + MINUTE) == LapseCensus(lapsed=1, live=1)

    async def test_paid_orders_of_an_address_come_best_first(self) -> None:
        """What was never paid stays out, what was refunded comes last; the limit holds, and the key is compared."""
        await add(self.ports, place())
        refunded = await change(self.ports, await add(self.ports, place(at=NOW + 2 * MINUTE)), paid_event("cs_3"))
        await change(self.ports, refunded, structs.replace(REFUND, payment="pi_cs_3", charge=None))
        short = await change(self.ports, await add(self.ports, place()), paid_event("cs_1"))
        late = await change(self.ports, await add(self.ports, place(at=NOW + MINUTE)), paid_event("cs_2"))
        async with self.ports.unit_of_work() as uow:
            assert [order.id for order in await uow.orders.paid_by(ADDRESS, 9)] == [late.id, short.id, refunded.id]
            assert [order.id for order in await uow.orders.paid_by(ADDRESS, 1)] == [late.id]
            assert list(await uow.orders.paid_by("Anna@Example.com", 9)) == []
