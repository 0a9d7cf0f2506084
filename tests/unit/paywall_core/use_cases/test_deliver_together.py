"""Deliveries that are under way at the same moment share transactions, and nothing else."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from paywall_core.errors import DeliveryFailed
from paywall_core.events import RefundUpdated
from paywall_core.facts import RefundStatus
from paywall_core.order import Order
from paywall_core.ports.delivery import AccessMessage
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus, EndedDelivery
from paywall_core.testing.repositories import InMemoryOrders, InMemoryOutbox
from paywall_core.testing.store import InMemoryStore, InMemoryUnitOfWork
from paywall_core.tracking import TrackingOutcome
from paywall_core.use_cases.deliver_outbox import DeliverOutbox
from paywall_core.use_cases.track_event import TrackFunnelCommand

from ..strategies import eur  # noqa: TID252  - the tests' own package
from .world import World

DELIVERED, SKIPPED, DEAD = DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED, DeliveryStatus.DEAD


class Counted:
    """Gives a worker its transactions, and counts them.

    Attributes:
        begun, committed: how many.
    """

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store
        self.begun = 0
        self.committed = 0

    def __call__(self) -> InMemoryUnitOfWork:
        """One more."""
        self.begun += 1
        return _Counting(self._store, self)


class _Counting(InMemoryUnitOfWork):
    def __init__(self, store: InMemoryStore, counts: Counted) -> None:
        super().__init__(store)
        self._counts = counts

    async def commit(self) -> None:
        self._counts.committed += 1
        await super().commit()


@pytest.fixture
def counted(world: World, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """The transactions of the world's worker."""
    counted = Counted(world.store)
    monkeypatch.setattr(world.outbox, "_unit_of_work", counted)
    return counted


async def mails(world: World, count: int) -> list[UUID]:
    """So many are owed, and no reminder of an end; the orders that owe them."""
    return [(await world.buy(plan="life", clickid="", telegram_chat_id="")).order_id for _ in range(count)]


async def deliver_at_once(
    outbox: DeliverOutbox, deliveries: Sequence[Delivery]
) -> list[DeliveryStatus | BaseException]:
    """As a worker does with what it leased."""
    return await asyncio.gather(*map(outbox.deliver, deliveries), return_exceptions=True)


def errors(world: World) -> list[str | None]:
    """What the rows say, in the order in which they were written."""
    return [row.error for row in world.store.outbox]


def statuses(world: World) -> list[DeliveryStatus]:
    """How the rows ended, as above."""
    return [row.status for row in world.store.outbox]


async def refund(world: World, order_id: UUID) -> None:
    """All of it."""
    event = RefundUpdated(refund_id=f"re_{order_id}", amount=eur(1500), status=RefundStatus.SUCCEEDED, payment="pi_1")
    await world.record(world.say(f"evt_{order_id}_refund", event, order_id=order_id))


async def test_mails_that_are_leased_together_cost_three_transactions(world: World, counted: Counted) -> None:
    """However many: one leases them, one prepares them (with nothing to commit), one settles them."""
    await mails(world, 6)
    leased = await world.outbox.lease(10)
    assert await deliver_at_once(world.outbox, leased) == [DELIVERED] * 6
    assert (counted.begun, counted.committed) == (3, 2)
    assert len(world.mailer.sent) == 6
    assert statuses(world) == [DELIVERED] * 6


async def test_mail_alone_costs_as_many(world: World, counted: Counted) -> None:
    """Each by itself."""
    await mails(world, 1)
    assert await world.deliver_all() == [DELIVERED]
    assert (counted.begun, counted.committed) == (3, 2)


async def test_a_worker_has_one_transaction_of_a_kind_at_a_time(world: World, counted: Counted) -> None:
    """However many wait: what they wait for would not be done sooner by two."""
    await mails(world, 40)
    leased = await world.outbox.lease(40)

    async def begin(*asked: Awaitable[object]) -> list[asyncio.Future[object]]:
        tasks: list[asyncio.Future[object]] = [asyncio.ensure_future(one) for one in asked]
        for _ in range(10):
            await asyncio.sleep(0)
        return tasks

    counted.begun = 0
    async with world.store.lock:  # so that none gets further
        tasks = await begin(world.outbox.deliver(leased[0]))
        tasks += await begin(*map(world.outbox.deliver, leased[1:20]))
        assert counted.begun == 1
        tasks += await begin(world.outbox.give_back(leased[20]))
        tasks += await begin(*map(world.outbox.give_back, leased[21:]))
        assert counted.begun == 2
    await asyncio.gather(*tasks)
    assert Counter(statuses(world)) == {DELIVERED: 20, DeliveryStatus.PENDING: 20}


async def test_the_next_are_leased_by_the_transaction_that_settles(world: World, counted: Counted) -> None:
    """A place that is free is filled by the same commit."""
    await mails(world, 3)
    first = await world.outbox.lease(1)
    counted.begun = 0
    again, _ = await asyncio.gather(world.outbox.lease(1), world.outbox.give_back(first[0]))
    assert counted.begun == 1
    assert [one.attempt for one in again] == [1]
    assert sorted(row.attempts for row in world.store.outbox) == [0, 0, 1]


