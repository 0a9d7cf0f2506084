"""The sandbox's Stripe as one thing: made without I/O, mounted into an app, asked for its state."""

import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

from litestar import Router

from entrypoints.sandbox.clock import utc_now
from entrypoints.sandbox.stripe.api import StripeApi
from entrypoints.sandbox.stripe.catalogue import Document, SandboxPrice
from entrypoints.sandbox.stripe.checkout_page import CheckoutPage
from entrypoints.sandbox.stripe.engine import Engine
from entrypoints.sandbox.stripe.portal_page import PortalPage
from entrypoints.sandbox.stripe.routes import stripe_router
from entrypoints.sandbox.stripe.settings_objects import webhook_endpoint
from entrypoints.sandbox.stripe.snapshot import snapshot
from entrypoints.sandbox.stripe.webhooks import WebhookDispatcher, WebhookTiming
from entrypoints.sandbox.stripe.world import World
from entrypoints.sandbox.troubles import Troubles


class StripeSandbox:
    """A stateful Stripe on loopback.

        stripe = StripeSandbox(secret_key="sk_test_1", webhook_secret="whsec_1", prices=prices)
        app = Litestar([stripe.router])               # the SDK's base address is f"{origin}/stripe"
        ...                                           # served without the server's own `Date`: the API says its own
        stripe.origin = "http://127.0.0.1:1234"       # once the port is bound
        async with stripe.webhooks_to(url):
            stripe.engine.pay(session_id)

    Args:
        secret_key: the only API key that is good.
        webhook_secret: signs what goes to `webhooks_to`.
        prices: what there is to buy.
        troubles: the shared switches; all off by default.
        clock: the time of everything, signatures included: whoever receives them must live at the same time.
        rng: for repeatable ids; the machine's randomness by default.
        timing: of webhooks.
    """

    def __init__(
        self,
        *,
        secret_key: str,
        webhook_secret: str,
        prices: Iterable[SandboxPrice],
        troubles: Troubles | None = None,
        clock: Callable[[], datetime] = utc_now,
        rng: random.Random | None = None,
        timing: WebhookTiming | None = None,
    ) -> None:
        self._webhook_secret = webhook_secret
        self.troubles = troubles or Troubles()
        world = World(prices=tuple(prices), clock=clock, rng=rng)
        self.engine = Engine(world, self.troubles)
        self.webhooks = WebhookDispatcher(
            world=world,
            troubles=self.troubles,
            timing=timing or WebhookTiming(),
            wall_clock=lambda: clock().timestamp(),
        )
        self._api = StripeApi(engine=self.engine, secret_key=secret_key, troubles=self.troubles)
        self._page = CheckoutPage(engine=self.engine, troubles=self.troubles)
        self._portal = PortalPage(engine=self.engine, troubles=self.troubles)

    @property
    def origin(self) -> str:
        """Where this is served, `scheme://host:port`; hosted pages' addresses begin with it."""
        return self.engine.checkout.origin

    @origin.setter
    def origin(self, origin: str) -> None:
        self.engine.checkout.origin = origin.rstrip("/")

    @property
    def router(self) -> Router:
        """A new router with everything under `/stripe`."""
        return stripe_router(engine=self.engine, api=self._api, page=self._page, portal=self._portal)

    @asynccontextmanager
    async def webhooks_to(self, url: str, *, events: Iterable[str] = ("*",)) -> AsyncIterator[WebhookDispatcher]:
        """Within, events of these types go to the address (and to the endpoints made through the API)."""
        world = self.engine.world
        endpoint = world.put(webhook_endpoint(world, url=url, enabled_events=list(events)))
        world.endpoint_secrets[endpoint["id"]] = self._webhook_secret
        try:
            async with self.webhooks as dispatcher:
                yield dispatcher
        finally:
            endpoint["status"] = "disabled"

    def snapshot(self) -> Document:
        """The state for the console; see `snapshot.py`."""
        return snapshot(self.engine.world, self.webhooks)
