"""The worker's loop: delivers, survives, and gives back what it has not begun."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog

from adapters.metrics.measures import Measures
from entrypoints.chores import forgetting, hastening, sweeping, watching
from entrypoints.worker import BOUNDS, Worker
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import Lane
from paywall_core.errors import DeliveryFailed
from paywall_core.events import PaymentSucceeded
from paywall_core.facts import Mode, Terms
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.order import Order, apply
from paywall_core.ports.delivery import AccessMessage
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing import (
    FakeClickTracker,
    FakeClock,
    FakeCustomerPortal,
    FakeLedger,
    FakeMessenger,
    InMemoryStore,
    SeededRandomness,
)
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.deliveries import Channels, Deliveries
from paywall_core.use_cases.forget_challenges import ForgetChallenges
from paywall_core.use_cases.hasten_deliveries import HastenDeliveries
from paywall_core.use_cases.look_up_parked import LookUpParked
from paywall_core.use_cases.prepare_notices import NoticeChannels, Notices
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.sweep_lapsed import SweepLapsed, SweepLimits

SECRET = b"a secret of the tests"


class Setting:
    """A worker over an in-memory store."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = InMemoryStore()
        self.mailer = FakeMessenger()
        self.tracker = FakeClickTracker()
        self.measures = Measures()
        self.stop, self.awake = asyncio.Event(), asyncio.Event()
        links = ActivationLinks(tokens=AccessTokens([SECRET]), bot_username="bot")
        unit_of_work = self.store.unit_of_work
        policy = RetryPolicy(max_attempts=1)
        deliver_outbox = DeliverOutbox(
            unit_of_work=unit_of_work,
            deliveries=Deliveries(
                channels=Channels(access_mailer=self.mailer, click_tracker=self.tracker),
                notices=Notices(
                    channels=NoticeChannels(),
                    enabled=(),
                    links=links,
                    open_portal=OpenCustomerPortal(portal=FakeCustomerPortal()),
                ),
                look_up=LookUpParked(
                    unit_of_work=unit_of_work,
                    ledger=FakeLedger(),
                    record_payment=RecordPayment(unit_of_work=unit_of_work, clock=self.clock),
                    clock=self.clock,
                ),
                links=links,
                codes=OneTimeCodes([SECRET]),
            ),
            clock=self.clock,
            randomness=SeededRandomness(),
            policy=policy,
        )
        self.worker = Worker(
            deliver_outbox=deliver_outbox,
            deliver=deliver_outbox.deliver,
            chores=[
                sweeping(
                    SweepLapsed(unit_of_work=unit_of_work, clock=self.clock, limits=SweepLimits(free=2)),
                    every_seconds=0.01,
                ),
                hastening(
                    HastenDeliveries(unit_of_work=unit_of_work, clock=self.clock, policy=policy, batch_size=2),
                    every_seconds=0.01,
                ),
                forgetting(
                    "forget_challenges",
                    ForgetChallenges(unit_of_work=unit_of_work, clock=self.clock),
                    every_seconds=0.01,
                ),
                watching(
                    CheckInvariants(watch=self.store.archive, archive=self.store.archive, clock=self.clock),
                    every_seconds=0.01,
                ),
            ],
            listen=asyncio.Event.wait,
            awake=self.awake,
            measures=self.measures,
            clock=self.clock,
            poll_seconds=0.01,
        )

    async def buy(self, number: int = 1, *, days: int | None = None, clickid: str = "") -> None:
        """A paid order, for life or some days, with an e-mail owed; and a report, if it came from a click."""
        order = Order.place(
            order_id=UUID(int=number),
            email="anna@example.com",
            plan="basic",
            terms=Terms(mode=Mode.ONE_TIME, duration_days=days),
            clickid=clickid,
            locale="ru",
            telegram_chat_id=None,
            now=self.clock.now(),
        )
        paid = PaymentSucceeded(payment_id="pi", paid_at=self.clock.now())
        change = apply(order, paid, now=self.clock.now(), cause="test")
        async with self.store.unit_of_work() as uow:
            await uow.orders.add(order)
            await uow.orders.save(change)
            await uow.commit()

    async def until(self, status: DeliveryStatus) -> None:
        """Run the worker until every row has this status, then stop it."""
        running = asyncio.create_task(self.worker.run(self.stop))
        async with asyncio.timeout(5):
            while {row.status for row in self.store.outbox} != {status}:
                await asyncio.sleep(0.005)
        self.stop.set()
        await running

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the worker while the block runs."""
        running = asyncio.create_task(self.worker.run(self.stop))
        try:
            yield
        finally:
            self.stop.set()
            await running

    async def until_state(self, state: str, number: int) -> None:
        """Until an order has this state on record."""
        await eventually(lambda: self.store.tables.orders[UUID(int=number)].state == state)


async def eventually(is_true: Callable[[], bool]) -> None:
    """Until something holds, five seconds at most."""
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0.005)


@pytest.fixture
async def setting() -> Setting:
    """A fresh one."""
    return Setting()


async def test_worker_delivers_what_is_due_and_stops(setting: Setting) -> None:
    """All of it, and each once."""
    for number in range(1, 12):
        await setting.buy(number)
    await setting.until(DeliveryStatus.DELIVERED)
    assert len(setting.mailer.sent) == 11


async def test_places_that_are_free_at_once_are_filled_at_once(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty mails are due and eight travel at a time: what ends together makes room for one lease, not for eight."""
    leased: list[int] = []
    original = setting.worker._deliver_outbox.lease

    async def lease(*room: Any) -> object:
        taken = await original(*room)
        leased.append(len(taken))
        return taken

    monkeypatch.setattr(setting.worker._deliver_outbox, "lease", lease)
    for number in range(1, 41):
        await setting.buy(number)
    await setting.until(DeliveryStatus.DELIVERED)
    assert [count for count in leased if count] == [BOUNDS[Lane.MAIL]] * 5


