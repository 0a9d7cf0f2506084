"""The sandbox's Stripe on a real port, the official SDK, and a receiver of webhooks, for the tests beside this file."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import stripe as official
import uvicorn
from litestar import Litestar

from entrypoints.sandbox.stripe import SandboxPrice, StripeSandbox, WebhookTiming

SECRET_KEY = "sk_test_sandbox_0123456789"
WEBHOOK_SECRET = "whsec_sandbox"
ONE_TIME = SandboxPrice(id="price_one_time_basic", product_name="Basic access", amount_minor=1900, currency="eur")
MONTHLY = SandboxPrice(
    id="price_sub_monthly", product_name="Monthly access", amount_minor=900, currency="eur", interval="month"
)
ORDER_ID = "6a2d1a06-5f3d-4f3c-9c4b-3b1de3f2a111"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        """The present moment."""
        return self.moment

    def pass_(self, **amount: float) -> None:
        """Let time go by."""
        self.moment += timedelta(**amount)


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """An ASGI app on a free port; yields its origin."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none", date_header=False))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listener.close()


class Receiver:
    """A shop's webhook endpoint: checks the signature as the SDK does; answers as it is told."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = WEBHOOK_SECRET
        self.answers: list[int] = []
        self.events: list[dict[str, Any]] = []
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        """One delivery."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        event = official.Webhook.construct_event(body, headers["stripe-signature"], self.secret)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.02)  # long enough for a twin to arrive
        self.at_once -= 1
        status = self.answers.pop(0) if self.answers else 200
        self.events.append(event.to_dict())
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    @property
    def types(self) -> list[str]:
        """The types of what came, in order."""
        return [event["type"] for event in self.events]


async def until(true: Callable[[], bool], *, seconds: float = 5) -> None:
    """Wait for something, with a deadline."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture
def clock() -> Clock:
    """The sandbox's time."""
    return Clock()


@pytest.fixture
async def sandbox(clock: Clock) -> AsyncIterator[StripeSandbox]:
    """Stripe on a port."""
    stripe = StripeSandbox(
        secret_key=SECRET_KEY,
        webhook_secret=WEBHOOK_SECRET,
        prices=(ONE_TIME, MONTHLY),
        clock=clock,
        rng=random.Random(7),  # noqa: S311  - ids that are the same at each run
        timing=WebhookTiming(
            retry_after_seconds=(0.02, 0.02, 0.02), late_seconds=0.2, out_of_order_window_seconds=0.1, timeout_seconds=2
        ),
    )
    async with served(Litestar([stripe.router], openapi_config=None)) as origin:
        stripe.origin = origin
        yield stripe


@asynccontextmanager
async def sdk(sandbox: StripeSandbox, key: str = SECRET_KEY) -> AsyncIterator[official.StripeClient]:
    """The official client."""
    http = official.HTTPXClient(timeout=5)
    try:
        yield official.StripeClient(
            key, base_addresses={"api": f"{sandbox.origin}/stripe"}, http_client=http, max_network_retries=0
        )
    finally:
        await http.close_async()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped


@pytest.fixture
async def client(sandbox: StripeSandbox) -> AsyncIterator[official.StripeClient]:
    """The official client with the right key."""
    async with sdk(sandbox) as made:
        yield made


@pytest.fixture
async def browser(sandbox: StripeSandbox) -> AsyncIterator[httpx.AsyncClient]:
    """What a person's browser sends; redirects are looked at, not followed."""
    async with httpx.AsyncClient(base_url=sandbox.origin, trust_env=False) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """The shop."""
    shop = Receiver()
    async with served(shop) as origin:
        shop.url = f"{origin}/webhook"
        yield shop


def session_params(mode: str = "payment", **more: Any) -> Any:
    """What the product asks for."""
    metadata = {"order_id": ORDER_ID}
    params: dict[str, Any] = {
        "mode": mode,
        "line_items": [{"price": ONE_TIME.id if mode == "payment" else MONTHLY.id, "quantity": 1}],
        "customer_email": "buyer@example.com",
        "client_reference_id": ORDER_ID,
        "metadata": metadata,
        "locale": "ru",
        "success_url": "https://shop.example/success?session_id={CHECKOUT_SESSION_ID}&locale=ru",
        "cancel_url": "https://shop.example/cancel",
    }
    if mode == "payment":
        params |= {"payment_intent_data": {"metadata": metadata}, "customer_creation": "always"}
    else:
        params |= {"subscription_data": {"metadata": metadata}}
    return params | more


def event_types(sandbox: StripeSandbox) -> list[str]:
    """Everything that happened, oldest first."""
    return [event["type"] for event in sandbox.engine.world.all("event")]
