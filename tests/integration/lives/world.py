"""The product and the sandbox's Stripe at one clock that a test moves: the real application on a real database.

Stripe sends nothing by itself here: a test holds its events and says which arrive, when, and how often.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.engine import create_engine
from adapters.db.schema import payment_events
from adapters.http.app import create_app
from entrypoints.container import Container
from entrypoints.sandbox.stripe import SandboxPrice, StripeSandbox
from entrypoints.sandbox.stripe.webhooks import signature_header
from entrypoints.server import serving
from entrypoints.settings import Role, load_settings
from paywall_core.order import Order
from paywall_core.ports.delivery import (
    AccessMessage,
    AccessMessenger,
    ClickReport,
    ClickTracker,
    CodeMessage,
    CodeMessenger,
    NoticeMessage,
    NoticeMessenger,
)
from paywall_core.ports.operations import Dossier
from paywall_core.testing import FakeClock

BEGIN: Final = datetime(2026, 1, 10, tzinfo=UTC)
"""When a life begins, at one hour or another: its periods end on the days 31, 59, 90 and 120, and a year later too."""

ONE_TIME: Final = SandboxPrice(id="price_life", product_name="Access", amount_minor=1900, currency="eur")
MONTHLY: Final = SandboxPrice(
    id="price_month", product_name="Access by the month", amount_minor=900, currency="eur", interval="month"
)
_PLANS: Final = {"one_time": "one_time_basic", "subscription": "sub_monthly"}
_STRIPE_KEY, _WEBHOOK_SECRET, INTERNAL = "sk_test_lives", "whsec_lives", "the lives' own internal token"
_ENVIRONMENT: Final = {
    "APP_PUBLIC_BASE_URL": "https://shop.example",
    "INTERNAL_API_TOKEN": INTERNAL,
    "TOKEN_SECRET": "the secret of the lives' own tokens",
    "STRIPE_SECRET_KEY": _STRIPE_KEY,
    "STRIPE_WEBHOOK_SECRET": _WEBHOOK_SECRET,
    "STRIPE_PRICE_ONE_TIME_BASIC": ONE_TIME.id,
    "STRIPE_PRICE_SUB_MONTHLY": MONTHLY.id,
    "BOT_USERNAME": "paywall_bot",
    **{f"RATE_LIMIT_{name}": "off" for name in ("CHECKOUT", "STATUS", "ACTIVATION", "RESTORE", "TRACKING")},
}


class Postbox(AccessMessenger, CodeMessenger, NoticeMessenger, ClickTracker):
    """Where everything arrives that goes out: mail, chat or tracker; keys in the order of arrival."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def send_access(self, message: AccessMessage) -> None:
        """Keep it."""
        self.keys.append(message.key)

    async def send_code(self, message: CodeMessage) -> None:
        """Keep it."""
        self.keys.append(message.key)

    async def send_notice(self, message: NoticeMessage) -> None:
        """Keep it."""
        self.keys.append(message.key)

    async def report(self, report: ClickReport) -> None:
        """Keep it."""
        self.keys.append(report.key)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A checkout that was started."""

    order_id: UUID
    session_id: str


@dataclass(frozen=True, kw_only=True)
class World:
    """The product, its Stripe, and the clock of both."""

    clock: FakeClock
    stripe: StripeSandbox
    container: Container
    client: httpx.AsyncClient
    postbox: Postbox
    engine: AsyncEngine

    def move_to(self, moment: datetime) -> None:
        """From now on it is this moment."""
        self.clock.advance(moment - self.clock.now())

    async def checkout(self, mode: str, email: str, *, chat: str) -> Started:
        """A customer presses "pay"; the real call, which asks the sandbox's Stripe for a session."""
        answer = await self.client.post(
            "/api/payment/checkout-session",
            json={
                "mode": mode,
                "plan": _PLANS[mode],
                "email": email,
                "clickid": "click",
                "locale": "en",
                "telegram_chat_id": chat,
            },
        )
        assert answer.status_code == 200, answer.text
        started = answer.json()
        return Started(order_id=UUID(started["order_id"]), session_id=started["session_id"])

    async def webhook(self, event: dict[str, Any]) -> dict[str, Any]:
        """One of Stripe's events arrives, signed; what it was answered."""
        body = msgspec.json.encode(event)
        signature = signature_header(body, secret=_WEBHOOK_SECRET, timestamp=int(self.clock.now().timestamp()))
        answer = await self.client.post(
            "/api/stripe/webhook", content=body, headers={"stripe-signature": signature}, timeout=30
        )
        assert answer.status_code == 200, f"{event['type']}: {answer.text}"
        said: dict[str, Any] = answer.json()
        return said

    async def redeem(self, order_id: UUID, user: int) -> bool:
        """The customer tries the activation link of the e-mail; whether it let them in."""
        token = self.container.tokens().issue(order_id, 1)
        answer = await self.client.post(
            "/api/access/activate", json={"activation_token": token, "telegram_user_id": user}
        )
        assert answer.status_code in (200, 403, 404, 410), answer.text
        return answer.status_code == 200

    async def access(self, user: int) -> dict[str, Any]:
        """What the bot hears of a Telegram user."""
        answer = await self.client.post(
            "/api/bot/access/status", json={"telegram_user_id": user}, headers={"X-Internal-Token": INTERNAL}
        )
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    async def dossier(self, order_id: UUID) -> Dossier:
        """All that the database holds of an order."""
        found = await self.container.database().archive.dossier(order_id)
        assert found is not None
        return found

    async def order(self, order_id: UUID) -> Order:
        """An order, as the database has it."""
        async with self.container.unit_of_work()() as uow:
            found: Order | None = await uow.orders.get(order_id)
        assert found is not None
        return found

    async def work(self) -> None:
        """What the worker does meanwhile: sweep, and deliver all that is due."""
        while await self.container.sweep_lapsed()():
            pass
        deliver = self.container.deliver_outbox()
        while due := await deliver.lease(100):
            for delivery in due:
                await deliver.deliver(delivery)

    async def waiting(self) -> int:
        """How many events never found their order: parked, or set aside as nobody's."""
        cases = or_(payment_events.c.waiting_since.is_not(None), payment_events.c.set_aside_at.is_not(None))
        async with self.engine.connect() as connection:
            return (
                await connection.execute(select(func.count()).select_from(payment_events).where(cases))
            ).scalar_one()

    async def broken(self) -> dict[str, int]:
        """The invariants that do not hold, by what is watched and by what every order's facts say."""
        check = self.container.check_invariants()
        return {one.invariant: one.count for one in (*await check(), *await check.audit()) if one.count}


