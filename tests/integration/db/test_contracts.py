"""The contracts of the core's ports, kept by our adapter on SQLite and on a real PostgreSQL."""

import pytest

from adapters.db.database import Database
from paywall_core.testing import Ports
from paywall_core.testing.contract import DatabaseContract


def ports_of(database: Database) -> Ports:
    """What the core wants of a database."""
    return Ports(
        unit_of_work=database.unit_of_work,
        directory=database.directory,
        archive=database.archive,
        outbox=database.outbox_archive,
        watch=database.watch,
        backlog=database.watch,
    )


class TestDatabase(DatabaseContract):
    """All of them, on each of the two."""

    @pytest.fixture(autouse=True)
    def place(self, database_url: str) -> None:
        """An empty database of the test's own."""
        self.url = database_url

    async def open(self) -> Ports:
        """The adapter on it."""
        self.database = Database(self.url)
        return ports_of(self.database)

    async def close(self) -> None:
        """Close its connections."""
        await self.database.close()
