"""The unit of work's contract, on the fake, on SQLite and on a real PostgreSQL."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from paywall_core.effects import ReportSale, SendAccessEmail
from paywall_core.errors import ConcurrentUpdate
from paywall_core.events import CheckoutOpened, TimePassed, TokenRotated
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.order import apply, redeem
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus, Settlement, UnitOfWork

from .samples import MINUTE, NOW, REFUND, Store, add, change, notification, paid_event, place


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which implementation."""
    return str(request.param)


async def test_committed_order_is_read_back_whole(store: Store) -> None:
    """Every field, microseconds and facts included; and its history in order."""
    order = await add(store, place(chat="-100123"))
    paid = await change(store, order, CheckoutOpened(session_id="cs_1"), paid_event())
    async with store.unit_of_work() as uow:
        assert await uow.orders.get(order.id) == paid
        assert await uow.orders.get(order.id, for_update=True) == paid
        history = await uow.orders.history(order.id)
        assert [(e.sequence, e.to_state, e.at) for e in history] == [
            (1, State.PENDING, NOW),
            (2, State.TOKEN_ISSUED, NOW),
        ]
        assert history[1].event == paid_event()
        assert await uow.orders.get(uuid4()) is None


async def test_what_was_not_committed_is_gone(store: Store) -> None:
    """Leaving the block rolls back: order, event, references and outbox alike."""
    order = place()
    async with store.unit_of_work() as uow:
        await uow.orders.add(order)
        await uow.payment_events.add([(notification("evt_1"), None)], received_at=NOW)
        await uow.orders.claim({"cs_1": order.id})
        await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
    async with store.unit_of_work() as uow:
        assert await uow.orders.get(order.id) is None
        assert await uow.orders.claim({"cs_1": None}) == {"cs_1": None}
        assert await uow.payment_events.add([(notification("evt_1"), None)], received_at=NOW)
        assert not await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())


async def test_exception_rolls_back(store: Store) -> None:
    """An error inside the block leaves nothing behind."""
    order = place()

    async def fail() -> None:
        async with store.unit_of_work() as uow:
            await uow.orders.add(order)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with store.unit_of_work() as uow:
        assert await uow.orders.get(order.id) is None


async def test_save_checks_the_version(store: Store) -> None:
    """Of two changes of one version the second is refused."""
    order = await add(store, place())
    await change(store, order, paid_event())
    stale = apply(order, CheckoutOpened(session_id="cs_1"), now=NOW, cause="test")
    async with store.unit_of_work() as uow:
        with pytest.raises(ConcurrentUpdate):
            await uow.orders.save(stale)


async def test_same_order_twice_is_refused(store: Store) -> None:
    """The primary key holds."""
    order = await add(store, place())
    async with store.unit_of_work() as uow:
        with pytest.raises(ConcurrentUpdate):
            await uow.orders.add(order)


async def test_reference_keeps_its_first_owner(store: Store) -> None:
    """And finds it; an order that does not exist owns nothing."""
    one, two = await add(store, place()), await add(store, place())
    async with store.unit_of_work() as uow:
        assert await uow.orders.claim({"pi_1": one.id, "cs_1": one.id}) == {"cs_1": one.id, "pi_1": one.id}
        assert await uow.orders.claim({"pi_1": None}) == {"pi_1": one.id}
        assert await uow.orders.claim({"pi_1": two.id, "pi_3": one.id}) == {"pi_1": one.id, "pi_3": one.id}
        assert await uow.orders.claim({"pi_2": uuid4(), "pi_4": None}) == {"pi_2": None, "pi_4": None}
        assert await uow.orders.claim({"pi_2": two.id}) == {"pi_2": two.id}
        await uow.commit()


