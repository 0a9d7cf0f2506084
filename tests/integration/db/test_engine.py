"""How the databases are opened, what they refuse, and how they answer when they are away."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import column, insert, text, update

from adapters.db.conflicts import is_conflict
from adapters.db.database import Database
from adapters.db.migrate import migrate, schema_of
from adapters.db.schema import order_history, orders
from adapters.db.statements import Statement
from paywall_core.effects import Effect, LookUpEvent, ReportSale, SendAccessEmail
from paywall_core.errors import ConcurrentUpdate
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.testing.contract.samples import NOW, add, change, paid_event, place
from paywall_core.tracking import AdEvent, TrackingAttempt

from .samples import BROKEN

HISTORY = Statement(insert(order_history))


@pytest.mark.parametrize(
    "url",
    [
        "s3cret",
        "postgresql+asyncpg://paywall:pa@ss:s3cret@host/paywall",
        "postgresql+asyncpg://paywall:s3cret@host:port/paywall",
        "postgresql://paywall:s3cret@host/paywall",
        "mysql+aiomysql://paywall:s3cret@host/paywall",
        "sqlite+aiosqlite:///:memory:",
        "sqlite+aiosqlite://",
    ],
)
async def test_malformed_url_is_refused_without_telling_it(url: str) -> None:
    """Whatever part the password ended up in, no part is in the error."""
    with pytest.raises(ValueError, match="database") as refused:
        Database(url)
    assert "s3cret" not in str(refused.value)
    for call in (migrate, schema_of):
        with pytest.raises(ValueError, match="database") as refused:
            await call(url)
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_sqlite_is_durable_and_keeps_its_foreign_keys(database: Database) -> None:
    """A commit is on the disk, readers don't block, and nothing refers to what does not exist."""
    async with database.pool.reading() as connection:
        found = [
            (await connection.all(Statement(text(f"PRAGMA {name}").columns(column(name)))))[0][0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert found == ["wal", 2, 1, 30_000]


async def test_database_that_is_away_is_not_ready(
    engine_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A missing database, a closed port, a file that is something else: an answer, not an error."""
    if engine_name == "sqlite":
        garbage = tmp_path / "garbage.db"
        garbage.write_text("no database, but long enough to be looked at\n" * 40)
        urls = [f"sqlite+aiosqlite:///{garbage}"]
    else:
        host = request.getfixturevalue("postgresql_directory")
        urls = [f"postgresql+asyncpg://postgres@{place}" for place in (f"/missing?host={host}", "127.0.0.1:1/paywall")]
    for url in urls:
        database = Database(url)
        assert not await database.is_ready()
        await database.close()


def test_asking_for_the_schema_makes_no_file(tmp_path: Path) -> None:
    """A check changes nothing."""
    assert asyncio.run(schema_of(f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}")).revision is None
    assert list(tmp_path.iterdir()) == []


async def test_unknown_words_are_refused_and_are_no_conflict(database: Database) -> None:
    """The database repeats the law; breaking it is our own mistake, which must not look like bad luck."""
    order = await add(database, place())
    async with database.pool.reading() as connection:
        with pytest.raises(BROKEN) as refused:
            await connection.change(Statement(update(orders).values(state="paid")))
        assert not is_conflict(refused.value)
        missing = {"order_id": uuid4(), "sequence": 1, "at": NOW, "event_type": "", "event": "{}", "cause": ""}
        with pytest.raises(BROKEN) as refused:
            await connection.change(HISTORY, {**missing, "from_state": "pending", "to_state": "pending"})
        assert not is_conflict(refused.value)
    async with database.unit_of_work() as uow:
        assert await uow.orders.get(order.id) == order


async def test_history_holds_each_number_once(database: Database) -> None:
    """Even for one who went past the version check."""
    order = await change(database, await add(database, place()), paid_event())
    async with database.pool.reading() as connection:
        again = {"order_id": order.id, "sequence": 1, "at": NOW, "event_type": "", "event": "{}", "cause": ""}
        with pytest.raises(BROKEN) as refused:
            await connection.change(HISTORY, {**again, "from_state": "pending", "to_state": "pending"})
        assert is_conflict(refused.value)


async def test_second_order_of_one_checkout_is_a_conflict(database: Database) -> None:
    """A checkout session has one order."""
    await change(database, await add(database, place()), paid_event("cs_1"))
    second = await add(database, place())
    with pytest.raises(ConcurrentUpdate):
        await change(database, second, paid_event("cs_1"))


async def test_time_without_a_zone_is_refused(database: Database) -> None:
    """Nobody knows whose clock it means."""
    with pytest.raises(ValueError, match="without a zone"):
        await add(database, place(at=NOW.replace(tzinfo=None)))


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_deadlock_is_a_conflict_for_one_and_nothing_for_the_other(database: Database) -> None:
    """Two that lock crosswise: one is told that somebody else was faster, the other goes on."""
    one, two = await add(database, place()), await add(database, place())
    both_hold = asyncio.Barrier(2)

    async def lock(first: UUID, second: UUID) -> str:
        async with database.unit_of_work() as uow:
            await uow.orders.get(first, for_update=True)
            await both_hold.wait()
            try:
                await uow.orders.get(second, for_update=True)
            except ConcurrentUpdate:
                return "refused"
        return "done"

    assert sorted(await asyncio.gather(lock(one.id, two.id), lock(two.id, one.id))) == ["done", "refused"]


async def test_cancelled_transaction_gives_its_connection_back(database: Database) -> None:
    """And leaves nothing behind."""
    order = place()
    begun = asyncio.Event()

    async def hang() -> None:
        async with database.unit_of_work() as uow:
            await uow.orders.add(order)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):  # had it kept the write lock, nobody else could begin
        async with database.unit_of_work() as other:
            await other.orders.add(place())
            await other.commit()
    async with database.unit_of_work() as uow:
        assert await uow.orders.get(order.id) is None


async def test_operator_sees_the_newest_orders_with_their_histories(database: Database) -> None:
    """The newest first, no more than asked for, each with its own lines."""
    old, middle, new = [await add(database, place(at=NOW + timedelta(seconds=n))) for n in range(3)]
    paid = await change(database, middle, paid_event())
    found = await database.recent_orders(2)
    assert [order for order, _ in found] == [new, paid]
    assert [[entry.sequence for entry in history] for _, history in found] == [[], list(range(1, paid.version + 1))]
    assert old not in [order for order, _ in found]


async def test_worker_is_told_after_the_commit_and_only_then(database_url: str) -> None:
    """By what came into the outbox; not by a rollback, not by a transaction that owes nothing new."""
    told: list[bool] = []
    database = Database(database_url, on_enqueued=lambda: told.append(True))
    order = await add(database, place())
    effects: list[Effect] = [SendAccessEmail(order_id=order.id, token_version=1), ReportSale(order_id=order.id)]
    assert told == []
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([], now=NOW)
        await uow.commit()
    assert told == []
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue(effects[:1], now=NOW)
        await uow.outbox.enqueue(effects[:1], now=NOW)
        assert told == []
        await uow.commit()
    assert told == [True]
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue(effects[:1], now=NOW)
        await uow.commit()
    assert told == [True]
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue(effects, now=NOW)
        await uow.commit()
    assert told == [True] * 2
    await database.close()


async def test_worker_is_told_of_what_is_wanted_again(database_url: str) -> None:
    """A skipped row that becomes due is as good as a new one; that it was skipped tells nobody."""
    told: list[bool] = []
    database = Database(database_url, on_enqueued=lambda: told.append(True))
    effect = ReportSale(order_id=(await add(database, place())).id)
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([effect], now=NOW)
        await uow.commit()
    async with database.unit_of_work() as uow:
        (delivery,) = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW, lease_id=uuid4())
        assert await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.SKIPPED, at=NOW))])
        await uow.commit()
    assert told == [True]
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([effect], now=NOW)
        await uow.commit()
    assert told == [True] * 2
    await database.close()


async def test_worker_is_told_of_a_retry_and_not_of_what_must_wait(database_url: str) -> None:
    """What is due later it finds by itself when the time has come."""
    told: list[bool] = []
    database = Database(database_url, on_enqueued=lambda: told.append(True))
    effect = LookUpEvent(event_id="evt_1", not_before=NOW + timedelta(seconds=5))
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([effect], now=NOW)
        await uow.commit()
    assert told == []
    async with database.unit_of_work() as uow:
        await uow.outbox.retry(["nothing"], due_at=NOW)
        await uow.commit()
    assert told == []
    async with database.unit_of_work() as uow:
        await uow.outbox.retry([effect.key], due_at=NOW)
        await uow.commit()
    assert told == [True]
    await database.close()


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_one_who_holds_an_address_keeps_nobody_from_another(database: Database) -> None:
    """SQLite has one writer; here only the address itself is held."""
    async with database.unit_of_work() as one:
        await one.restore_challenges.hold("anna@example.com")
        async with asyncio.timeout(10), database.unit_of_work() as two:
            assert await two.restore_challenges.hold("bob@example.com") is None


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_two_that_forget_at_once_share_nothing(database: Database) -> None:
    """Neither waits for the other's rows, and neither counts them."""
    async with database.unit_of_work() as uow:
        for number in range(5):
            await uow.restore_challenges.put(
                RestoreChallenge(address=f"{number}@example.com", id=uuid4(), issued=(NOW,))
            )
        await uow.commit()
    later = NOW + timedelta(minutes=1)
    async with database.unit_of_work() as one:
        assert await one.restore_challenges.forget(later, 3) == 3
        async with asyncio.timeout(10), database.unit_of_work() as two:
            assert await two.restore_challenges.forget(later, 3) == 2
            await two.commit()
        await one.commit()
    async with database.unit_of_work() as uow:
        assert await uow.restore_challenges.forget(later, 3) == 0


async def test_database_repeats_the_law_of_outcomes(database: Database) -> None:
    """A word that the code does not know is refused."""
    strange = TrackingAttempt(
        id=uuid4(),
        received_at=NOW,
        event=AdEvent(name="Lead"),
        outcome="perhaps",  # type: ignore[arg-type]  # on purpose
        reason=None,
    )
    async with database.unit_of_work() as uow:
        with pytest.raises(BROKEN):
            await uow.tracking_log.add(strange)
