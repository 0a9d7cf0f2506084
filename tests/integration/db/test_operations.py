"""What operators and chores write, on the fake, SQLite and PostgreSQL: retries, parked events, acts, the cursor."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec import structs

from paywall_core.effects import (
    Effect,
    LookUpEvent,
    NoticeChannel,
    NoticeKind,
    ReportSale,
    SendAccessEmail,
    SendNotice,
)
from paywall_core.events import TimePassed
from paywall_core.order import apply
from paywall_core.ports.unit_of_work import (
    Delivery,
    DeliveryStatus,
    LapseCensus,
    OperatorAct,
    RetriedDelivery,
    Settlement,
    UnitOfWork,
)

from .samples import MINUTE, NOW, REFUND, Store, add, change, notification, paid_event, place


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which implementation."""
    return str(request.param)


async def enqueue(store: Store, *effects: Effect) -> None:
    """Write effects that are owed since `NOW`."""
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue(effects, now=NOW)
        await uow.commit()


async def settle_all(store: Store, status: DeliveryStatus) -> None:
    """Every due row comes to this end, at its first try."""
    async with store.unit_of_work() as uow:
        for delivery in await lease(uow):
            assert await uow.outbox.settle(delivery, Settlement(status=status, at=NOW, error="550"))
        await uow.commit()


async def lease(uow: UnitOfWork, *, minutes: int = 0) -> list[Delivery]:
    """Take all that is due so many minutes after `NOW`, for one minute."""
    now = NOW + minutes * MINUTE
    return list(await uow.outbox.lease(now=now, limit=99, lease_until=now + MINUTE, lease_id=uuid4()))


async def test_effect_that_must_wait_is_due_at_its_own_time(store: Store) -> None:
    """Beside one that is due at once; a time that has passed makes nothing due before now."""
    order = await add(store, place())
    early = SendNotice(
        order_id=order.id,
        kind=NoticeKind.ENDS_SOON,
        channel=NoticeChannel.EMAIL,
        cause="end",
        not_before=NOW + 5 * MINUTE,
    )
    late = LookUpEvent(event_id="evt_1", not_before=NOW - MINUTE)
    await enqueue(store, early, late, ReportSale(order_id=order.id))
    async with store.unit_of_work() as uow:
        assert [one.key for one in await lease(uow, minutes=-1)] == []
        assert sorted(one.key for one in await lease(uow)) == sorted([late.key, ReportSale(order_id=order.id).key])
        assert early.key not in [one.key for one in await lease(uow, minutes=4)]
        assert early in [one.effect for one in await lease(uow, minutes=5)]


async def test_notice_wanted_again_after_it_was_skipped_waits_anew(store: Store) -> None:
    """With the time that the newer one names: its key does not hold it."""
    order = await add(store, place())
    notice = SendNotice(
        order_id=order.id, kind=NoticeKind.ENDED, channel=NoticeChannel.CHAT, cause="end", not_before=None
    )
    await enqueue(store, notice)
    await settle_all(store, DeliveryStatus.SKIPPED)
    later = structs.replace(notice, not_before=NOW + 5 * MINUTE)
    await enqueue(store, later)
    async with store.unit_of_work() as uow:
        assert await lease(uow, minutes=4) == []
        assert [one.effect for one in await lease(uow, minutes=5)] == [later]


