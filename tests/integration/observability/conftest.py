"""The town, on both databases."""

from collections.abc import AsyncIterator

import pytest

from adapters.db.database import Database
from paywall_core.testing import FakeClock
from tests.integration.http.service import Service, running
from tests.integration.lives.world import BEGIN, stripe_running

from .town import Town


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    """Nobody has bought anything yet."""
    clock = FakeClock(BEGIN)
    async with stripe_running(clock) as stripe:
        yield Town(database_url, stripe, clock)


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    """The application alone."""
    async with running(database) as service:
        yield service
