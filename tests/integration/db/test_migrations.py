"""The schema goes up, down and up again, and is what the code believes."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Select, Table, insert, inspect, select, text, update
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.db.database import Database
from adapters.db.engine import create_engine, for_writing
from adapters.db.migrate import alembic_config, migrate, schema_of
from adapters.db.rows import order_row, outbox_row
from adapters.db.schema import metadata, orders, outbox, parked_references, payment_events
from adapters.db.schema_version import head_revision
from adapters.db.statements import Statement
from paywall_core.effects import (
    Effect,
    ForwardTrackedEvent,
    LookUpEvent,
    NoticeChannel,
    NoticeKind,
    ReportSale,
    SendAccessEmail,
    SendActivationMessage,
    SendNotice,
    SendRestoreCode,
)
from paywall_core.events import CheckoutCompleted, SubscriptionEnded
from paywall_core.order import apply
from paywall_core.testing.contract.samples import MONTHLY, NOW, add, invoice_paid, paid_event, place
from tests.integration.upgrade.rule import retired_until

from .samples import BROKEN


async def is_current(url: str) -> bool:
    """Whether the schema is this code's own."""
    return (await schema_of(url)).revision == head_revision()


async def test_schema_goes_up_down_and_up_again(empty_database_url: str) -> None:
    """Each step has a way back that leaves nothing."""
    assert not await is_current(empty_database_url)
    await migrate(empty_database_url)
    assert await is_current(empty_database_url)
    await migrate(empty_database_url, "base")
    assert not await is_current(empty_database_url)
    engine = create_async_engine(empty_database_url)
    async with engine.connect() as connection:
        left = await connection.run_sync(lambda c: inspect(c).get_table_names())
    await engine.dispose()
    assert left == ["alembic_version"]
    await migrate(empty_database_url)
    assert await is_current(empty_database_url)


async def test_migrations_and_tables_in_the_code_agree(database_url: str) -> None:
    """Autogenerate finds nothing to do but to drop what is retired."""
    assert await differences(database_url, retired_until(head_revision())) == []


async def test_what_is_retired_may_still_be_there(database_url: str) -> None:
    """A column and a table that the code has given up, for the versions that still use them; nothing else."""
    before = await shape_of(database_url)
    engine = create_engine(database_url)
    async with for_writing(engine).begin() as connection:
        await connection.execute(text("ALTER TABLE outbox ADD COLUMN given_up INTEGER"))
        await connection.execute(text("CREATE TABLE given_up (id INTEGER)"))
    await engine.dispose()
    assert len(await differences(database_url, set())) == 2
    assert len(await differences(database_url, {"outbox.given_up"})) == 1
    assert await differences(database_url, {"outbox.given_up", "given_up"}) == []
    after = await shape_of(database_url)
    assert without(after, {"outbox.given_up"}) != before
    assert without(after, {"outbox.given_up", "given_up"}) == before


async def differences(url: str, retired: Collection[str]) -> list[object]:
    """What autogenerate would do, but for dropping these."""

    def compare(connection: Connection) -> list[object]:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
        return [one for one in found if dropped_by(one) not in retired]

    engine = create_async_engine(url)
    async with engine.connect() as connection:
        found = await connection.run_sync(compare)
    await engine.dispose()
    return found


def dropped_by(difference: Any) -> str | None:
    """The column or table that autogenerate would drop; None: it would do something else."""
    what = difference[0]
    if what == "remove_column":
        return f"{difference[2]}.{difference[3].name}"
    return str(difference[1].name) if what == "remove_table" else None


async def down(url: str, revision: str) -> None:
    """Go back to a revision, as one who knows what he does would."""
    engine = create_engine(url)
    async with for_writing(engine).begin() as connection:
        await connection.run_sync(lambda c: command.downgrade(alembic_config(c), revision))
    await engine.dispose()


