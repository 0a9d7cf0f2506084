"""The contract of the watch: each invariant is broken, and then it is named."""

from datetime import datetime, timedelta
from uuid import uuid4

from msgspec import structs

from paywall_core.effects import LookUpEvent, NoticeChannel, NoticeKind, ReportSale, SendAccessEmail, SendNotice
from paywall_core.events import DisputeUpdated, Event, SubscriptionEnded, SubscriptionUpdated
from paywall_core.facts import DisputeStatus, SubscriptionStatus
from paywall_core.lifecycle import State
from paywall_core.order import Change, Order, apply, redeem, rotate
from paywall_core.ports.operations import (
    ACCESS_WITHOUT_PAYMENT,
    DEAD_LETTERS,
    INVARIANTS,
    PAID_WITHOUT_ACCESS,
    PARKED,
    TWO_SUBSCRIPTIONS,
    UNDELIVERED,
    InvariantWatch,
    Violation,
    WatchLimits,
)
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import (
    MINUTE,
    MONTHLY,
    NOW,
    REFUND,
    Store,
    add,
    change,
    invoice_paid,
    notification,
    paid_event,
    place,
)

LIMITS = WatchLimits(undelivered=30 * MINUTE, parked=60 * MINUTE, unrecorded=60 * MINUTE)


END = NOW + timedelta(days=30)


async def broken(watch: InvariantWatch, now: datetime) -> dict[str, tuple[int, set[str]]]:
    """The invariants that do not hold, each with its count and its examples."""
    found = await watch.violations(now, LIMITS)
    assert [one.invariant for one in found] == list(INVARIANTS)
    return {one.invariant: (one.count, set(one.examples)) for one in found if one.count or one.examples}


async def save(store: Store, changed: Change) -> Order:
    """Write a change, and nothing of what it owes."""
    async with store.unit_of_work() as uow:
        await uow.orders.save(structs.replace(changed, effects=()))
        await uow.commit()
    return changed.order


async def record(store: Store, order: Order, state: State) -> Order:
    """Write a state that the order's facts do not ask for."""
    return await save(store, Change(order=structs.replace(order, state=state)))


async def paid(store: Store, session_id: str, *, email: str = "Anna@Example.com") -> Order:
    """An order that was paid, as it should be, and whose effects went out."""
    order = await change(store, await add(store, place(email=email)), paid_event(session_id))
    await deliver_all(store)
    return order


async def deliver_all(store: Store, *, now: datetime = END) -> None:
    """Everything that is due goes out; unless told otherwise what waits for its time too, as if that had come."""
    async with store.unit_of_work() as uow:
        for delivery in await uow.outbox.lease(now=now, limit=99, lease_until=now, lease_id=uuid4()):
            await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.DELIVERED, at=now))])
        await uow.commit()


async def subscribe(store: Store, subscription_id: str, *, email: str, events: tuple[Event, ...] = ()) -> Order:
    """An order whose subscription is paid."""
    placed = await add(store, place(email=email, terms=MONTHLY))
    order = await change(store, placed, invoice_paid(subscription_id), *events)
    await deliver_all(store)
    return order