@pytest.mark.parametrize("status", [DeliveryStatus.DEAD, DeliveryStatus.SKIPPED])
async def test_row_that_came_to_a_bad_end_is_retried_from_the_first_try(store: Store, status: DeliveryStatus) -> None:
    """In the order of the keys, each with its order; a key that is not there is left out."""
    order = await add(store, place())
    effects: list[Effect] = [ReportSale(order_id=order.id), LookUpEvent(event_id="evt_1")]
    await enqueue(store, *effects)
    await settle_all(store, status)
    async with store.unit_of_work() as uow:
        assert await uow.outbox.retry([], due_at=NOW) == []
        retried = await uow.outbox.retry([effects[1].key, "nothing", effects[0].key], due_at=NOW + MINUTE)
        assert list(retried) == [
            RetriedDelivery(key=effects[1].key, order_id=None),
            RetriedDelivery(key=effects[0].key, order_id=order.id),
        ]
        await uow.commit()
    async with store.unit_of_work() as uow:
        assert await lease(uow) == []
        leased = {one.key: one.attempt for one in await lease(uow, minutes=1)}
        assert leased == {effect.key: 1 for effect in effects}


async def test_row_that_waits_for_its_next_try_is_retried_at_once(store: Store) -> None:
    """Nobody has it under lease, so nobody is disturbed."""
    order = await add(store, place())
    effect = ReportSale(order_id=order.id)
    await enqueue(store, effect)
    async with store.unit_of_work() as uow:
        (delivery,) = await lease(uow)
        later = Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW + 60 * MINUTE, error="421")
        assert await uow.outbox.settle(delivery, later)
        assert [one.key for one in await uow.outbox.retry([effect.key], due_at=NOW)] == [effect.key]
        await uow.commit()
    async with store.unit_of_work() as uow:
        assert [(one.effect, one.attempt) for one in await lease(uow)] == [(effect, 1)]


async def test_delivered_and_leased_rows_are_not_retried(store: Store) -> None:
    """Nothing goes out twice; once the lease has run out, it is nobody's, and the late word is refused."""
    order = await add(store, place())
    delivered, leased = ReportSale(order_id=order.id), SendAccessEmail(order_id=order.id, token_version=1)
    await enqueue(store, delivered)
    await settle_all(store, DeliveryStatus.DELIVERED)
    await enqueue(store, leased)
    keys = [delivered.key, leased.key]
    async with store.unit_of_work() as uow:
        (lost,) = await lease(uow)
        assert await uow.outbox.retry(keys, due_at=NOW) == []
        assert await uow.outbox.retry(keys, due_at=NOW + MINUTE / 2) == []
        assert [one.key for one in await uow.outbox.retry(keys, due_at=NOW + MINUTE)] == [leased.key]
        assert not await uow.outbox.settle(lost, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))
        await uow.commit()


async def test_retry_waits_for_a_worker_that_is_just_taking_the_row(store: Store) -> None:
    """And then leaves it to the worker."""
    order = await add(store, place())
    effect = ReportSale(order_id=order.id)
    await enqueue(store, effect)
    taken = asyncio.Event()

    async def work() -> list[Delivery]:
        async with store.unit_of_work() as uow:
            deliveries = await lease(uow)
            taken.set()
            await asyncio.sleep(0.05)
            await uow.commit()
        return deliveries

    worker = asyncio.create_task(work())
    await taken.wait()
    async with store.unit_of_work() as uow:
        assert await uow.outbox.retry([effect.key], due_at=NOW) == []
        await uow.commit()
    (delivery,) = await worker
    async with store.unit_of_work() as uow:
        assert await uow.outbox.settle(delivery, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))


async def test_two_retries_at_once_are_one(store: Store) -> None:
    """Of rows named in either order; neither is refused, and each row goes out once."""
    order = await add(store, place())
    effects = [SendAccessEmail(order_id=order.id, token_version=n) for n in range(1, 9)]
    await enqueue(store, *effects)
    await settle_all(store, DeliveryStatus.DEAD)
    keys = [effect.key for effect in effects]

    async def retry(wanted: list[str]) -> None:
        async with store.unit_of_work() as uow:
            await uow.outbox.retry(wanted, due_at=NOW)
            await uow.commit()

    await asyncio.gather(*(retry(keys[:: 1 if number % 2 else -1]) for number in range(6)))
    async with store.unit_of_work() as uow:
        assert sorted(one.key for one in await lease(uow)) == keys


