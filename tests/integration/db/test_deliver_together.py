"""Mails that are due at the same moment share transactions: few of them, each mail its own outcome, and none lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from adapters.db.connection import Connection, SqliteConnection
from adapters.db.database import Database
from adapters.db.postgresql import PostgresConnection
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import ForwardTrackedEvent, SendAccessEmail
from paywall_core.errors import DeliveryFailed
from paywall_core.events import PaymentSucceeded, RefundUpdated
from paywall_core.facts import Mode, RefundStatus, Terms
from paywall_core.money import Money
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.order import Order, apply
from paywall_core.ports.delivery import AccessMessage
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus, EndedDelivery, Settlement
from paywall_core.testing import (
    FakeClickTracker,
    FakeClock,
    FakeCustomerPortal,
    FakeLedger,
    FakeMessenger,
    SeededRandomness,
)
from paywall_core.testing.contract.samples import NOW, place
from paywall_core.tracking import FunnelEvent, TrackingAttempt, TrackingOutcome
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.deliveries import Channels, Deliveries
from paywall_core.use_cases.look_up_parked import LookUpParked
from paywall_core.use_cases.prepare_notices import NoticeChannels, Notices
from paywall_core.use_cases.record_payment import RecordPayment

DELIVERED, SKIPPED = DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED
FOR_LIFE = Terms(mode=Mode.ONE_TIME)
PRICE = Money.of(1500, "eur")


class Post(FakeMessenger):
    """Mails take a moment, each its own; how often each went out is counted."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._chance = random.Random(seed)  # noqa: S311  - how long a mail takes

    async def send_access(self, message: AccessMessage) -> None:
        """A few turns of the loop."""
        for _ in range(self._chance.randrange(5)):
            await asyncio.sleep(0)
        await super().send_access(message)

    @property
    def sent_of(self) -> Counter[UUID]:
        """How many mails went out for each order."""
        return Counter(message.order_id for message in self.sent)


def worker(database: Database, clock: FakeClock, post: FakeMessenger, *, seed: int = 0) -> DeliverOutbox:
    """A process's own."""
    uow = database.unit_of_work
    links = ActivationLinks(tokens=AccessTokens([b"a secret of the tests"]), bot_username="bot")
    record = RecordPayment(unit_of_work=uow, clock=clock)
    return DeliverOutbox(
        unit_of_work=uow,
        deliveries=Deliveries(
            channels=Channels(access_mailer=post, click_tracker=FakeClickTracker()),
            notices=Notices(
                channels=NoticeChannels(),
                enabled=(),
                links=links,
                open_portal=OpenCustomerPortal(portal=FakeCustomerPortal()),
            ),
            look_up=LookUpParked(unit_of_work=uow, ledger=FakeLedger(), record_payment=record, clock=clock),
            links=links,
            codes=OneTimeCodes([b"a secret of the tests"]),
        ),
        clock=clock,
        randomness=SeededRandomness(seed),
        policy=RetryPolicy(),
    )


@pytest.fixture
def clock() -> FakeClock:
    """It stands still."""
    return FakeClock(NOW)


@pytest.fixture
def post() -> Post:
    """It takes every mail."""
    return Post()


async def owe_mails(database: Database, count: int) -> list[UUID]:
    """So many customers have paid, and none has had the mail yet; their orders."""
    orders = [place(email=f"anna{number}@example.com", terms=FOR_LIFE) for number in range(count)]
    async with database.unit_of_work() as uow:
        for order in orders:
            paid = PaymentSucceeded(payment_id=f"pi_{order.id}", paid_at=NOW, amount=PRICE)
            change = apply(order, paid, now=NOW, cause="test")
            await uow.orders.add(order)
            mail = SendAccessEmail(order_id=order.id, token_version=1)
            await uow.orders.save(structs.replace(change, effects=(mail,)))
        await uow.commit()
    return [order.id for order in orders]


async def refund(database: Database, order_id: UUID) -> None:
    """All of it; the notice of it is left out, for it is no mail that these tests look at."""
    async with database.unit_of_work() as uow:
        order = await uow.orders.get(order_id, for_update=True)
        assert isinstance(order, Order)
        event = RefundUpdated(
            refund_id=f"re_{order_id}", amount=PRICE, status=RefundStatus.SUCCEEDED, payment=f"pi_{order_id}"
        )
        change = apply(order, event, now=NOW, cause="test")
        await uow.orders.save(structs.replace(change, effects=()))
        await uow.commit()


async def rows(database: Database) -> dict[str, tuple[str, str | None]]:
    """How each row of the outbox ended, and why, by its key."""
    async with database.pool.reading() as connection:
        sql = "SELECT key, status, last_error FROM outbox"
        if isinstance(connection, SqliteConnection):
            found: Any = await connection.raw.execute_fetchall(sql)
        else:
            found = await connection.raw.fetch(sql)
    return {key: (status, error) for key, status, error in found}


