"""The outside world as one thing: Stripe, Telegram, trackers and their console on one port, SMTP on another.

All of it is bound to 127.0.0.1 and runs in the caller's event loop. It knows the product only as a URL, a feed of its
orders for the console, and the settings that lead the product here.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from email.utils import formatdate
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec
from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.types import BeforeMessageSendHookHandler, Message, Scope

from entrypoints.sandbox.clock import MovableClock, utc_now
from entrypoints.sandbox.console.routes import console_router
from entrypoints.sandbox.console.views import ConsoleParts, OrdersFeed
from entrypoints.sandbox.mailbox import Mailbox
from entrypoints.sandbox.passage import Passage
from entrypoints.sandbox.stripe import SandboxPrice, StripeSandbox, WebhookTiming
from entrypoints.sandbox.telegram import TelegramSandbox
from entrypoints.sandbox.trackers import Trackers
from entrypoints.sandbox.troubles import Troubles
from entrypoints.server import serving
from paywall_core.ports.clock import Clock

HOST: Final = "127.0.0.1"
_MAX_BODY_BYTES: Final = 1024 * 1024
BOT_USERNAME: Final = "paywall_sandbox_bot"
PIXEL_ID: Final = "100000000000001"
ONE_TIME_BASIC: Final = SandboxPrice(
    id="price_sandbox_one_time_basic", product_name="Paywall Basic", amount_minor=1900, currency="eur", interval=None
)
SUB_MONTHLY: Final = SandboxPrice(
    id="price_sandbox_sub_monthly", product_name="Paywall Monthly", amount_minor=900, currency="eur", interval="month"
)


class WorldKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets that the outside world and the product share. They are worth nothing outside this machine."""

    stripe_secret_key: str
    stripe_webhook_secret: str
    bot_token: str
    bot_webhook_secret: str
    meta_access_token: str
    token_secret: str
    internal_api_token: str

    @classmethod
    def random(cls) -> Self:
        """New ones."""
        return cls(
            stripe_secret_key=f"sk_test_{secrets.token_hex(24)}",
            stripe_webhook_secret=f"whsec_{secrets.token_hex(24)}",
            bot_token=f"123456789:{secrets.token_urlsafe(26)}",
            bot_webhook_secret=secrets.token_hex(16),
            meta_access_token=secrets.token_hex(24),
            token_secret=secrets.token_hex(32),
            internal_api_token=secrets.token_hex(24),
        )

    def __repr__(self) -> str:
        return "WorldKeys(...)"


class _ClockOf(Clock):
    """A function that tells the time, as the port that Telegram asks for."""

    def __init__(self, tell: Callable[[], datetime]) -> None:
        self._tell = tell

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return self._tell()