def index_shape(index: Any) -> tuple[str, str, str]:
    """An index by its name, its columns and its condition."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return index["name"], str(index["column_names"]), str(options)


async def shape_of(url: str) -> dict[str, Any]:
    """Everything that a database says about its tables."""

    def look(connection: Connection) -> dict[str, Any]:
        found = inspect(connection)
        return {
            table: [
                [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
                sorted(index_shape(index) for index in found.get_indexes(table)),
                sorted(str(check) for check in found.get_check_constraints(table)),
                sorted(str(key) for key in found.get_foreign_keys(table)),
                found.get_pk_constraint(table),
                sorted(str(unique) for unique in found.get_unique_constraints(table)),
            ]
            for table in found.get_table_names()
        }

    engine = create_async_engine(url)
    async with engine.connect() as connection:
        shape = await connection.run_sync(look)
    await engine.dispose()
    return shape


def without(shape: Mapping[str, Any], retired: Collection[str]) -> dict[str, Any]:
    """The shape but for these columns (`table.column`) and tables."""
    return {
        table: [[column for column in columns if f"{table}.{column[0]}" not in retired], *rest]
        for table, (columns, *rest) in shape.items()
        if table not in retired
    }


async def write_as_of(url: str, rows: Sequence[tuple[Table, Mapping[str, Any]]]) -> None:
    """Write rows into an older schema: the columns that it does not have yet are left out."""

    def write(connection: Connection) -> None:
        found = inspect(connection)
        for table, row in rows:
            known = {column["name"] for column in found.get_columns(table.name)}
            connection.execute(insert(table), {name: value for name, value in row.items() if name in known})

    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(write)
    await engine.dispose()


async def read(url: str, query: Select[Any]) -> list[tuple[Any, ...]]:
    """The rows that a query gives."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        found = [tuple(row) for row in await connection.execute(query)]
    await engine.dispose()
    return found


async def owed(url: str) -> list[tuple[str, UUID | None, str]]:
    """What is in the outbox."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        rows = await connection.execute(select(outbox.c.key, outbox.c.order_id, outbox.c.effect).order_by(outbox.c.key))
        found = [(row.key, row.order_id, row.effect) for row in rows]
    await engine.dispose()
    return found


async def test_outbox_is_kept_up_and_down(empty_database_url: str) -> None:
    """SQLite copies the table, rows, checks and indexes come along; on the way down only what no order owes is lost."""
    url = empty_database_url
    await migrate(url, "0002")
    before = await shape_of(url)
    order, code = place(), SendRestoreCode(challenge_id=uuid4())
    kept = outbox_row(ReportSale(order_id=order.id), now=NOW)
    await write_as_of(url, [(orders, order_row(order)), (outbox, kept)])
    await migrate(url)
    after = await shape_of(url)
    expected = [(kept["key"], order.id, kept["effect"])]
    assert await owed(url) == expected
    database = Database(url)
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([code], now=NOW)
        await uow.commit()
    async with database.unit_of_work() as uow:
        assert await uow.orders.get(order.id) == order
    await database.close()
    assert [(key, owner) for key, owner, _ in await owed(url)] == [(kept["key"], order.id), (code.key, None)]
    await down(url, "0002")
    assert await shape_of(url) == before
    assert await owed(url) == expected
    await migrate(url)
    assert await shape_of(url) == after
    assert await owed(url) == expected


def test_newest_schema_is_told_without_alembic() -> None:
    """By the names of the files; Alembic, which reads them, says the same."""
    assert head_revision() == ScriptDirectory.from_config(alembic_config()).get_current_head()


async def test_copied_outbox_still_refuses_what_it_refused(database: Database) -> None:
    """A status that nobody knows, an order that does not exist."""
    order = await add(database, place())
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
        await uow.commit()
    for broken in ({"status": "lost"}, {"order_id": uuid4()}):
        async with database.pool.reading() as connection:
            with pytest.raises(BROKEN):
                await connection.change(Statement(update(outbox).values(broken)))


async def test_schema_made_by_migrations_is_the_one_in_the_code(empty_database_url: str) -> None:
    """Indexes, their conditions, checks and all: not only what autogenerate looks at."""
    url = empty_database_url
    await migrate(url)
    migrated = await shape_of(url)
    migrated.pop("alembic_version")
    await migrate(url, "base")
    engine = create_engine(url)
    async with for_writing(engine).begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    made = await shape_of(url)
    made.pop("alembic_version")
    assert without(migrated, retired_until(head_revision())) == made


async def test_new_columns_are_filled_from_what_is_there(empty_database_url: str) -> None:
    """Live subscriptions from the facts, the outbox's times from its due times, and what is parked from what waits."""
    url = empty_database_url
    await migrate(url, "0003")
    before = await shape_of(url)
    subscribed = CheckoutCompleted(session_id="cs_1", subscription_id="sub_1")
    ended = SubscriptionEnded(subscription_id="sub_2", ended_at=NOW + timedelta(days=1))
    once, live, over, unpaid = (
        apply(place(terms=terms) if terms else place(), *events, now=NOW, cause="test").order
        for terms, events in (
            (None, [paid_event("cs_0")]),
            (MONTHLY, [invoice_paid("sub_1")]),
            (MONTHLY, [invoice_paid("sub_2"), ended]),
            (MONTHLY, [subscribed]),
        )
    )
    event = {"event_type": "x", "occurred_at": NOW, "received_at": NOW, "payload": b"{}", "notification": "{}"}
    events = {"evt_foreign": None, "evt_parked": None, "evt_ours": live.id}
    await write_as_of(
        url,
        [
            *((orders, order_row(order)) for order in (once, live, over, unpaid)),
            (outbox, outbox_row(ReportSale(order_id=once.id), now=NOW)),
            *((payment_events, {**event, "stripe_event_id": key, "order_id": owner}) for key, owner in events.items()),
            (parked_references, {"reference": "pi_1", "stripe_event_id": "evt_parked"}),
        ],
    )
    await migrate(url)
    assert dict(await read(url, select(orders.c.id, orders.c.live_subscription_id))) == {
        once.id: None,
        live.id: "sub_1",
        over.id: None,
        unpaid.id: None,
    }
    assert await read(url, select(outbox.c.created_at, outbox.c.first_due_at)) == [(NOW, NOW)]
    waiting = select(
        payment_events.c.stripe_event_id, payment_events.c.waiting_since, payment_events.c.set_aside_at
    ).order_by(payment_events.c.stripe_event_id)
    assert await read(url, waiting) == [
        ("evt_foreign", None, None),
        ("evt_ours", None, None),
        ("evt_parked", NOW, None),
    ]
    await down(url, "0003")
    assert await shape_of(url) == before
    await migrate(url)
    assert await read(url, select(orders.c.live_subscription_id).where(orders.c.id == live.id)) == [("sub_1",)]