async def test_parked_event_is_found_until_it_has_found_its_order(store: Store) -> None:
    """Payload and all; one that says nothing is not parked, and an unknown one is not there."""
    order = await add(store, place())
    parked = notification("evt_1", REFUND, references=("ch_1",))
    async with store.unit_of_work() as uow:
        await uow.payment_events.add([(parked, None)], received_at=NOW)
        await uow.payment_events.add([(notification("evt_2", references=("ch_2",)), None)], received_at=NOW)
        await uow.payment_events.add([(notification("evt_3", REFUND), order.id)], received_at=NOW)
        await uow.commit()
    async with store.unit_of_work() as uow:
        assert await uow.payment_events.find_parked("evt_1") == parked
        for event_id in ("evt_2", "evt_3", "evt_4"):
            assert await uow.payment_events.find_parked(event_id) is None
        await uow.payment_events.unpark("evt_1", order.id)
        assert await uow.payment_events.find_parked("evt_1") is None


async def test_event_set_aside_still_finds_its_order(store: Store) -> None:
    """Nobody waits for it any more; an order that turns up gets it, and then it was set aside too soon."""
    order = await add(store, place())
    parked = notification("evt_1", REFUND, references=("ch_1",))
    async with store.unit_of_work() as uow:
        await uow.payment_events.add([(parked, None)], received_at=NOW)
        await uow.payment_events.set_aside("evt_1", at=NOW)
        await uow.commit()
    async with store.unit_of_work() as uow:
        assert await uow.payment_events.find_parked("evt_1") is None
        assert list(await uow.payment_events.parked(["ch_1"])) == [parked]
        await uow.payment_events.unpark("evt_1", order.id)
        await uow.payment_events.set_aside("evt_1", at=NOW)  # a worker's late word
        await uow.payment_events.set_aside("evt_9", at=NOW)  # of an event that is not there
        assert list(await uow.payment_events.parked(["ch_1"])) == []
        await uow.commit()
    dossier = await store.archive.dossier(order.id)
    assert dossier is not None
    assert [(event.event_id, event.set_aside) for event in dossier.events] == [("evt_1", False)]


async def test_known_events_are_told_from_the_new(store: Store) -> None:
    """Whatever became of them."""
    async with store.unit_of_work() as uow:
        await uow.payment_events.add([(notification("evt_1", REFUND), None)], received_at=NOW)
        await uow.payment_events.add([(notification("evt_2"), None)], received_at=NOW)
        assert await uow.payment_events.known(["evt_1", "evt_2", "evt_3"]) == {"evt_1", "evt_2"}
        assert await uow.payment_events.known(["evt_3"]) == frozenset()
        assert await uow.payment_events.known([]) == frozenset()


async def test_census_counts_what_the_sweep_would_give(store: Store) -> None:
    """Of all that are on record as having access; the unpaid, and those swept already, are not among them."""
    first = await change(store, await add(store, place()), paid_event("cs_a"))
    later = structs.replace(paid_event("cs_b"), paid_at=NOW + MINUTE)
    await change(store, await add(store, place()), later)
    await add(store, place())
    end = NOW + timedelta(days=30)
    async with store.unit_of_work() as uow:
        assert await uow.orders.lapse_census(NOW) == LapseCensus(lapsed=0, live=2)
        assert await uow.orders.lapse_census(end) == LapseCensus(lapsed=1, live=2)
        assert await uow.orders.lapse_census(end + MINUTE) == LapseCensus(lapsed=2, live=2)
        swept = apply(first, TimePassed(), now=end, cause="sweep")
        await uow.orders.save(swept)
        assert await uow.orders.lapse_census(end + MINUTE) == LapseCensus(lapsed=1, live=1)