def _dated_by(tell: Callable[[], datetime]) -> BeforeMessageSendHookHandler:
    """The hook that dates every answer by this clock, as Stripe's API dates its own; the server dates none."""

    async def add(message: Message, _scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            headers.setdefault("Date", formatdate(tell().timestamp(), usegmt=True))

    return add


class OutsideWorld:
    """Everything that the product talks to; made by `start`.

    async with OutsideWorld.start() as world:
        environ = world.product_environment(product_url="http://127.0.0.1:8000")
        ...  # start the product with it
        async with world.webhooks_to("http://127.0.0.1:8000"):
            ...
    """

    def __init__(
        self,
        *,
        troubles: Troubles,
        stripe: StripeSandbox,
        telegram: TelegramSandbox,
        mailbox: Mailbox,
        trackers: Trackers,
        keys: WorldKeys,
        orders_feed: OrdersFeed | None = None,
        passage: Passage | None = None,
    ) -> None:
        self.troubles = troubles
        self.stripe = stripe
        self.telegram = telegram
        self.mailbox = mailbox
        self.trackers = trackers
        self.keys = keys
        self.passage = passage
        """How its time is moved; None where it runs by a clock that somebody else moves."""
        self.origin = ""
        """Where all pages and HTTP APIs are, `http://127.0.0.1:<port>`; set while it runs."""
        self.smtp_port = 0
        """Where mail goes; set while it runs."""
        self._console = ConsoleParts(
            troubles=troubles,
            stripe=stripe,
            telegram=telegram,
            mailbox=mailbox,
            trackers=trackers,
            clock=stripe.engine.world.clock,
            passage=passage,
            orders_feed=orders_feed,
        )

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        http_port: int = 0,
        smtp_port: int = 0,
        keys: WorldKeys | None = None,
        orders_feed: OrdersFeed | None = None,
        clock: MovableClock | Callable[[], datetime] = utc_now,
        webhook_timing: WebhookTiming | None = None,
    ) -> AsyncIterator[Self]:
        """Run it while the block runs.

        Args:
            http_port: of the pages and HTTP APIs; 0 is any free one.
            smtp_port: of the mail; 0 is any free one.
            keys: kept ones; new ones by default.
            orders_feed: what the console shows of the product.
            clock: everybody's time, the product's too. A `MovableClock` is moved by the console's buttons and by
                `passage`; whoever moves another one calls `stripe.engine.catch_up()` to let Stripe act.
            webhook_timing: of Stripe's webhooks.

        Raises:
            OSError: a port is taken.
        """
        keys = keys or WorldKeys.random()
        troubles = Troubles()
        tell = clock.now if isinstance(clock, MovableClock) else clock
        stripe = StripeSandbox(
            secret_key=keys.stripe_secret_key,
            webhook_secret=keys.stripe_webhook_secret,
            prices=(ONE_TIME_BASIC, SUB_MONTHLY),
            troubles=troubles,
            clock=tell,
            timing=webhook_timing,
        )
        world = cls(
            troubles=troubles,
            stripe=stripe,
            telegram=TelegramSandbox(
                bot_token=keys.bot_token, bot_username=BOT_USERNAME, troubles=troubles, clock=_ClockOf(tell)
            ),
            mailbox=Mailbox(troubles=troubles, clock=tell),
            trackers=Trackers(pixel_id=PIXEL_ID, access_token=keys.meta_access_token, troubles=troubles, clock=tell),
            keys=keys,
            orders_feed=orders_feed,
            passage=Passage(clock, stripe) if isinstance(clock, MovableClock) else None,
        )
        async with world.running(http_port=http_port, smtp_port=smtp_port):
            yield world

    @asynccontextmanager
    async def running(self, *, http_port: int = 0, smtp_port: int = 0) -> AsyncIterator[None]:
        """Serve while the block runs.

        Raises:
            OSError: a port is taken.
        """
        async with AsyncExitStack() as stack:
            self.smtp_port = await stack.enter_async_context(self.mailbox.receiving(smtp_port))
            self.origin = await stack.enter_async_context(
                serving(self.app(), host=HOST, port=http_port, date_header=False)
            )
            self.stripe.origin = self.origin
            # Entered last, so that open long polls end before the server waits for them.
            await stack.enter_async_context(self.telegram.running())
            yield

    def app(self) -> Litestar:
        """The application with every HTTP face of the outside world."""
        return Litestar(
            route_handlers=[
                console_router(self._console),
                self.mailbox.router,
                self.trackers.router,
                self.stripe.router,
                self.telegram.router,
            ],
            before_send=[_dated_by(self.stripe.engine.world.clock)],
            openapi_config=None,
            logging_config=None,  # logs are set up once, by the process
            request_max_body_size=_MAX_BODY_BYTES,
        )

    @asynccontextmanager
    async def webhooks_to(self, product_url: str) -> AsyncIterator[None]:
        """Within, the console leads to this product, and Stripe's events go to it."""
        base = product_url.rstrip("/")
        self._console.product_url = base
        async with self.stripe.webhooks_to(f"{base}/api/stripe/webhook"):
            yield

    def show_orders(self, feed: OrdersFeed | None) -> None:
        """From now on the console shows these orders."""
        self._console.orders_feed = feed

    def product_environment(self, *, product_url: str) -> dict[str, str]:
        """The settings that lead a product process at `product_url` to this world; the database is not among them.

        Raises:
            RuntimeError: the world does not run.
        """
        if not self.origin:
            raise RuntimeError("the outside world has no address before it runs")
        address = urlsplit(product_url)
        return {
            "APP_PUBLIC_BASE_URL": product_url,
            "API_INTERNAL_BASE_URL": product_url,
            "HTTP_HOST": address.hostname or HOST,
            "HTTP_PORT": str(address.port or 80),
            "INTERNAL_API_TOKEN": self.keys.internal_api_token,
            "TOKEN_SECRET": self.keys.token_secret,
            "STRIPE_SECRET_KEY": self.keys.stripe_secret_key,
            "STRIPE_WEBHOOK_SECRET": self.keys.stripe_webhook_secret,
            "STRIPE_API_BASE": f"{self.origin}/stripe",
            "STRIPE_PRICE_ONE_TIME_BASIC": ONE_TIME_BASIC.id,
            "STRIPE_PRICE_SUB_MONTHLY": SUB_MONTHLY.id,
            "BOT_TOKEN": self.keys.bot_token,
            "BOT_USERNAME": BOT_USERNAME,
            "BOT_WEBHOOK_SECRET": self.keys.bot_webhook_secret,
            "TELEGRAM_API_BASE": f"{self.origin}/telegram",
            "TELEGRAM_LINK_BASE": f"{self.origin}/t.me",
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self.smtp_port),
            "SMTP_STARTTLS": "false",
            "SMTP_FROM": "Paywall <access@paywall.test>",
            "META_PIXEL_ID": PIXEL_ID,
            "META_ACCESS_TOKEN": self.keys.meta_access_token,
            "META_API_BASE": f"{self.origin}/trackers/meta",
            "MOBI_SLON_POSTBACK_URL": (
                f"{self.origin}/trackers/mobi-slon/index.php?cnv_id={{clickid}}&payout=0&cnv_status={{status}}"
            ),
        }
