"""What an embedder may rely on, as types: checked from outside, over the built wheel, by mypy and by pyright."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import assert_type
from uuid import UUID

import paywall_core
from paywall_core import (
    AccessMessenger,
    AccessStatus,
    AccessTokens,
    ActivateAccess,
    ActivateAccessCommand,
    ActivationLinks,
    Channels,
    Clock,
    Conflict,
    Deliveries,
    DeliverOutbox,
    DisputeStatus,
    DisputeUpdated,
    GetAccessStatus,
    Locales,
    Mode,
    Money,
    Order,
    OrderDirectory,
    OutsideUnavailable,
    PaymentFailed,
    PaymentGateway,
    PaymentNotification,
    PaymentSucceeded,
    PaywallError,
    Period,
    Plan,
    PlanCatalogue,
    Randomness,
    RecordPayment,
    RefundStatus,
    RefundUpdated,
    RuleBroken,
    StartCheckout,
    StartCheckoutCommand,
    State,
    SubscriptionEnded,
    SweepLapsed,
    Terms,
    UnitOfWork,
)
from paywall_core.ports.delivery import AccessMessage
from paywall_core.testing import FakeClock, FakeGateway, InMemoryStore, Ports, SeededRandomness
from paywall_core.testing.contract import DatabaseContract
from paywall_core.use_cases.activate_access import GrantedAccess
from paywall_core.use_cases.deliver_outbox import RetryPolicy
from paywall_core.use_cases.record_payment import RecordedPayment
from paywall_core.use_cases.start_checkout import StartedCheckout

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class OurClock(Clock):
    """A port of the embedder's own."""

    def now(self) -> datetime:
        return NOW


class OurMail(AccessMessenger):
    """Another."""

    async def send_access(self, message: AccessMessage) -> None:
        assert_type(message.activation_link, str)


class OurDatabase(DatabaseContract):
    """The contract over an embedder's ports."""

    async def open(self) -> Ports:
        assert_type(self.ports, Ports)
        return Ports.of_store(InMemoryStore())


def values() -> None:
    """Plans, money, orders, tokens."""
    terms = Terms(mode=Mode.ONE_TIME, duration_days=30)
    assert_type(terms.duration_days, int | None)
    assert_type(terms.grace_seconds, int)
    plans = PlanCatalogue([Plan(name="anything", terms=terms)])
    assert_type(plans.find("anything", "one_time"), Plan)
    assert_type([plan.name for plan in plans], list[str])
    money = Money.of(1500, "EUR")
    assert_type(money, Money)
    assert_type(money.amount_minor, int)
    order = Order.place(
        order_id=UUID(int=1),
        email="anna@example.com",
        plan="anything",
        terms=terms,
        clickid="",
        locale="en",
        telegram_chat_id=None,
        now=NOW,
    )
    assert_type(order, Order)
    assert_type(order.state_at(NOW), State)
    assert_type(order.entitlement.access_until, datetime | None)
    assert_type(order.telegram_user_id, int | None)
    tokens = AccessTokens([b"0123456789abcdef"])
    assert_type(tokens.issue(order.id, 1), str)
    assert_type(ActivationLinks(tokens=tokens, bot_username="bot").link(order.id, 1), str)
    assert_type(Locales(supported=("en",), default="en").choose("en-GB", None), str)


def words() -> PaymentNotification:
    """What a provider may say."""
    period = Period(start=NOW, end=NOW + timedelta(days=30))
    told = PaymentNotification(
        event_id=None,
        event_type="paid",
        occurred_at=NOW,
        payload=b"",
        events=(
            PaymentSucceeded(payment_id="in_1", paid_at=NOW, period=period, subscription_id="sub_1"),
            PaymentFailed(payment_id="in_2"),
            RefundUpdated(refund_id="re_1", amount=Money.of(1, "eur"), status=RefundStatus.SUCCEEDED, payment="in_1"),
            DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, payment="in_1"),
            SubscriptionEnded(subscription_id="sub_1", ended_at=NOW),
        ),
    )
    assert_type(told.order_id, UUID | None)
    assert_type(told.references, tuple[str, ...])
    return told


async def use_cases(directory: OrderDirectory, gateway: PaymentGateway, chance: Randomness, work: UnitOfWork) -> None:
    """What each takes and gives."""
    store, clock = InMemoryStore(), FakeClock()
    start = StartCheckout(
        unit_of_work=store.unit_of_work,
        gateway=gateway,
        plans=PlanCatalogue([]),
        clock=clock,
        randomness=chance,
        locales=Locales(supported=("en",), default="en"),
    )
    command = StartCheckoutCommand(mode="one_time", plan="anything", email="anna@example.com", clickid="")
    assert_type(await start(command), StartedCheckout)
    record = RecordPayment(unit_of_work=store.unit_of_work, clock=clock)
    assert_type(await record(words()), RecordedPayment)
    assert_type(await record.together([words()]), Sequence[RecordedPayment])
    tokens = AccessTokens([b"0123456789abcdef"])
    activate = ActivateAccess(unit_of_work=lambda: work, tokens=tokens, clock=OurClock())
    granted = await activate(ActivateAccessCommand(activation_token="x", telegram_user_id=5))
    assert_type(granted, GrantedAccess)
    assert_type(granted.access_expires_at, datetime | None)
    status = await GetAccessStatus(directory=directory, clock=clock)(5)
    assert_type(status, AccessStatus)
    assert_type(status.is_paid, bool)
    assert_type(status.access_status, State | None)
    assert_type(Channels(access_mailer=OurMail()).access_mailer, AccessMessenger | None)
    assert_type(await SweepLapsed(unit_of_work=store.unit_of_work, clock=clock)(), int)
    assert_type(FakeGateway(clock), FakeGateway)
    assert_type(SeededRandomness(1).new_id(), UUID)


def delivering(deliveries: Deliveries, clock: Clock, chance: Randomness) -> None:
    """The outbox's worker."""
    worker = DeliverOutbox(
        unit_of_work=InMemoryStore().unit_of_work,
        deliveries=deliveries,
        policy=RetryPolicy(),
        clock=clock,
        randomness=chance,
    )
    assert_type(worker, DeliverOutbox)


ERRORS: tuple[type[PaywallError], ...] = (RuleBroken, Conflict, OutsideUnavailable)
assert_type(paywall_core.Plan(name="x", terms=Terms(mode=Mode.SUBSCRIPTION)).terms, Terms)