async def test_mail_that_comes_alone_goes_out_at_the_ring(setting: Setting) -> None:
    """Without waiting for company, or for the next look."""
    setting.worker._poll_seconds = 60.0
    async with setting.working():
        await asyncio.sleep(0.02)
        await setting.buy()
        setting.awake.set()
        await eventually(lambda: len(setting.mailer.sent) == 1)


async def test_dead_letter_does_not_stop_the_worker(setting: Setting) -> None:
    """It is given up, and the loop goes on to its end."""
    await setting.buy()
    setting.mailer.failure = DeliveryFailed("no")
    await setting.until(DeliveryStatus.DEAD)


async def test_poison_row_does_not_stop_the_others(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in one delivery is logged; its lease will run out; the rest goes out."""
    await setting.buy(1)
    await setting.buy(2)
    original = setting.mailer.send_access

    async def crash(message: AccessMessage) -> None:
        if message.order_id == UUID(int=1):
            raise LookupError
        await original(message)

    monkeypatch.setattr(setting.mailer, "send_access", crash)
    running = asyncio.create_task(setting.worker.run(setting.stop))
    async with asyncio.timeout(5):
        while not setting.mailer.sent:
            await asyncio.sleep(0.005)
    setting.stop.set()
    await running
    assert [row.status for row in setting.store.outbox] == [DeliveryStatus.PENDING, DeliveryStatus.DELIVERED]


async def test_worker_sweeps_what_has_lapsed(setting: Setting) -> None:
    """The state on record becomes true."""
    await setting.buy(days=1)
    setting.clock.advance(timedelta(days=2))
    async with setting.working():
        await setting.until_state("expired", 1)


async def test_sweep_that_cannot_be_true_is_halted_loudly_and_goes_on_once_the_clock_is_right(setting: Setting) -> None:
    """A clock a year ahead: three of three would end at once. Nothing is recorded; set right, nothing ever was."""
    for number in (1, 2, 3):
        await setting.buy(number, days=30)
    setting.clock.advance(timedelta(days=365))
    with structlog.testing.capture_logs() as logs:
        async with setting.working():
            await eventually(lambda: any(line["event"] == "sweep.halted" for line in logs))
    halted = next(line for line in logs if line["event"] == "sweep.halted")
    assert (halted["lapsed"], halted["live"], halted["log_level"]) == (3, 3, "error")
    assert {order.state for order in setting.store.tables.orders.values()} == {"token_issued"}


async def test_what_a_clock_that_ran_ahead_put_off_goes_out_and_is_told_of(setting: Setting) -> None:
    """Three customers pay while it is a week ahead; set right, nobody waits a week. One warning for each batch."""
    setting.clock.advance(timedelta(days=7))
    for number in (1, 2, 3):
        await setting.buy(number)
    setting.clock.advance(timedelta(days=-7))
    with structlog.testing.capture_logs() as logs:
        await setting.until(DeliveryStatus.DELIVERED)
    told = [(line["rows"], line["log_level"]) for line in logs if line["event"] == "hasten.done"]
    assert told == [(2, "warning"), (1, "warning")]
    assert len(setting.mailer.sent) == 3


async def test_broken_invariant_is_logged_with_examples(setting: Setting) -> None:
    """What must never be is an error in the log, each round."""
    await setting.buy()
    setting.mailer.failure = DeliveryFailed("no")
    with structlog.testing.capture_logs() as logs:
        async with setting.working():
            await eventually(lambda: any(line["event"] == "invariant.broken" for line in logs))
    broken = next(line for line in logs if line["event"] == "invariant.broken")
    assert broken["invariant"] == "dead_letters"
    assert broken["examples"] == (f"access_email:{UUID(int=1)}:1",)


async def test_store_that_is_away_is_tried_again(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three failures, then everything goes out."""
    await setting.buy()
    failures = iter(range(3))
    original = setting.store.unit_of_work

    def flaky() -> object:
        if next(failures, None) is not None:
            raise OSError("the database is away")
        return original()

    monkeypatch.setattr(setting.worker._deliver_outbox, "_unit_of_work", flaky)
    await setting.until(DeliveryStatus.DELIVERED)


async def test_leased_but_not_begun_is_given_back(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to stop between the lease and the delivery, the worker returns the row, uncounted."""
    await setting.buy()
    deliver_outbox = setting.worker._deliver_outbox
    original = deliver_outbox.lease

    async def lease_then_stop(*room: Any) -> object:
        taken = await original(*room)
        setting.stop.set()
        return taken

    monkeypatch.setattr(deliver_outbox, "lease", lease_then_stop)
    await setting.worker.run(setting.stop)
    (row,) = setting.store.outbox
    assert (row.status, row.attempts, row.due_at) == (DeliveryStatus.PENDING, 0, setting.clock.now())
    assert not setting.mailer.sent
