"""A shop with a past, for the tests of the operator's commands: filled by the use cases, some of it long ago."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID, uuid4

from entrypoints.container import Container
from entrypoints.processes import opened
from entrypoints.settings import Role, load_settings
from paywall_core.events import PaymentEvent, PaymentSucceeded, RefundUpdated
from paywall_core.facts import Period, RefundStatus
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.testing import FakeClock, FakeGateway
from paywall_core.use_cases.activate_access import ActivateAccessCommand
from paywall_core.use_cases.start_checkout import StartCheckoutCommand

TOKEN_SECRET: Final = "a-token-secret-of-the-tests-of-commands"
ANNA, CARL = 1001, 1003
PRICE: Final = Money.of(1900, "eur")
ENVIRON: Final = {
    "APP_PUBLIC_BASE_URL": "https://pay.example.com",
    "INTERNAL_API_TOKEN": "an-internal-token-of-the-tests-of-commands",
    "TOKEN_SECRET": TOKEN_SECRET,
    "STRIPE_SECRET_KEY": "sk_test_of_the_tests_of_commands",
    "STRIPE_WEBHOOK_SECRET": "whsec_of_the_tests_of_commands",
    "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
    "STRIPE_PRICE_SUB_MONTHLY": "price_2",
    "BOT_USERNAME": "paywall_bot",
    "ONE_TIME_BASIC_DAYS": "30",
}


class Shop:
    """Customers come, pay and go, each at a moment of the past."""

    def __init__(self, container: Container, clock: FakeClock) -> None:
        self._container = container
        self._clock = clock
        self._numbers = count(1)
        self.tokens: list[str] = []
        """Every activation token that somebody was given."""

    def at(self, *, days_ago: float) -> None:
        """Let it be then."""
        self._clock.advance(datetime.now(UTC) - timedelta(days=days_ago) - self._clock.now())

    async def order(self, email: str, *, chat: int | None = None, subscription: bool = False) -> UUID:
        """Somebody begins a checkout."""
        started = await self._container.start_checkout()(
            StartCheckoutCommand(
                mode="subscription" if subscription else "one_time",
                plan="sub_monthly" if subscription else "one_time_basic",
                email=email,
                clickid="click-1",
                locale="en",
                telegram_chat_id=None if chat is None else str(chat),
            )
        )
        return started.order_id

    async def buy(self, email: str, *, name: str, chat: int | None = None, subscription: bool = False) -> UUID:
        """Somebody begins a checkout and pays; Stripe's ids end in the name."""
        order_id = await self.order(email, chat=chat, subscription=subscription)
        now = self._clock.now()
        paid = PaymentSucceeded(
            payment_id=f"in_{name}" if subscription else f"pi_{name}",
            paid_at=now,
            amount=PRICE,
            period=Period(start=now, end=now + timedelta(days=30)) if subscription else None,
            subscription_id=f"sub_{name}" if subscription else None,
        )
        references = (f"in_{name}", f"sub_{name}") if subscription else (f"pi_{name}", f"ch_{name}")
        await self.hear("invoice.paid" if subscription else "checkout.session.completed", order_id, references, paid)
        self.tokens.append(self._container.tokens().issue(order_id, 1))
        return order_id

    async def hear(self, event_type: str, order_id: UUID, references: tuple[str, ...], *events: PaymentEvent) -> None:
        """Stripe says something about an order."""
        await self._container.record_payment()(
            PaymentNotification(
                event_id=f"evt_{uuid4().hex[:16]}",
                event_type=event_type,
                occurred_at=self._clock.now(),
                payload=b"{}",
                order_id=order_id,
                references=references,
                events=events,
            )
        )

    async def refund(self, order_id: UUID, *, name: str) -> None:
        """All money goes back."""
        refund = RefundUpdated(
            refund_id=f"re_{name}",
            amount=PRICE,
            status=RefundStatus.SUCCEEDED,
            payment=f"pi_{name}",
            charge=f"ch_{name}",
        )
        await self.hear("refund.created", order_id, (f"pi_{name}", f"ch_{name}"), refund)

    async def redeem(self, order_id: UUID, user: int) -> None:
        """The link is pressed in Telegram."""
        token = self._container.tokens().issue(order_id, 1)
        await self._container.activate_access()(ActivateAccessCommand(activation_token=token, telegram_user_id=user))

    async def deliver_all(self) -> None:
        """Everything that is due arrives."""
        await self._settle(DeliveryStatus.DELIVERED, None)

    async def give_up_all(self, error: str) -> None:
        """Everything that is due is tried once and given up."""
        await self._settle(DeliveryStatus.DEAD, error)

    async def _settle(self, status: DeliveryStatus, error: str | None) -> None:
        now = self._clock.now()
        async with self._container.database().unit_of_work() as uow:
            while rows := await uow.outbox.lease(now=now, limit=100, lease_until=now, lease_id=uuid4()):
                for row in rows:
                    await uow.outbox.settle([(row, Settlement(status=status, at=now, error=error))])
            await uow.commit()


@asynccontextmanager
async def shop_on(database_url: str) -> AsyncIterator[Shop]:
    """The shop on a database with our schema, with a provider that is a fake."""
    clock = FakeClock(datetime.now(UTC))
    settings = load_settings({**ENVIRON, "DATABASE_URL": database_url}, Role.SERVE)
    async with opened(settings, clock) as container:
        container.gateway.override(FakeGateway(clock))
        yield Shop(container, clock)


class Past:
    """The orders that `with_a_past` makes."""

    def __init__(self, anna: UUID, bob: UUID, carl: tuple[UUID, UUID], dora: UUID, tokens: list[str]) -> None:
        self.anna, self.bob, self.carl, self.dora = anna, bob, carl, dora
        self.tokens = tokens


async def with_a_past(database_url: str) -> Past:
    """Anna has access, Bob's link was never delivered, Carl came twice, Dora has her money back."""
    async with shop_on(database_url) as shop:
        shop.at(days_ago=10)
        anna = await shop.buy("Anna.Petrova@example.com", name="anna", chat=ANNA)
        await shop.deliver_all()
        await shop.redeem(anna, ANNA)
        shop.at(days_ago=8)
        dora = await shop.buy("dora@example.com", name="dora")
        await shop.deliver_all()
        shop.at(days_ago=6)
        await shop.refund(dora, name="dora")
        await shop.deliver_all()
        shop.at(days_ago=45)
        first = await shop.buy("carl@example.com", name="carl1")
        await shop.deliver_all()
        await shop.redeem(first, CARL)
        shop.at(days_ago=1)
        second = await shop.buy("carl@example.com", name="carl2", subscription=True)
        await shop.redeem(second, CARL)
        await shop.deliver_all()
        shop.at(days_ago=0.5)
        bob = await shop.buy("bob@example.com", name="bob")
        await shop.give_up_all("SMTP 535: authentication failed")
        shop.at(days_ago=0.1)
        await shop.order("eve@example.com")
        return Past(anna, bob, (first, second), dora, shop.tokens)
