"""The in-memory store keeps the contracts that every database must keep."""

from paywall_core.testing.contract import DatabaseContract


class TestInMemoryStore(DatabaseContract):
    """All of them, over the default ports."""