async def test_what_is_not_wanted_any_more_is_skipped_among_the_others(world: World, counted: Counted) -> None:
    """In the transaction that decides it, which commits for that; the others go out."""
    orders = await mails(world, 3)
    await refund(world, orders[1])
    leased = [one for one in await world.outbox.lease(10) if one.key.startswith("access_email")]
    counted.begun = counted.committed = 0
    assert await deliver_at_once(world.outbox, leased) == [DELIVERED, SKIPPED, DELIVERED]
    assert (counted.begun, counted.committed) == (2, 2)
    assert errors(world)[:3] == [None, "the order is revoked", None]


async def test_what_names_nothing_fails_alone(world: World) -> None:
    """Its order does not exist: that is its own outcome; nobody else tries again."""
    orders = await mails(world, 3)
    del world.store.tables.orders[orders[0]]
    leased = await world.outbox.lease(10)
    assert await deliver_at_once(world.outbox, leased) == [DEAD, DELIVERED, DELIVERED]
    assert errors(world) == ["its order does not exist", None, None]


async def test_far_side_s_refusal_is_the_refused_one_s(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settled together, each as it ended."""
    orders = await mails(world, 3)
    original = world.mailer.send_access

    async def refuse(message: AccessMessage) -> None:
        if message.order_id == orders[1]:
            raise DeliveryFailed("421 busy")
        await original(message)

    monkeypatch.setattr(world.mailer, "send_access", refuse)
    leased = await world.outbox.lease(10)
    assert await deliver_at_once(world.outbox, leased) == [DELIVERED, DeliveryStatus.PENDING, DELIVERED]
    again = world.store.outbox[1]
    assert (again.error, again.attempts, again.lease_id) == ("421 busy", 1, None)
    assert again.due_at > world.clock.now()


async def test_poison_order_stops_no_other_s_mail(
    world: World, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read together is read one by one; the poison is that one's, and its lease will run out."""
    orders = await mails(world, 3)
    original = InMemoryOrders.lock

    async def lock(self: InMemoryOrders, order_ids: set[UUID]) -> object:
        if orders[1] in order_ids:
            raise LookupError
        found: dict[UUID, Order] = dict(await original(self, order_ids))
        return found

    monkeypatch.setattr(InMemoryOrders, "lock", lock)
    leased = await world.outbox.lease(10)
    counted.begun = 0
    outcomes = await deliver_at_once(world.outbox, leased)
    assert [outcomes[0], outcomes[2]] == [DELIVERED, DELIVERED]
    assert isinstance(outcomes[1], LookupError)
    assert statuses(world) == [DELIVERED, DeliveryStatus.PENDING, DELIVERED]
    assert world.store.outbox[1].lease_id is not None
    assert counted.begun == 1 + 3 + 1  # together, one by one, and what was sent is settled together


async def test_poison_outcome_stops_no_other_s(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be settled together is settled one by one; a lease that was to share it is taken all the same."""
    await mails(world, 4)
    original = InMemoryOutbox.settle
    leased = await world.outbox.lease(3)
    poison = leased[1].key

    async def settle(self: InMemoryOutbox, ended: Sequence[EndedDelivery]) -> frozenset[str]:
        if poison in {delivery.key for delivery, _ in ended}:
            raise LookupError
        return await original(self, ended)

    monkeypatch.setattr(InMemoryOutbox, "settle", settle)
    *settled, more = await asyncio.gather(
        *map(world.outbox.give_back, leased), world.outbox.lease(1), return_exceptions=True
    )
    assert [settled[0], settled[2]] == [None, None]
    assert isinstance(settled[1], LookupError)
    assert not isinstance(more, BaseException | None)
    assert len(more) == 1
    assert next(row for row in world.store.outbox if row.key == poison).lease_id == leased[1].lease_id


async def test_lost_lease_among_the_others_is_not_settled(world: World) -> None:
    """Whoever has the row now decides; the others are written, and no log says that the lost one ended."""
    for name in ("start_quiz", "block1_completed", "block2_completed"):
        await world.track_funnel(TrackFunnelCommand(status=name, clickid="c-1"))
    late = await world.outbox.lease(10)
    lost = world.store.tables.outbox[late[1].key]
    world.clock.advance(timedelta(seconds=world.policy.lease_seconds))
    world.store.tables.outbox[lost.key] = type(lost)(
        key=lost.key,
        effect=lost.effect,
        status=lost.status,
        attempts=2,
        due_at=world.clock.now() + timedelta(minutes=1),
        created_at=lost.created_at,
        first_due_at=lost.first_due_at,
        lease_id=UUID(int=9),
    )
    assert await deliver_at_once(world.outbox, late) == [DELIVERED] * 3
    assert statuses(world) == [DELIVERED, DeliveryStatus.PENDING, DELIVERED]
    assert world.store.outbox[1].lease_id == UUID(int=9)
    told = [attempt.outcome for attempt in world.store.tracking_log]
    assert told == [TrackingOutcome.DELIVERED, TrackingOutcome.QUEUED, TrackingOutcome.DELIVERED]


async def test_two_tries_of_one_row_are_settled_one_after_the_other(world: World, counted: Counted) -> None:
    """A worker that was slow finds its own next try beside it: only the one that has the lease is written."""
    await mails(world, 1)
    (late,) = await world.outbox.lease(10)
    world.clock.advance(timedelta(seconds=world.policy.lease_seconds))
    (again,) = await world.outbox.lease(10)
    counted.begun = 0
    await asyncio.gather(world.outbox.give_back(late), world.outbox.give_back(again))
    assert counted.begun == 2
    (row,) = world.store.outbox
    assert (row.attempts, row.lease_id) == (1, None)
