"""What the contract suites run on."""

import pytest

from adapters.db.database import Database
from paywall_core.ports.operations import InvariantWatch, OrderArchive, OutboxArchive
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


@pytest.fixture
def archive(store: Store) -> OrderArchive:
    """Looks its orders up."""
    return store.archive


@pytest.fixture
def outbox_archive(store: Store) -> OutboxArchive:
    """Looks its outbox up; the fake has one object for all three."""
    return store.outbox_archive if isinstance(store, Database) else _fake(store).archive


@pytest.fixture
def watch(store: Store) -> InvariantWatch:
    """Counts what must never be in it."""
    return store.watch if isinstance(store, Database) else _fake(store).archive


def _fake(store: Store) -> InMemoryStore:
    assert isinstance(store, InMemoryStore)
    return store