async def execute(database: Database, sql: str) -> None:
    """Change something behind everybody's back."""
    async with database.pool.writing() as connection:
        await connection.run(sql)


async def at_once(outbox: DeliverOutbox, leased: Sequence[Delivery]) -> dict[str, DeliveryStatus | BaseException]:
    """Deliver as the worker does; what came of each, by its key."""
    outcomes = await asyncio.gather(*map(outbox.deliver, leased), return_exceptions=True)
    return {delivery.key: outcome for delivery, outcome in zip(leased, outcomes, strict=True)}


def key_of(order_id: UUID) -> str:
    """Of its mail."""
    return SendAccessEmail(order_id=order_id, token_version=1).key


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is said to the database from now on, by its kind."""
    counted: Counter[str] = Counter()

    def count(of: type, name: str) -> None:
        real = getattr(of, name)

        async def counting(self: Any, *arguments: Any) -> Any:
            counted[name if name in ("begin", "commit") else "statement"] += 1
            return await real(self, *arguments)

        monkeypatch.setattr(of, name, counting)

    for name in ("begin", "commit", "all", "change", "each"):
        count(SqliteConnection, name)
        count(PostgresConnection, name)
    return counted


@pytest.mark.parametrize("count", [1, 8, 50])
async def test_trips_do_not_grow_with_the_mails(
    database: Database, clock: FakeClock, trips: Counter[str], count: int
) -> None:
    """Three transactions, two commits, four statements: find and lease, lock, settle."""
    await owe_mails(database, count)
    post = FakeMessenger()
    outbox = worker(database, clock, post)
    trips.clear()
    leased = await outbox.lease(99)
    assert set((await at_once(outbox, leased)).values()) == {DELIVERED}
    assert trips == {"begin": 3, "commit": 2, "statement": 4}
    assert len(post.sent) == count


async def test_what_is_not_wanted_any_more_is_skipped_among_the_others(
    database: Database, clock: FakeClock, post: Post
) -> None:
    """One was refunded between the lease and its turn: it gets no mail, its neighbours do."""
    orders = await owe_mails(database, 4)
    outbox = worker(database, clock, post)
    leased = await outbox.lease(99)
    await refund(database, orders[1])
    outcomes = await at_once(outbox, leased)
    assert outcomes == {key_of(one): SKIPPED if one == orders[1] else DELIVERED for one in orders}
    assert await rows(database) == {
        key_of(one): ("skipped", "the order is revoked") if one == orders[1] else ("delivered", None) for one in orders
    }
    assert post.sent_of == {one: 1 for one in orders if one != orders[1]}


async def test_poison_order_stops_no_other_s_mail(database: Database, clock: FakeClock, post: Post) -> None:
    """What is stored of one cannot be read: the others are prepared one by one, and its lease will run out."""
    orders = await owe_mails(database, 4)
    outbox = worker(database, clock, post)
    leased = await outbox.lease(99)
    poisoned = "UPDATE orders SET facts = 'poison' WHERE email_key = 'anna2@example.com'"
    await execute(database, poisoned)
    outcomes = await at_once(outbox, leased)
    assert isinstance(outcomes.pop(key_of(orders[2])), ValueError)
    assert list(outcomes.values()) == [DELIVERED] * 3
    assert (await rows(database))[key_of(orders[2])] == ("pending", None)
    assert post.sent_of == {one: 1 for one in orders if one != orders[2]}


async def test_outcome_that_cannot_be_written_stops_no_other_s(
    database: Database, clock: FakeClock, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No database takes half of a character: the rest of the group is settled, one by one."""
    orders = await owe_mails(database, 4)
    outbox = worker(database, clock, post)
    leased = await outbox.lease(99)
    original = post.send_access

    async def refuse(message: AccessMessage) -> None:
        if message.order_id == orders[0]:
            raise DeliveryFailed("\ud800")
        await original(message)

    monkeypatch.setattr(post, "send_access", refuse)
    outcomes = await at_once(outbox, leased)
    assert isinstance(outcomes.pop(key_of(orders[0])), UnicodeEncodeError)
    assert list(outcomes.values()) == [DELIVERED] * 3
    assert Counter(status for status, _ in (await rows(database)).values()) == {"delivered": 3, "pending": 1}