async def test_what_an_operator_did_stands_in_the_order_s_dossier(store: Store) -> None:
    """Oldest first, each with its reason; what was about no order, or about another, does not."""
    order, other = await add(store, place()), await add(store, place())
    acts = [
        OperatorAct(
            at=NOW, by="anna", why="the mail server is back", act="outbox retry", subject="k", order_id=order.id
        ),
        OperatorAct(at=NOW, by="anna", why="once more", act="outbox retry", subject="k", order_id=order.id),
        OperatorAct(at=NOW - MINUTE, by="boris", why="asked to", act="resend", subject="link", order_id=order.id),
    ]
    async with store.unit_of_work() as uow:
        for act in [acts[2], acts[0], acts[1]]:
            await uow.operator_log.add(act)
        await uow.operator_log.add(structs.replace(acts[0], order_id=None, act="sweep", subject="12"))
        await uow.operator_log.add(structs.replace(acts[0], order_id=other.id))
        await uow.commit()
    dossier = await store.archive.dossier(order.id)
    assert dossier is not None
    assert list(dossier.acts) == [acts[2], acts[0], acts[1]]


async def test_cursor_goes_on_and_never_back(store: Store) -> None:
    """Before the first reading there is none."""
    async with store.unit_of_work() as uow:
        assert await uow.reconciliation.cursor() is None
        for moment, expected in ((NOW, NOW), (NOW - MINUTE, NOW), (NOW + MINUTE, NOW + MINUTE)):
            await uow.reconciliation.advance(moment)
            assert await uow.reconciliation.cursor() == expected
    async with store.unit_of_work() as uow:
        assert await uow.reconciliation.cursor() is None


async def test_cursor_advanced_from_many_sides_is_at_the_furthest(store: Store) -> None:
    """Whoever commits last."""

    async def advance(minutes: int) -> None:
        async with store.unit_of_work() as uow:
            await uow.reconciliation.advance(NOW + minutes * MINUTE)
            await asyncio.sleep(0)
            await uow.commit()

    await asyncio.gather(*(advance(minutes) for minutes in (3, 9, 1, 7, 5)))
    async with store.unit_of_work() as uow:
        assert await uow.reconciliation.cursor() == NOW + 9 * MINUTE


async def claim(store: Store, minutes: float) -> bool:
    """A process that would begin a run so long after `NOW`, when one in ten minutes may."""
    async with store.unit_of_work() as uow:
        claimed = await uow.reconciliation.claim_run(NOW + minutes * MINUTE, min_interval_seconds=600)
        await asyncio.sleep(0)
        await uow.commit()
    return claimed


async def test_one_of_ten_begins_a_run(store: Store) -> None:
    """Whichever process it runs in; the next when the interval is over; and the cursor is another matter."""
    assert sorted(await asyncio.gather(*(claim(store, 0) for _ in range(10)))) == [False] * 9 + [True]
    assert not await claim(store, 9.9)
    assert not await claim(store, -5)
    assert sorted(await asyncio.gather(*(claim(store, 10) for _ in range(10)))) == [False] * 9 + [True]
    async with store.unit_of_work() as uow:
        assert await uow.reconciliation.cursor() is None
        await uow.reconciliation.advance(NOW)
        await uow.commit()
    assert not await claim(store, 11)
    assert await claim(store, 20)
    async with store.unit_of_work() as uow:
        assert await uow.reconciliation.cursor() == NOW


async def test_claim_of_a_clock_that_ran_ahead_holds_nobody_up(store: Store) -> None:
    """It was a year ahead, and is set right; a few minutes between two machines are no such thing."""
    assert await claim(store, 365 * 24 * 60)
    assert await claim(store, 0)
    assert not await claim(store, -9.9)
    assert not await claim(store, 9.9)


async def test_claim_that_was_rolled_back_holds_nobody_up(store: Store) -> None:
    """The process that claimed and fell over has not begun."""
    async with store.unit_of_work() as uow:
        assert await uow.reconciliation.claim_run(NOW, min_interval_seconds=600)
    assert await claim(store, 0)
