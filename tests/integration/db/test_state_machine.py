"""The state machine for embedding services, over the SQL adapter: what holds on the fakes holds on a database."""

import asyncio
import shutil
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from adapters.db.database import Database
from adapters.db.migrate import migrate
from paywall_core.testing import PaywallMachine, Ports


@pytest.mark.timeout(300)
def test_nothing_breaks_the_core_over_sqlite(tmp_path: Path) -> None:
    """A few examples, each in a database file of its own: every step is several transactions."""
    empty, numbers = tmp_path / "empty.db", count()
    asyncio.run(migrate(f"sqlite+aiosqlite:///{empty}"))

    class OverSqlite(PaywallMachine):
        async def open(self) -> Ports:
            used = tmp_path / f"{next(numbers)}.db"
            shutil.copy(empty, used)
            self.database = Database(f"sqlite+aiosqlite:///{used}")
            return Ports(
                unit_of_work=self.database.unit_of_work,
                directory=self.database.directory,
                archive=self.database.archive,
                outbox=self.database.outbox_archive,
                watch=self.database.watch,
                backlog=self.database.watch,
            )

        async def close(self) -> None:
            await self.database.close()

    quick = settings(max_examples=4, stateful_step_count=25, derandomize=True, database=None)
    run_state_machine_as_test(OverSqlite, settings=quick)