async def test_lost_lease_among_the_others_is_not_settled(database: Database, clock: FakeClock, post: Post) -> None:
    """Nor does the log of its event say that it ended; the others are settled, and their logs say so."""
    attempts = [
        TrackingAttempt(
            id=UUID(int=number),
            received_at=NOW,
            event=FunnelEvent(name="start_quiz", clickid="click"),
            outcome=TrackingOutcome.QUEUED,
        )
        for number in (1, 2, 3)
    ]
    async with database.unit_of_work() as uow:
        for attempt in attempts:
            await uow.tracking_log.add(attempt)
        await uow.outbox.enqueue([ForwardTrackedEvent(attempt_id=attempt.id) for attempt in attempts], now=NOW)
        await uow.commit()
    outbox = worker(database, clock, post)
    leased = await outbox.lease(99)
    lost = ForwardTrackedEvent(attempt_id=attempts[1].id).key
    await execute(database, f"UPDATE outbox SET lease_id = NULL WHERE key = '{lost}'")  # noqa: S608  - our own key
    assert set((await at_once(outbox, leased)).values()) == {DELIVERED}
    assert (await rows(database))[lost] == ("pending", None)
    async with database.unit_of_work() as uow:
        found = [await uow.tracking_log.find(attempt.id) for attempt in attempts]
    told = [one and one.outcome for one in found]
    assert told == [TrackingOutcome.DELIVERED, TrackingOutcome.QUEUED, TrackingOutcome.DELIVERED]


@pytest.mark.parametrize("seed", range(3))
async def test_two_workers_send_each_mail_once(
    database: Database, database_url: str, clock: FakeClock, trips: Counter[str], seed: int
) -> None:
    """While orders are refunded beneath them: whoever was refunded before their turn gets none, all others one."""
    orders = await owe_mails(database, 60)
    other = Database(database_url)
    posts = [Post(seed), Post(seed + 10)]
    workers = [
        worker(one, clock, post, seed=number)
        for number, (one, post) in enumerate(zip((database, other), posts, strict=True))
    ]
    trips.clear()

    async def work(outbox: DeliverOutbox) -> None:
        while leased := await outbox.lease(7):
            assert all(isinstance(one, DeliveryStatus) for one in (await at_once(outbox, leased)).values())

    async def change_their_minds() -> None:
        for order_id in orders[::6]:
            await refund(database, order_id)

    await asyncio.gather(*(work(outbox) for outbox in workers for _ in range(2)), change_their_minds())
    await other.close()
    ended = await rows(database)
    sent = posts[0].sent_of + posts[1].sent_of
    assert len(ended) == len(orders)
    assert {ended[key_of(one)][0] for one in orders} <= {"delivered", "skipped"}
    assert sent == {one: 1 for one in orders if ended[key_of(one)][0] == "delivered"}
    assert {one for one in orders if ended[key_of(one)][0] == "skipped"} <= set(orders[::6])
    assert trips["begin"] < 2 * len(orders)


# PostgreSQL, which locks rows.

ON_POSTGRESQL = pytest.mark.parametrize("engine_name", ["postgresql"])


async def settle(database: Database, ended: Sequence[EndedDelivery]) -> frozenset[str]:
    """In one transaction."""
    async with database.unit_of_work() as uow:
        settled = await uow.outbox.settle(ended)
        await uow.commit()
    return settled


async def somebody_waits(connection: Connection) -> None:
    """Until a transaction waits for a row."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(5):
        while not await connection.raw.fetchval(sql):
            await asyncio.sleep(0.01)
            await connection.run("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first


@ON_POSTGRESQL
async def test_rows_are_locked_in_the_order_of_their_keys(database: Database, clock: FakeClock, post: Post) -> None:
    """Whoever waits for the first has none of the others: two that write the same keys cannot lock crosswise."""
    await owe_mails(database, 20)
    leased = sorted(await worker(database, clock, post).lease(99), key=lambda delivery: delivery.key)
    async with database.pool.writing() as connection:
        hold = "SELECT FROM outbox WHERE key = $1 FOR UPDATE NOWAIT"
        await connection.raw.execute(hold, leased[0].key)
        done = Settlement(status=DELIVERED, at=NOW)
        settling = asyncio.ensure_future(settle(database, [(delivery, done) for delivery in reversed(leased)]))
        await somebody_waits(connection)
        for delivery in leased[1:]:
            await connection.raw.execute(hold, delivery.key)
    assert await settling == {delivery.key for delivery in leased}


@ON_POSTGRESQL
async def test_deadlock_ends_in_being_settled_one_by_one(
    database: Database, clock: FakeClock, post: Post, trips: Counter[str]
) -> None:
    """The database breaks it by giving us up; nothing is lost, and nobody is told."""
    orders = await owe_mails(database, 5)
    outbox = worker(database, clock, post)
    leased = await outbox.lease(99)
    first, *_, last = sorted(delivery.key for delivery in leased)
    async with database.pool.writing() as connection:
        hold = "SELECT FROM outbox WHERE key = $1 FOR UPDATE"
        await connection.run("SET LOCAL deadlock_timeout = '1min'")  # we are the one who finds it, and is given up
        await connection.raw.execute(hold, last)
        trips.clear()
        delivering = asyncio.ensure_future(at_once(outbox, leased))
        await somebody_waits(connection)
        await connection.raw.execute(hold, first)
    assert set((await delivering).values()) == {DELIVERED}
    assert set((await rows(database)).values()) == {("delivered", None)}
    assert post.sent_of == dict.fromkeys(orders, 1)
    assert trips["begin"] >= 2 + len(orders)  # prepared, settled together, and one by one
