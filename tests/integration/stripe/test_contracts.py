"""The contract of the payment provider, kept by our adapter before the sandbox's Stripe."""

from contextlib import AsyncExitStack

from litestar import Litestar

from adapters.stripe.client import StripePaymentGateway
from entrypoints.sandbox.stripe import StripeSandbox
from entrypoints.server import serving
from paywall_core.facts import Mode
from paywall_core.testing import FakeClock
from paywall_core.testing.contract import PaymentGatewayContract
from tests.integration.stripe.conftest import KEY, NOW, PRICES


class TestStripe(PaymentGatewayContract):
    """Both plans of the service."""

    plans = (("one_time_basic", Mode.ONE_TIME), ("sub_monthly", Mode.SUBSCRIPTION))

    async def set_up(self) -> None:
        """Stripe on a port, and the adapter pointed at it."""
        time, self.server, self.stack = FakeClock(NOW), AsyncExitStack(), AsyncExitStack()
        stripe = StripeSandbox(secret_key=KEY, webhook_secret="whsec_1", prices=PRICES, clock=time.now)
        app = Litestar([stripe.router], openapi_config=None)
        stripe.origin = await self.server.enter_async_context(serving(app, host="127.0.0.1", port=0, date_header=False))
        self.gateway = gateway = StripePaymentGateway(
            api_key=KEY,
            api_base=f"{stripe.origin}/stripe",
            prices={"one_time_basic": "price_once", "sub_monthly": "price_monthly"},
            public_base_url="https://pay.example.com",
            clock=time,
        )
        self.stack.push_async_callback(gateway.close)

    async def tear_down(self) -> None:
        """Close both."""
        await self.stack.aclose()
        await self.server.aclose()

    async def go_down(self) -> None:
        """Nobody listens any more."""
        await self.server.aclose()
