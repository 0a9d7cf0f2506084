"""The far side and the clock, for the tests beside this file."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.adapters.stripe.fake_stripe import FakeStripe, SetClock


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    """The server, running."""
    fake = FakeStripe()
    server = await asyncio.start_server(fake.handle, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    async with server:
        yield fake


@pytest.fixture
def clock() -> SetClock:
    """The gateway's clock."""
    return SetClock()
