"""Moves the sandbox's time, so that everybody lives through it.

Stripe acts at each moment on the way, and its webhooks reach the product before time goes on, as they would have.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from entrypoints.sandbox.clock import MovableClock
from entrypoints.sandbox.stripe import StripeSandbox

_TELL_SECONDS: Final = 5.0


class Passage:
    """The one way in which the sandbox's clock is moved.

    Args:
        clock: everybody's.
        stripe: acts when its time has come.
    """

    def __init__(self, clock: MovableClock, stripe: StripeSandbox) -> None:
        self.clock = clock
        self._stripe = stripe
        self._moving = asyncio.Lock()

    async def forward(self, by: timedelta) -> None:
        """Let this much time go by."""
        await self.to(self.clock.now() + by)

    async def to(self, moment: datetime) -> None:
        """Let time go by until this moment; one that is past only lets Stripe do what is due."""
        engine = self._stripe.engine
        async with self._moving:
            while (due := engine.next_due()) is not None and due <= max(moment, self.clock.now()):
                self.clock.move_to(due)
                engine.catch_up()
                await self._told()
            self.clock.move_to(moment)

    def next_period_end(self) -> datetime | None:
        """The moment at which it shows what follows the next period that ends: its bill was tried, or it is over.

        None: no subscription has a period that goes on by itself.
        """
        at = self._stripe.engine.billing.periods.next_outcome()
        return None if at is None else datetime.fromtimestamp(at, UTC)

    async def _told(self) -> None:
        """Until the product was told; one that hangs does not stop the time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TELL_SECONDS):
                await self._stripe.webhooks.idle()
