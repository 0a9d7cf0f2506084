"""Orders, payments and words of the provider that the contract suites store, and the two steps that store them."""

from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

from paywall_core.events import Event, PaymentEvent, PaymentSucceeded, RefundUpdated
from paywall_core.facts import Mode, Period, RefundStatus, Terms
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.order import Order, apply
from paywall_core.ports.unit_of_work import UnitOfWorkFactory

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADDRESS = "anna@example.com"
"""The address of the orders that are placed here, as it is compared."""


class Store(Protocol):
    """Whatever opens transactions: `Ports` do, and so may your database."""

    @property
    def unit_of_work(self) -> UnitOfWorkFactory:
        """Gives a fresh transaction."""
        ...


ONCE = Terms(mode=Mode.ONE_TIME, duration_days=30)
MONTHLY = Terms(mode=Mode.SUBSCRIPTION, grace_seconds=3600)


def place(
    *, chat: str | None = None, at: datetime = NOW, email: str = "Anna@Example.com", terms: Terms = ONCE
) -> Order:
    """A fresh order."""
    return Order.place(
        order_id=uuid4(),
        email=email,
        plan="one_time_basic",
        terms=terms,
        clickid="click",
        locale="ru",
        telegram_chat_id=chat,
        now=at,
    )


def paid_event(session_id: str = "cs_1") -> PaymentSucceeded:
    """The payment of an order."""
    return PaymentSucceeded(
        payment_id=f"pi_{session_id}", paid_at=NOW, amount=Money.of(1500, "eur"), session_id=session_id
    )


def invoice_paid(subscription_id: str) -> PaymentSucceeded:
    """The first payment of a subscription; it pays for a month."""
    return PaymentSucceeded(
        payment_id=f"in_{subscription_id}",
        paid_at=NOW,
        amount=Money.of(500, "eur"),
        period=Period(start=NOW, end=NOW + timedelta(days=30)),
        subscription_id=subscription_id,
    )


def notification(event_id: str | None, *events: PaymentEvent, references: tuple[str, ...] = ()) -> PaymentNotification:
    """A word from the provider."""
    return PaymentNotification(
        event_id=event_id,
        event_type="charge.refunded",
        occurred_at=NOW,
        payload=b'{"id": "\xd1\x8f"}',
        references=references,
        events=events,
    )


REFUND = RefundUpdated(
    refund_id="re_1", amount=Money.of(1500, "eur"), status=RefundStatus.SUCCEEDED, payment="pi_1", charge="ch_1"
)


async def add(store: Store, order: Order) -> Order:
    """Store an order."""
    async with store.unit_of_work() as uow:
        await uow.orders.add(order)
        await uow.commit()
    return order


async def change(store: Store, order: Order, *events: Event, now: datetime = NOW) -> Order:
    """Store a change of an order."""
    changed = apply(order, *events, now=now, cause="test")
    async with store.unit_of_work() as uow:
        await uow.orders.save(changed)
        await uow.commit()
    return changed.order