async def test_parked_event_waits_for_its_order(store: Store) -> None:
    """It is found by any of its references until it is applied, payload and all."""
    order = await add(store, place())
    early = notification("evt_1", REFUND, references=("ch_1", "pi_1"))
    async with store.unit_of_work() as uow:
        assert await uow.payment_events.add([(early, None)], received_at=NOW)
        assert await uow.payment_events.add([(notification("evt_2", references=("pi_1",)), None)], received_at=NOW)
        await uow.commit()
    async with store.unit_of_work() as uow:
        assert list(await uow.payment_events.parked(["ch_1", "pi_1"])) == [early]
        assert list(await uow.payment_events.parked(["pi_9"])) == []
        await uow.payment_events.unpark("evt_1", order.id)
        assert list(await uow.payment_events.parked(["ch_1"])) == []
        await uow.commit()


async def test_ten_of_one_event_at_once_are_stored_once(store: Store) -> None:
    """The unique key decides, whoever commits first."""

    async def deliver() -> bool:
        async with store.unit_of_work() as uow:
            new = await uow.payment_events.add([(notification("evt_1"), None)], received_at=NOW)
            await uow.commit()
        return bool(new)

    assert sorted(await asyncio.gather(*(deliver() for _ in range(10)))) == [False] * 9 + [True]


@pytest.mark.parametrize("parker_first", [True, False])
async def test_parking_and_making_known_never_miss_each_other(store: Store, *, parker_first: bool) -> None:
    """Whichever of the two transactions comes first, the other sees what it did."""
    order = await add(store, place())
    seen: list[str] = []

    async def park() -> None:
        async with store.unit_of_work() as uow:
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
        async with store.unit_of_work() as uow:
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


async def test_outbox_row_is_written_once_and_leased_to_one(store: Store) -> None:
    """One key, one row; two workers at once share nothing."""
    order = await add(store, place())
    effects = [SendAccessEmail(order_id=order.id, token_version=n) for n in range(1, 5)]
    for _ in range(2):
        async with store.unit_of_work() as uow:
            await uow.outbox.enqueue(effects, now=NOW)
            await uow.commit()

    async def take() -> list[str]:
        async with store.unit_of_work() as uow:
            taken = await uow.outbox.lease(now=NOW, limit=2, lease_until=NOW + MINUTE, lease_id=uuid4())
            await asyncio.sleep(0.02)
            await uow.commit()
        return [delivery.key for delivery in taken]

    one, two = await asyncio.gather(take(), take())
    assert len(one) == len(two) == 2
    assert sorted(one + two) == [effect.key for effect in effects]
    assert await take() == []


async def test_lease_runs_out_and_the_late_word_is_refused(store: Store) -> None:
    """A killed worker's row is due again; what the dead one says later is not written."""
    order = await add(store, place())
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
        (lost,) = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
        (again,) = await uow.outbox.lease(now=NOW + MINUTE, limit=9, lease_until=NOW + 2 * MINUTE, lease_id=uuid4())
        assert (lost.attempt, again.attempt, again.effect) == (1, 2, ReportSale(order_id=order.id))
        done = Settlement(status=DeliveryStatus.DELIVERED, at=NOW)
        assert not await uow.outbox.settle(lost, done)
        assert await uow.outbox.settle(again, done)
        assert not await uow.outbox.settle(again, done)
        await uow.commit()


async def test_settlements_decide_when_a_row_is_due_again(store: Store) -> None:
    """Retry at its time; given back at once and uncounted; skipped revives by being wanted again; dead stays dead."""
    order = await add(store, place())
    effect = ReportSale(order_id=order.id)

    async def lease(uow: UnitOfWork, now: datetime) -> list[int]:
        taken = await uow.outbox.lease(now=now, limit=9, lease_until=now + MINUTE, lease_id=uuid4())
        leased[:] = taken
        return [delivery.attempt for delivery in taken]

    leased: list[Delivery] = []
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue([effect], now=NOW)
        assert await lease(uow, NOW) == [1]
        retry = Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW + MINUTE, error="421")
        assert await uow.outbox.settle(leased[0], retry)
        assert await lease(uow, NOW) == []
        assert await lease(uow, NOW + MINUTE) == [2]
        back = Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW, attempted=False)
        assert await uow.outbox.settle(leased[0], back)
        assert await lease(uow, NOW) == [2]
        skipped = Settlement(status=DeliveryStatus.SKIPPED, at=NOW, error="revoked")
        assert await uow.outbox.settle(leased[0], skipped)
        assert await lease(uow, NOW + 9 * MINUTE) == []
        await uow.outbox.enqueue([effect], now=NOW)
        assert await lease(uow, NOW) == [3]
        dead = Settlement(status=DeliveryStatus.DEAD, at=NOW, error="550")
        assert await uow.outbox.settle(leased[0], dead)
        await uow.outbox.enqueue([effect], now=NOW)
        assert await lease(uow, NOW + 9 * MINUTE) == []
        await uow.commit()


