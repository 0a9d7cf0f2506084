"""The town, on both databases."""

from collections.abc import AsyncIterator

import pytest

from paywall_core.testing import FakeClock
from tests.integration.lives.world import BEGIN, stripe_running

from .town import Town


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    """Nobody has bought anything yet."""
    clock = FakeClock(BEGIN)
    async with stripe_running(clock) as stripe:
        yield Town(database_url, stripe, clock)
