"""The console's window into the product's database."""

from pathlib import Path

import pytest

from adapters.db.database import Database
from adapters.db.migrate import migrate
from entrypoints.sandbox.orders import orders_feed


async def test_new_database_has_no_orders(tmp_path: Path) -> None:
    """It is read as it is."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}"
    await migrate(url)
    database = Database(url)
    assert await orders_feed(database)() == []
    await database.close()


async def test_database_that_cannot_be_read_is_an_outage_not_a_crash(tmp_path: Path) -> None:
    """The console says so, and goes on."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(ConnectionError, match="OperationalError"):
        await orders_feed(database)()
    await database.close()
