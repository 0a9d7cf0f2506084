"""What was put off and is due now wakes a worker that sleeps; the rest of hastening is in the contract."""

from datetime import datetime

import pytest

from adapters.db.database import Database
from paywall_core.testing.contract.hastening import AHEAD, DAY, enqueue, hasten, reminder
from paywall_core.testing.contract.samples import MINUTE, NOW, add, place


@pytest.mark.parametrize(("day", "rings"), [(NOW - MINUTE, 1), (NOW + DAY, 0)])
async def test_worker_is_woken_for_what_is_due_now(
    database: Database, database_url: str, day: datetime, rings: int
) -> None:
    """Not for a reminder that only got its day back."""
    await enqueue(database, reminder(await add(database, place()), day), now=AHEAD)
    rung: list[None] = []
    listening = Database(database_url, on_enqueued=lambda: rung.append(None))
    assert await hasten(listening) == 1
    await listening.close()
    assert len(rung) == rings
