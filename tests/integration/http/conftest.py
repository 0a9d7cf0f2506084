"""The application on both databases."""

from collections.abc import AsyncIterator

import pytest

from adapters.db.database import Database

from .service import Service, running


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    """The application on one of the databases."""
    async with running(database) as service:
        yield service
