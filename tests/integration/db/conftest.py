"""What the contract suites run on."""

import pytest

from adapters.db.database import Database
from paywall_core.testing import InMemoryStore

from .samples import Store


@pytest.fixture
def store(engine_name: str, request: pytest.FixtureRequest) -> Store:
    """One of the three."""
    if engine_name == "memory":
        return InMemoryStore()
    database = request.getfixturevalue("database")
    assert isinstance(database, Database)
    return database