class InvariantWatchContract(PortsContract):
    """What an `InvariantWatch` must notice."""

    async def test_nothing_is_wrong_where_nothing_is(self) -> None:
        """Each invariant is named, with a count of 0."""
        assert list(await self.ports.watch.violations(NOW, LIMITS)) == [
            Violation(invariant=name, count=0) for name in INVARIANTS
        ]

    async def test_orders_that_live_as_they_should_break_nothing(self) -> None:
        """Placed, paid, redeemed, restored, refunded under dispute, and lapsed an hour ago."""
        await add(self.ports, place())
        issued = await paid(self.ports, "cs_1")
        active = await paid(self.ports, "cs_2")
        await save(self.ports, redeem(active, telegram_user_id=5, now=NOW))
        disputed = await paid(self.ports, "cs_3")
        dispute = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, payment="pi_cs_3")
        assert (await change(self.ports, disputed, dispute)).state is State.REVOKED
        await deliver_all(self.ports)
        assert await broken(self.ports.watch, NOW + 2 * 60 * MINUTE) == {}
        # Restored by e-mail, the link is on the page: no mail is owed for the new version.
        assert (
            await save(self.ports, rotate(issued, redeemed_by=None, now=NOW, cause="restore"))
        ).state is issued.state
        assert await broken(self.ports.watch, NOW) == {}
        assert await broken(self.ports.watch, END + 60 * MINUTE) == {}

    async def test_paid_order_recorded_as_anything_else_is_noticed(self) -> None:
        """While its payment covers now, and no longer."""
        lost = [
            await record(self.ports, await paid(self.ports, f"cs_{state}"), state)
            for state in (State.EXPIRED, State.PENDING)
        ]
        expected = {PAID_WITHOUT_ACCESS: (2, {str(order.id) for order in lost})}
        assert await broken(self.ports.watch, END - MINUTE) == expected
        assert await broken(self.ports.watch, END) == {}

    async def test_paid_order_to_which_no_link_is_owed_is_noticed(self) -> None:
        """Its state is right, but nobody will ever tell the customer; other effects of the order do not tell either."""
        order = await add(self.ports, place())
        lost = await save(self.ports, apply(order, paid_event("cs_1"), now=NOW, cause="test"))
        other = await paid(self.ports, "cs_2")
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([ReportSale(order_id=lost.id)], now=NOW)
            await uow.commit()
        await deliver_all(self.ports)
        assert await broken(self.ports.watch, NOW + MINUTE) == {PAID_WITHOUT_ACCESS: (1, {str(lost.id)})}
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([SendAccessEmail(order_id=lost.id, token_version=1)], now=NOW)
            await uow.commit()
        assert await broken(self.ports.watch, NOW + MINUTE) == {}
        assert other.state is State.TOKEN_ISSUED

    async def test_access_that_nobody_paid_for_is_noticed(self) -> None:
        """Never paid, or over for longer than the sweep may take."""
        free = await record(self.ports, await add(self.ports, place()), State.ACTIVE)
        assert await broken(self.ports.watch, NOW) == {ACCESS_WITHOUT_PAYMENT: (1, {str(free.id)})}
        lapsed = await paid(self.ports, "cs_1")
        assert (await broken(self.ports.watch, END + 60 * MINUTE))[ACCESS_WITHOUT_PAYMENT] == (1, {str(free.id)})
        late = await broken(self.ports.watch, END + 61 * MINUTE)
        assert late == {ACCESS_WITHOUT_PAYMENT: (2, {str(free.id), str(lapsed.id)})}

    async def test_access_of_a_refunded_order_is_noticed(self) -> None:
        """The payment is void, and yet it stands as active."""
        order = await paid(self.ports, "cs_1")
        dispute = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, payment="pi_cs_1")
        revoked = await change(self.ports, order, dispute)
        await deliver_all(self.ports)
        assert await broken(self.ports.watch, NOW) == {}
        await record(self.ports, revoked, State.ACTIVE)
        assert await broken(self.ports.watch, NOW) == {ACCESS_WITHOUT_PAYMENT: (1, {str(order.id)})}

    async def test_effect_that_is_due_for_too_long_is_noticed(self) -> None:
        """Untried (no worker runs) or tried again and again; delivered, it is well."""
        order = await paid(self.ports, "cs_1")
        untried, retried = LookUpEvent(event_id="evt_1"), SendAccessEmail(order_id=order.id, token_version=9)
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([retried], now=NOW)
            (delivery,) = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
            later = Settlement(status=DeliveryStatus.PENDING, at=NOW, due_at=NOW + timedelta(hours=5), error="421")
            await uow.outbox.settle([(delivery, later)])
            await uow.outbox.enqueue([untried], now=NOW)
            await uow.commit()
        assert await broken(self.ports.watch, NOW + 30 * MINUTE) == {}
        assert await broken(self.ports.watch, NOW + 31 * MINUTE) == {UNDELIVERED: (2, {untried.key, retried.key})}
        await deliver_all(self.ports, now=NOW + timedelta(hours=5))
        assert await broken(self.ports.watch, NOW + timedelta(hours=6)) == {}

    async def test_notice_that_must_wait_is_late_only_after_its_time(self) -> None:
        """It was written days before; and its first try, that failed just now, is no reason for alarm."""
        order = await paid(self.ports, "cs_1")
        day = NOW + timedelta(days=20)
        notice = SendNotice(
            order_id=order.id, kind=NoticeKind.ENDS_SOON, channel=NoticeChannel.EMAIL, cause="end", not_before=day
        )
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([notice], now=NOW)
            await uow.commit()
        assert await broken(self.ports.watch, day + 30 * MINUTE) == {}
        async with self.ports.unit_of_work() as uow:
            (delivery,) = await uow.outbox.lease(now=day, limit=9, lease_until=day + MINUTE, lease_id=uuid4())
            await uow.outbox.settle(
                [(delivery, Settlement(status=DeliveryStatus.PENDING, at=day, due_at=day + MINUTE, error="421"))]
            )
            await uow.commit()
        assert await broken(self.ports.watch, day + 30 * MINUTE) == {}
        assert await broken(self.ports.watch, day + 31 * MINUTE) == {UNDELIVERED: (1, {notice.key})}

    async def test_dead_letter_is_noticed_until_an_operator_has_it_retried(self) -> None:
        """From then on the row has as long as any other."""
        effect = LookUpEvent(event_id="evt_1")
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([effect], now=NOW)
            (delivery,) = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
            await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.DEAD, at=NOW, error="403"))])
            await uow.commit()
        assert await broken(self.ports.watch, NOW) == {DEAD_LETTERS: (1, {effect.key})}
        later = NOW + timedelta(days=1)
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.retry([effect.key], due_at=later)
            await uow.commit()
        assert await broken(self.ports.watch, later + 30 * MINUTE) == {}
        assert await broken(self.ports.watch, later + 31 * MINUTE) == {UNDELIVERED: (1, {effect.key})}

    async def test_skipped_effect_wanted_again_is_owed_since_then(self) -> None:
        """Not since it was wanted for the first time."""
        effect = LookUpEvent(event_id="evt_1")
        later = NOW + timedelta(days=1)
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([effect], now=NOW)
            (delivery,) = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
            await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.SKIPPED, at=NOW, error="revoked"))])
            await uow.outbox.enqueue([effect], now=later)
            await uow.commit()
        assert await broken(self.ports.watch, later + 30 * MINUTE) == {}
        assert await broken(self.ports.watch, later + 31 * MINUTE) == {UNDELIVERED: (1, {effect.key})}

    async def test_event_that_waits_too_long_for_its_order_is_noticed(self) -> None:
        """Not those that say nothing, nor those that were applied or set aside; one that finds its order is well."""
        order = await paid(self.ports, "cs_1")
        async with self.ports.unit_of_work() as uow:
            events = uow.payment_events
            for event_id in ("evt_1", "evt_2"):
                await events.add([(notification(event_id, REFUND, references=("ch_1",)), None)], received_at=NOW)
            await events.add([(notification("evt_3", references=("ch_1",)), None)], received_at=NOW)
            await events.add([(notification("evt_4", REFUND), order.id)], received_at=NOW)
            await events.set_aside("evt_2", at=NOW)
            await uow.commit()
        assert await broken(self.ports.watch, NOW + 60 * MINUTE) == {}
        assert await broken(self.ports.watch, NOW + 61 * MINUTE) == {PARKED: (1, {"evt_1"})}
        async with self.ports.unit_of_work() as uow:
            await uow.payment_events.unpark("evt_1", order.id)
            await uow.commit()
        assert await broken(self.ports.watch, NOW + 61 * MINUTE) == {}

    async def test_customer_of_two_live_subscriptions_is_noticed(self) -> None:
        """By the address, however it is spelled; until one of the two has ended, or is cancelled for its end."""
        first = await subscribe(self.ports, "sub_1", email="Anna@Example.com")
        await subscribe(self.ports, "sub_2", email="bob@example.com")
        await paid(self.ports, "cs_1")
        ended = SubscriptionEnded(subscription_id="sub_3", ended_at=NOW)
        await subscribe(self.ports, "sub_3", email="anna@example.com", events=(ended,))
        assert await broken(self.ports.watch, NOW) == {}
        planned = SubscriptionUpdated(
            subscription_id="sub_5", as_of=NOW, status=SubscriptionStatus.ACTIVE, cancels_at=NOW + 60 * MINUTE
        )
        await subscribe(self.ports, "sub_5", email="anna@example.com", events=(planned,))
        assert await broken(self.ports.watch, NOW) == {}
        second = await subscribe(self.ports, "sub_4", email="anna@EXAMPLE.com")
        assert await broken(self.ports.watch, NOW) == {TWO_SUBSCRIPTIONS: (2, {str(first.id), str(second.id)})}
        await change(self.ports, first, structs.replace(ended, subscription_id="sub_1"))
        await deliver_all(self.ports)
        assert await broken(self.ports.watch, NOW) == {}

    async def test_one_subscription_of_two_orders_is_no_second_one(self) -> None:
        """What matters is how often the customer pays."""
        for _ in range(2):
            await subscribe(self.ports, "sub_1", email="anna@example.com")
        assert await broken(self.ports.watch, NOW) == {}

    async def test_many_cases_are_counted_and_a_few_are_named(self) -> None:
        """Five; the count is of all."""
        placed = [await record(self.ports, await add(self.ports, place()), State.ACTIVE) for _ in range(7)]
        count, examples = (await broken(self.ports.watch, NOW))[ACCESS_WITHOUT_PAYMENT]
        assert (count, len(examples)) == (7, 5)
        assert examples < {str(order.id) for order in placed}