async def test_key_wanted_twice_at_once_is_one_row(store: Store) -> None:
    """Two effects of one key in one call are one delivery; and no effects are no error."""
    order = await add(store, place())
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue([], now=NOW)
        await uow.outbox.enqueue([ReportSale(order_id=order.id)] * 2, now=NOW)
        taken = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
        assert [delivery.effect for delivery in taken] == [ReportSale(order_id=order.id)]


async def test_changes_of_one_order_at_once_are_all_made(store: Store) -> None:
    """Whoever reads for update reads what the one before wrote, so nothing is lost and nobody is refused."""
    order = await change(store, await add(store, place()), paid_event())

    async def rotate() -> None:
        async with store.unit_of_work() as uow:
            found = await uow.orders.get(order.id, for_update=True)
            assert found is not None
            event = TokenRotated(token_version=found.facts.token_version + 1)
            await uow.orders.save(apply(found, event, now=NOW, cause="test"))
            await uow.commit()

    await asyncio.gather(*(rotate() for _ in range(5)))
    async with store.unit_of_work() as uow:
        found = await uow.orders.get(order.id)
        assert found is not None
        assert found.facts.token_version == order.facts.token_version + 5
        history = await uow.orders.history(order.id)
        assert [entry.sequence for entry in history] == list(range(1, found.version + 1))


async def test_two_sweepers_at_once_share_no_order(store: Store) -> None:
    """What one has locked the other leaves out, without an error on either side."""
    for session in ("cs_a", "cs_b"):
        await change(store, await add(store, place()), paid_event(session))
    end = NOW + timedelta(days=30)

    async def sweep() -> list[UUID]:
        async with store.unit_of_work() as uow:
            lapsed = await uow.orders.lapsed(end, 1)
            for order in lapsed:
                changed = apply(order, TimePassed(), now=end, cause="sweep")
                await uow.orders.save(changed)
            await uow.commit()
        return [order.id for order in lapsed]

    one, two = await asyncio.gather(sweep(), sweep())
    assert len({*one, *two}) == len(one) + len(two) == 2
    assert await sweep() == []


async def test_lapsed_orders_are_found_longest_first(store: Store) -> None:
    """Only those on record as live whose access ended."""
    one = await change(store, await add(store, place()), paid_event("cs_a"))
    later = structs.replace(paid_event("cs_b"), paid_at=NOW + MINUTE)
    two = await change(store, await add(store, place()), later)
    await add(store, place())
    async with store.unit_of_work() as uow:
        end = NOW + timedelta(days=30)
        assert list(await uow.orders.lapsed(end - MINUTE, 9)) == []
        assert [order.id for order in await uow.orders.lapsed(end, 9)] == [one.id]
        assert [order.id for order in await uow.orders.lapsed(end + MINUTE, 9)] == [one.id, two.id]
        assert [order.id for order in await uow.orders.lapsed(end + MINUTE, 1)] == [one.id]


