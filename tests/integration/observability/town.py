"""A product that trades, and Prometheus beside it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from entrypoints.sandbox.stripe.sandbox import StripeSandbox
from paywall_core.testing import FakeClock
from tests.integration.lives.world import INTERNAL, Started, World, product_running

from .watching import Prometheus, working


class Town:
    """The product, its Stripe, and Prometheus beside them."""

    def __init__(self, database_url: str, stripe: StripeSandbox, clock: FakeClock) -> None:
        self._database_url = database_url
        self.stripe = stripe
        self.clock = clock
        self.prometheus = Prometheus(clock, token=INTERNAL)
        self._buyers = 0

    @asynccontextmanager
    async def product(self, *, works: bool = True, **settings: str) -> AsyncIterator[World]:
        """The product runs, and is scraped."""
        async with AsyncExitStack() as stack:
            world = await stack.enter_async_context(
                product_running(self._database_url, self.stripe, self.clock, **settings)
            )
            self.prometheus.targets["paywall:8000"] = world.client
            if works:
                await stack.enter_async_context(working(self.prometheus, world.container))
            yield world

    async def order(self, world: World) -> tuple[Started, list[dict[str, Any]]]:
        """Somebody pays; Stripe's events about it, which have not come yet."""
        self._buyers += 1
        known = {event["id"] for event in self.stripe.engine.world.all("event")}
        started = await world.checkout("one_time", f"{self._buyers}@mail.example", chat=str(self._buyers))
        self.stripe.engine.pay(started.session_id)
        return started, [event for event in self.stripe.engine.world.all("event") if event["id"] not in known]

    async def buy(self, world: World) -> Started:
        """Somebody pays, and Stripe's events come at once."""
        started, events = await self.order(world)
        for event in events:
            await world.webhook(event)
        return started
