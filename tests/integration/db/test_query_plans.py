"""What is asked all the time is answered from an index: its cost must not grow with the number of orders."""

import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert

import adapters.db
from adapters.db.database import Database
from adapters.db.one_trip import OneTrip
from adapters.db.rows import OUTBOX_COLUMNS, outbox_row
from adapters.db.schema import outbox
from adapters.db.statements import Statement, Values, Written
from paywall_core.effects import Effect, NoticeChannel, NoticeKind, SendAccessEmail, SendNotice
from paywall_core.testing.contract.samples import MINUTE, NOW, add, place

ONE_TRIPS = {
    f"{found.name}.{name}": value
    for found in pkgutil.iter_modules(adapters.db.__path__)
    if not found.ispkg
    for name, value in vars(importlib.import_module(f"adapters.db.{found.name}")).items()
    if isinstance(value, OneTrip)
}


@contextmanager
def statements() -> Iterator[list[tuple[str, list[object]]]]:
    """Every statement that is executed inside the block, with its values as the driver takes them."""
    seen: list[tuple[str, list[object]]] = []
    arguments = Written.arguments

    def note(written: Written, values: Values) -> list[object]:
        seen.append((written.sql, arguments(written, values)))
        return seen[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Written, "arguments", note)
        yield seen


async def plan_of(database: Database, statement: str, values: list[object]) -> str:
    """How the database would answer; PostgreSQL is told to suppose that tables are too long to read whole."""
    async with database.pool.writing() as connection:
        if connection.dialect == "sqlite":
            rows = await connection.raw.execute_fetchall(f"EXPLAIN QUERY PLAN {statement}", values)
            return "\n".join(row[-1] for row in rows)
        for kind in ("seqscan", "bitmapscan"):
            await connection.run(f"SET LOCAL enable_{kind} = off")
        return "\n".join(row[0] for row in await connection.raw.fetch(f"EXPLAIN {statement}", *values))


async def _gate(database: Database) -> None:
    await database.directory.access_of(5)


async def _session(database: Database) -> None:
    await database.directory.session("cs_1")


async def _claim_read(database: Database) -> None:
    await database.directory.claim_provider_read("cs_1", now=NOW, min_interval_seconds=3.0)


async def _lapsed(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.orders.lapsed(NOW, 100)


async def _shut_out(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.orders.shut_out(NOW, 100)


async def _lease(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.outbox.lease(now=NOW, limit=10, lease_until=NOW + MINUTE, lease_id=uuid4())


async def _hasten(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.outbox.hasten(now=NOW, due_after=NOW + 120 * MINUTE, lease_until=NOW, limit=100)


async def _parked(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.payment_events.parked(["pi_1", "ch_1"])


async def _paid_by(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.orders.paid_by("anna@example.com", 20)


async def _find_challenge(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.restore_challenges.find(uuid4())


async def _forget(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.restore_challenges.forget(NOW, 100)


async def _forget_events(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.payment_events.forget(NOW, 100)


async def _forget_deliveries(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.outbox.forget(NOW, 100)


@pytest.mark.parametrize(
    ("ask", "indexes"),
    [
        (_gate, ["ix_orders_gate", "ix_orders_chat"]),
        (_session, ["orders_checkout_session_id|autoindex_orders"]),
        (_claim_read, ["orders_checkout_session_id|autoindex_orders"]),
        (_lapsed, ["ix_orders_lapsing"]),
        (_shut_out, ["ix_orders_shut_out"]),
        (_lease, ["ix_outbox_due"]),
        (_hasten, ["ix_outbox_put_off"]),
        (_parked, ["parked_references"]),
        (_paid_by, ["ix_orders_email_key"]),
        (_find_challenge, ["uq_restore_challenges_id|autoindex_restore_challenges"]),
        (_forget, ["ix_restore_challenges_issued_at"]),
        (_forget_events, ["ix_payment_events_done_with"]),
        (_forget_deliveries, ["ix_outbox_forgettable"]),
    ],
)
async def test_hot_question_is_answered_from_its_index(
    database: Database, ask: Callable[[Database], Awaitable[None]], indexes: list[str]
) -> None:
    """One statement, all of its indexes, and no table is read from end to end."""
    with statements() as seen:
        await ask(database)
    ((statement, parameters),) = seen
    plan = await plan_of(database, statement, parameters)
    for index in indexes:
        assert any(name in plan for name in index.split("|")), plan
    assert "Seq Scan" not in plan, plan
    # A list that came along is a virtual table; the lanes' findings are gone through as they are found.
    assert not re.search(r"SCAN (?!\S+ VIRTUAL TABLE|of_|due\b)", plan), plan


@pytest.mark.parametrize("engine_name", ["postgresql"])
@pytest.mark.parametrize("several", ONE_TRIPS.values(), ids=ONE_TRIPS)
async def test_statements_that_go_together_read_no_table_whole(database: Database, several: OneTrip) -> None:
    """One text, as PostgreSQL plans it for whatever values come; what it reads is asked of each of them alone."""
    written = several.on_postgresql()
    async with database.pool.writing() as connection:
        for kind in ("seqscan", "bitmapscan"):
            await connection.run(f"SET LOCAL enable_{kind} = off")
        await connection.run("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.run(f"PREPARE together AS {written.sql}")
        rows = await connection.raw.fetch(f"EXPLAIN EXECUTE together ({', '.join(['NULL'] * written.takes)})")
        await connection.run("DEALLOCATE together")
    plan = "\n".join(row[0] for row in rows)
    assert "Scan" in plan
    assert "Seq Scan" not in plan, plan


async def test_reminders_that_wait_for_their_day_are_not_looked_through(database: Database) -> None:
    """However many there are beside what is due, and whatever the database knows of them: the index holds none."""
    order = await add(database, place())
    reminders = [
        SendNotice(
            order_id=order.id,
            kind=NoticeKind.ENDS_SOON,
            channel=NoticeChannel.EMAIL,
            cause=str(number),
            not_before=NOW + timedelta(days=20, minutes=number),
        )
        for number in range(500)
    ]
    effects: list[Effect] = [*reminders, *(SendAccessEmail(order_id=order.id, token_version=n) for n in range(50))]
    async with database.pool.writing() as connection:
        await connection.each(
            Statement(insert(outbox), columns=OUTBOX_COLUMNS), [outbox_row(effect, now=NOW) for effect in effects]
        )
        await connection.run("ANALYZE")
    with statements() as seen:
        await _hasten(database)
    ((statement, parameters),) = seen
    assert "ix_outbox_put_off" in await plan_of(database, statement, parameters)


async def test_gate_s_indexes_hold_all_that_it_asks_for(database: Database) -> None:
    """The rows themselves are not visited."""
    with statements() as seen:
        await _gate(database)
    ((statement, parameters),) = seen
    plan = await plan_of(database, statement, parameters)
    assert "Index Only Scan" in plan or "USING COVERING INDEX" in plan, plan
    assert "Index Scan" not in plan, plan