async def test_orders_recorded_as_over_too_soon_are_found_longest_first(store: Store) -> None:
    """Only those on record as over whose access is good."""
    end = NOW + timedelta(days=30)
    over: list[UUID] = []
    for number, session in enumerate(("cs_a", "cs_b", "cs_c")):
        paid = structs.replace(paid_event(session), paid_at=NOW + number * MINUTE)
        order = await change(store, await add(store, place()), paid)
        if session != "cs_b":
            async with store.unit_of_work() as uow:
                changed = apply(order, TimePassed(), now=end + 9 * MINUTE, cause="sweep")
                await uow.orders.save(changed)
                await uow.commit()
            over.append(order.id)
    await add(store, place())
    async with store.unit_of_work() as uow:
        assert [order.id for order in await uow.orders.shut_out(NOW, 9)] == over
        assert [order.id for order in await uow.orders.shut_out(end, 9)] == over[1:]
        assert [order.id for order in await uow.orders.shut_out(NOW, 1)] == over[:1]
        assert list(await uow.orders.shut_out(NOW, 0)) == []
        assert list(await uow.orders.shut_out(end + 2 * MINUTE, 9)) == []


async def test_gate_finds_the_order_that_serves_best(store: Store) -> None:
    """Redeemed before named, furthest access first; nobody else's order."""
    assert await store.directory.access_of(5) is None
    await add(store, place(chat="5"))
    named = await store.directory.access_of(5)
    assert named is not None
    assert (named.redeemed, named.state, named.access_until, named.locale) == (False, State.PENDING, None, "ru")
    bound: list[UUID] = []
    for number, session in enumerate(["cs_a", "cs_b"]):
        paid = structs.replace(paid_event(session), paid_at=NOW + number * MINUTE)
        order = await change(store, await add(store, place()), paid)
        changed = redeem(order, telegram_user_id=5, now=NOW)
        async with store.unit_of_work() as uow:
            await uow.orders.save(changed)
            await uow.commit()
        bound.append(order.id)
    best = await store.directory.access_of(5)
    assert best is not None
    assert (best.order_id, best.redeemed, best.state) == (bound[1], True, State.ACTIVE)
    assert (best.access_until, best.locale) == (NOW + MINUTE + timedelta(days=30), "ru")
    assert await store.directory.access_of(6) is None


async def test_chat_s_order_serves_only_until_somebody_redeems_it(store: Store) -> None:
    """Of those that named the chat the paid one comes before the newer unpaid; redeemed, it is its redeemer's."""
    paid = await change(store, await add(store, place(chat="5")), paid_event())
    unpaid = await add(store, place(chat="5", at=NOW + MINUTE))
    named = await store.directory.access_of(5)
    assert named is not None
    assert (named.order_id, named.redeemed) == (paid.id, False)
    changed = redeem(paid, telegram_user_id=7, now=NOW)
    async with store.unit_of_work() as uow:
        await uow.orders.save(changed)
        await uow.commit()
    others, left = await store.directory.access_of(7), await store.directory.access_of(5)
    assert others is not None
    assert left is not None
    assert (others.order_id, others.redeemed) == (paid.id, True)
    assert (left.order_id, left.redeemed) == (unpaid.id, False)


async def test_session_is_found_with_what_the_page_needs(store: Store) -> None:
    """And an unknown one is not."""
    order = await change(store, await add(store, place()), paid_event())
    record = await store.directory.session("cs_1")
    assert record is not None
    assert (record.order_id, record.clickid) == (order.id, "click")
    assert (record.state, record.payment_status, record.fulfillment_status) == (
        State.TOKEN_ISSUED,
        "paid",
        FulfillmentStatus.FULFILLED,
    )
    assert (record.token_version, record.first_paid_at) == (1, NOW)
    assert await store.directory.session("cs_2") is None


async def test_one_of_ten_may_ask_the_provider(store: Store) -> None:
    """Whichever process it runs in; and again when the time is over."""
    await change(store, await add(store, place()), paid_event())

    async def ask(now: datetime) -> bool:
        return await store.directory.claim_provider_read("cs_1", now=now, min_interval_seconds=3.0)

    assert sorted(await asyncio.gather(*(ask(NOW) for _ in range(10)))) == [False] * 9 + [True]
    assert not await ask(NOW + timedelta(seconds=2))
    assert await ask(NOW + timedelta(seconds=3))
    assert not await ask(NOW)  # a clock that is a few seconds behind the other machine's
    assert await ask(NOW - timedelta(days=1))  # the other one ran a day ahead