async def test_what_is_owed_gets_its_lane(empty_database_url: str) -> None:
    """By its key, as it would be written now; and a row of an older process that still runs is found, too."""
    url, order = empty_database_url, place()
    await migrate(url, "0006")
    before = await shape_of(url)
    notices = [
        SendNotice(order_id=order.id, kind=NoticeKind.ENDS_SOON, channel=channel, cause="x")
        for channel in NoticeChannel
    ]
    effects: list[Effect] = [
        SendAccessEmail(order_id=order.id, token_version=1),
        SendActivationMessage(order_id=order.id, token_version=1),
        ReportSale(order_id=order.id),
        *notices,
        LookUpEvent(event_id="evt_1"),
        SendRestoreCode(challenge_id=order.id),
        ForwardTrackedEvent(attempt_id=order.id),
    ]
    rows = [outbox_row(effect, now=NOW) for effect in effects]
    await write_as_of(url, [(orders, order_row(order)), *((outbox, row) for row in rows)])
    await migrate(url)
    by_key = {row["key"]: row["lane"] for row in rows}
    assert dict(await read(url, select(outbox.c.key, outbox.c.lane))) == by_key
    assert len(set(by_key.values())) == 6
    late = outbox_row(SendAccessEmail(order_id=order.id, token_version=2), now=NOW)
    del late["lane"]
    await write_as_of(url, [(outbox, late)])
    assert await read(url, select(outbox.c.lane).where(outbox.c.key == late["key"])) == [("mail",)]
    await down(url, "0006")
    assert await shape_of(url) == before


async def test_several_replicas_may_migrate_at_once(empty_database_url: str) -> None:
    """One does it, the others wait and find it done."""
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(3)))
    assert await is_current(empty_database_url)


async def test_readiness_is_the_schema_s(empty_database_url: str) -> None:
    """Not ready before the migration, ready after it."""
    database = Database(empty_database_url)
    assert not await database.is_ready()
    await migrate(empty_database_url)
    assert await database.is_ready()
    await database.close()
