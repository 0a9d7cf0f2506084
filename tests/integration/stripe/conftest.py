"""Stripe's side, over HTTP, for the tests beside this file."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias
from uuid import UUID

import pytest
from litestar import Litestar

from adapters.stripe.client import StripePaymentGateway
from adapters.stripe.ledger import StripeLedger
from entrypoints.sandbox.stripe import SandboxPrice, StripeSandbox
from entrypoints.server import serving
from paywall_core.facts import Mode
from paywall_core.ports.payments import CheckoutRequest
from paywall_core.testing import FakeClock

Buy: TypeAlias = Callable[[Mode], Awaitable[str]]
ORDER: Final = UUID(int=7)
KEY: Final = "sk_test_0123456789"
NOW: Final = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PRICES: Final = (
    SandboxPrice(id="price_once", product_name="Basic", amount_minor=1900, currency="eur"),
    SandboxPrice(id="price_monthly", product_name="Monthly", amount_minor=900, currency="eur", interval="month"),
)


@pytest.fixture
def time() -> FakeClock:
    """Everybody's: Stripe's and ours."""
    return FakeClock(NOW)


@pytest.fixture
async def timed_stripe(time: FakeClock) -> AsyncIterator[StripeSandbox]:
    """The sandbox's Stripe on a port, living by the clock that is moved by hand."""
    stripe = StripeSandbox(secret_key=KEY, webhook_secret="whsec_1", prices=PRICES, clock=time.now)
    app = Litestar([stripe.router], openapi_config=None)
    async with serving(app, host="127.0.0.1", port=0, date_header=False) as origin:
        stripe.origin = origin
        yield stripe


@pytest.fixture
async def buy(timed_stripe: StripeSandbox, time: FakeClock) -> AsyncIterator[Buy]:
    """Buys through our gateway, as a customer of ours does; gives the session's id."""
    gateway = StripePaymentGateway(
        api_key=KEY,
        api_base=f"{timed_stripe.origin}/stripe",
        prices={"one_time_basic": "price_once", "sub_monthly": "price_monthly"},
        public_base_url="https://pay.example.com",
        clock=time,
    )

    async def buy(mode: Mode) -> str:
        plan = "one_time_basic" if mode is Mode.ONE_TIME else "sub_monthly"
        request = CheckoutRequest(order_id=ORDER, plan=plan, mode=mode, email="buyer@example.com", locale="en")
        session_id = (await gateway.open_checkout(request)).session_id
        timed_stripe.engine.pay(session_id)
        return session_id

    yield buy
    await gateway.close()


@pytest.fixture
async def ledger(timed_stripe: StripeSandbox, time: FakeClock) -> AsyncIterator[StripeLedger]:
    """Ours, asking the sandbox's Stripe."""
    ledger = StripeLedger(
        api_key=KEY, public_base_url="https://pay.example.com", api_base=f"{timed_stripe.origin}/stripe", clock=time
    )
    yield ledger
    await ledger.close()