@asynccontextmanager
async def stripe_running(clock: FakeClock) -> AsyncIterator[StripeSandbox]:
    """The sandbox's Stripe on a port of its own."""
    stripe = StripeSandbox(
        secret_key=_STRIPE_KEY, webhook_secret=_WEBHOOK_SECRET, prices=(ONE_TIME, MONTHLY), clock=clock.now
    )
    app = Litestar([stripe.router], openapi_config=None, logging_config=None)
    async with serving(app, host="127.0.0.1", port=0, date_header=False) as origin:
        stripe.origin = origin
        yield stripe


@asynccontextmanager
async def product_running(
    database_url: str, stripe: StripeSandbox, clock: FakeClock, **settings: str
) -> AsyncIterator[World]:
    """The product on a database that has our schema; `settings` by their names in the environment."""
    container = Container(settings=load_settings(environment(database_url, stripe) | settings, Role.SERVE))
    postbox = Postbox()
    container.clock.override(clock)
    for way in (container.mailer, container.messenger, container.click_tracker):
        way.override(postbox)
    async with AsyncExitStack() as stack:
        for part in (
            container.rate_counter(),
            container.database(),
            container.gateway(),
            container.ledger(),
            container.portal(),
        ):
            stack.push_async_callback(part.close)
        app = create_app(container.http_dependencies())
        origin = await stack.enter_async_context(serving(app, host="127.0.0.1", port=0))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=origin, trust_env=False))
        engine = create_engine(database_url)
        stack.push_async_callback(engine.dispose)
        yield World(clock=clock, stripe=stripe, container=container, client=client, postbox=postbox, engine=engine)


def environment(database_url: str, stripe: StripeSandbox) -> dict[str, str]:
    """The settings of a product on this database and with this Stripe."""
    return {**_ENVIRONMENT, "DATABASE_URL": database_url, "STRIPE_API_BASE": f"{stripe.origin}/stripe"}


def day(number: float, begin: datetime) -> datetime:
    """The moment so many days after a life's begin."""
    return begin + timedelta(days=number)
