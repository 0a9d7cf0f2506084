"""Payment events in months on PostgreSQL: the table is turned while it is used, and is then used as before."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from msgspec import structs
from sqlalchemy.exc import DBAPIError

from adapters.db import partitions
from adapters.db.checkup import DatabaseCheckup
from adapters.db.database import Database
from adapters.db.migrate import migrate
from adapters.db.partitions import CannotPartition, keep_months
from paywall_core.order import Order
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.testing import FakeClock, Ports
from paywall_core.testing.contract import (
    InvariantWatchContract,
    OrderArchiveContract,
    PaymentEventsContract,
    UnitOfWorkContract,
)
from paywall_core.testing.contract.samples import NOW, REFUND, Store, add, notification, place

from .test_contracts import ports_of
from .test_migrations import shape_of
from .test_retention import test_use_case_forgets_both_in_batches  # noqa: F401  - once more, over months

DAY = timedelta(days=1)
TURNED = NOW - 40 * DAY
"""In November: what the contracts write falls into a month that was made ahead."""

LATE = NOW + 900 * DAY
"""What has an owner was received then: the contracts do not forget it."""


@pytest.fixture
def engine_name() -> str:
    """Only this one has such tables."""
    return "postgresql"


async def hear(
    store: Store, event_id: str, *, at: datetime, references: tuple[str, ...] = (), owner: Order | None = None
) -> bool:
    """Store an event that tells of a moment; without an owner it is parked by what it refers to."""
    word = structs.replace(notification(event_id, REFUND, references=references), occurred_at=at)
    async with store.unit_of_work() as uow:
        owner_id = None if owner is None else owner.id
        received_at = at if owner is None else LATE
        added = await uow.payment_events.add([(word, owner_id)], received_at=received_at)
        await uow.commit()
    return bool(added.new)


async def turn(database: Database, url: str) -> None:
    """Months, once the database has statements prepared for the plain table."""
    await hear(database, "evt_before", at=TURNED, owner=await add(database, place()))
    await keep_months(url, now=TURNED)


@pytest.fixture
async def store(database: Database, database_url: str) -> Database:
    """A database that has turned."""
    await turn(database, database_url)
    return database


class TestContractsOverMonths(UnitOfWorkContract, PaymentEventsContract, InvariantWatchContract):
    """What the ports promise of events, once more."""

    test_dossier = OrderArchiveContract.test_dossier_holds_all_that_is_stored_about_an_order

    @pytest.fixture(autouse=True)
    def where(self, database_url: str) -> None:
        """An empty database of the test's own."""
        self.url = database_url

    async def open(self) -> Ports:
        """The adapter on it, which has turned."""
        self.database = Database(self.url)
        await turn(self.database, self.url)
        return ports_of(self.database)

    async def close(self) -> None:
        """Close its connections."""
        await self.database.close()


async def admin_of(url: str) -> Any:
    """A connection past the product."""
    host = parse_qs(urlsplit(url).query)["host"][0]
    return await asyncpg.connect(host=host, user="postgres", database=urlsplit(url).path[1:])


