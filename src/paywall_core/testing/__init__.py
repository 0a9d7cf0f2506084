"""In-memory ports for tests: ours, and those of services that embed the core. Public, and held to the contracts.

Nothing here does I/O or reads a real clock. Transactions on one `InMemoryStore` are serialised, like writers on SQLite,
so that concurrent use cases behave as they do on a database.
"""

from paywall_core.testing.archive import InMemoryArchive
from paywall_core.testing.clock import FakeClock, SeededRandomness
from paywall_core.testing.outside import (
    FakeAdPlatform,
    FakeClickTracker,
    FakeCodeMailer,
    FakeCustomerPortal,
    FakeGateway,
    FakeLedger,
    FakeMessenger,
    FakeNoticeMessenger,
)
from paywall_core.testing.store import InMemoryDirectory, InMemoryStore, InMemoryUnitOfWork
from paywall_core.testing.tables import OutboxRow

__all__ = [
    "FakeAdPlatform",
    "FakeClickTracker",
    "FakeClock",
    "FakeCodeMailer",
    "FakeCustomerPortal",
    "FakeGateway",
    "FakeLedger",
    "FakeMessenger",
    "FakeNoticeMessenger",
    "InMemoryArchive",
    "InMemoryDirectory",
    "InMemoryStore",
    "InMemoryUnitOfWork",
    "OutboxRow",
    "SeededRandomness",
]