async def fetch(url: str, sql: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    connection = await admin_of(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def parts_of(url: str) -> dict[str, str]:
    """In which part each event is."""
    found = await fetch(url, "SELECT stripe_event_id, tableoid::regclass::text FROM payment_events")
    return {event_id: part.removeprefix("payment_events_") for event_id, part in found}


async def test_table_is_turned_as_it_is_and_months_are_made_ahead(database: Database, database_url: str) -> None:
    """What was there is in the first part, what comes in its month; a second time nothing is left to do."""
    await hear(database, "evt_1", at=NOW, references=("pi_1",))
    before = await shape_of(database_url)
    done = await keep_months(database_url, now=NOW, ahead=3)
    assert done == partitions.Months(
        turned=True,
        made=("payment_events_2026_02", "payment_events_2026_03", "payment_events_2026_04"),
        dropped=(),
        until=datetime(2026, 5, 1, tzinfo=UTC),
    )
    assert await keep_months(database_url, now=NOW, ahead=3) == structs.replace(done, turned=False, made=())
    after = await shape_of(database_url)
    # What refers to the whole is shown as referring to each of its parts, too.
    after["parked_references"][3] = [key for key in after["parked_references"][3] if "'payment_events_" not in key]
    assert {table: after[table] for table in before} == before
    assert not await hear(database, "evt_1", at=NOW)
    assert await hear(database, "evt_2", at=NOW + 31 * DAY)
    assert await hear(database, "evt_9", at=NOW + 999 * DAY, references=("pi_9",))
    assert not await hear(database, "evt_9", at=NOW + 999 * DAY)
    assert await parts_of(database_url) == {"evt_1": "before", "evt_2": "2026_02", "evt_9": "rest"}
    async with database.unit_of_work() as uow:
        assert [one.event_id for one in await uow.payment_events.parked(["pi_1", "pi_9"])] == ["evt_1", "evt_9"]


async def test_turned_near_the_end_of_a_month_the_first_part_has_room(database_url: str) -> None:
    """What is written while the table is turned must be let in."""
    done = await keep_months(database_url, now=datetime(2026, 1, 31, 23, 59, tzinfo=UTC), ahead=2)
    assert done.made == ("payment_events_2026_03",)


async def test_what_fell_into_no_month_moves_when_its_month_is_made(store: Store, database_url: str) -> None:
    """With what it was parked by, which refers to it all the time."""
    for event_id, days in (("evt_1", 500), ("evt_2", 530), ("evt_3", 2000)):
        await hear(store, event_id, at=NOW + days * DAY, references=(f"ref_{event_id}",))
    done = await keep_months(database_url, now=NOW + 480 * DAY, ahead=2)
    assert done.made == ("payment_events_2027_04", "payment_events_2027_05", "payment_events_2027_06")
    found = await parts_of(database_url)
    assert found == {"evt_before": "before", "evt_1": "2027_05", "evt_2": "2027_06", "evt_3": "rest"}
    async with store.unit_of_work() as uow:
        assert len(await uow.payment_events.parked([f"ref_evt_{number}" for number in (1, 2, 3)])) == 3


async def test_months_that_were_forgotten_whole_are_dropped(store: Store, database_url: str) -> None:
    """Not one that holds an event that waits still, and not one that late events may come for."""
    order = await add(store, place())
    for number, at in enumerate((TURNED + 15 * DAY, NOW, NOW + 60 * DAY)):
        await hear(store, f"evt_{number}", at=at, references=(f"ref_{number}",))
    async with store.unit_of_work() as uow:
        for event_id in ("evt_1", "evt_2"):  # evt_0, of December, waits
            await uow.payment_events.unpark(event_id, order.id)
        assert await uow.payment_events.forget(NOW + 999 * DAY, 99) == 3
        await uow.commit()
    done = await keep_months(database_url, now=NOW + 93 * DAY, ahead=0)
    assert done.dropped == ("payment_events_2026_01", "payment_events_before")
    assert done.until == datetime(2026, 12, 1, tzinfo=UTC)
    assert await hear(store, "evt_late", at=NOW)
    assert await parts_of(database_url) == {"evt_0": "2025_12", "evt_late": "rest"}


async def test_table_is_turned_under_load_and_nothing_is_lost(database: Database, database_url: str) -> None:
    """Whoever writes meanwhile is at worst held up for a moment."""
    stop, heard = asyncio.Event(), 0

    async def write() -> None:
        nonlocal heard
        while not stop.is_set():
            heard += await hear(database, f"evt_{heard}", at=NOW, references=(f"pi_{heard}",))

    writing = asyncio.create_task(write())
    await keep_months(database_url, now=NOW)
    stop.set()
    await writing
    assert heard > 0
    assert await fetch(database_url, "SELECT count(*) FROM payment_events") == [(heard,)]


async def test_who_holds_the_table_is_waited_for_and_not_for_ever(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is half done, and whoever comes meanwhile is let through between two tries."""
    monkeypatch.setattr(partitions, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(partitions, "_TRIES", 2)
    holder = await admin_of(database_url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE payment_events IN ACCESS SHARE MODE")
            with pytest.raises(CannotPartition, match="somebody holds the tables"):
                await keep_months(database_url, now=NOW)
        assert await fetch(database_url, "SELECT relkind FROM pg_class WHERE relname = 'payment_events'") == [(b"r",)]
        assert (await keep_months(database_url, now=NOW)).turned
    finally:
        await holder.close()


async def test_event_of_the_future_is_told_and_the_table_left_alone(database: Database, database_url: str) -> None:
    """It would have to be in the first part, which then held all that comes until its day."""
    await hear(database, "evt_1", at=NOW + 99 * DAY)
    shape = await shape_of(database_url)
    with pytest.raises(CannotPartition, match="2026-02 or later: whose clock was wrong"):
        await keep_months(database_url, now=NOW)
    assert await shape_of(database_url) == shape


async def test_sqlite_has_no_such_tables(tmp_path: Path) -> None:
    """Said before anything is opened."""
    with pytest.raises(CannotPartition, match="only PostgreSQL"):
        await keep_months(f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}", now=NOW)


async def test_owner_and_rights_go_along(database_url: str) -> None:
    """Migrations may run as another user than the service."""
    await fetch(database_url, "DO $$ BEGIN CREATE ROLE months_user; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    try:
        await fetch(database_url, "GRANT SELECT, INSERT ON payment_events TO months_user")
        await keep_months(database_url, now=NOW)
        rights = "has_table_privilege('months_user', 'payment_events', '{}')"
        asked = ", ".join(rights.format(right) for right in ("SELECT", "INSERT", "DELETE"))
        assert await fetch(database_url, f"SELECT {asked}") == [(True, True, False)]
    finally:
        await fetch(database_url, "DROP OWNED BY months_user")
        await fetch(database_url, "DROP ROLE months_user")


async def test_table_in_months_has_no_way_back_to_an_older_schema(database_url: str) -> None:
    """Whose keys it cannot have; it is left as it is."""
    await keep_months(database_url, now=NOW)
    shape = await shape_of(database_url)
    with pytest.raises(DBAPIError, match="must include all partitioning columns"):
        await migrate(database_url, "base")
    assert await shape_of(database_url) == shape


async def months_finding(url: str, now: datetime) -> Finding | None:
    """What the doctor says of them."""
    findings = await DatabaseCheckup(url, clock=FakeClock(now)).check()
    return next((one for one in findings if one.subject == "payment events"), None)


async def test_doctor_says_when_the_months_run_out(database_url: str) -> None:
    """Of a plain table there is nothing to say."""
    assert await months_finding(database_url, NOW) is None
    await keep_months(database_url, now=NOW, ahead=3)
    well, late = await months_finding(database_url, NOW), await months_finding(database_url, NOW + 100 * DAY)
    assert well is not None
    assert late is not None
    assert (well.verdict, late.verdict) == (Verdict.OK, Verdict.WARNING)
    assert well.detail == "in months, made until 2026-05"
    assert "paywall partition-events" in late.detail
