"""What operators and chores ask is answered from indexes, too: no table is read from end to end, however long it is."""

import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from uuid import UUID

import pytest
from sqlalchemy import insert

from adapters.db.database import Database
from adapters.db.rows import OUTBOX_COLUMNS, order_row, outbox_row
from adapters.db.schema import metadata, orders, outbox
from adapters.db.statements import Statement
from paywall_core.effects import ReportSale
from paywall_core.lifecycle import State
from paywall_core.ports.operations import INVARIANTS, OrderQuery, OutboxQuery, WatchLimits
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing.contract.samples import MINUTE, NOW, add, place

from .test_query_plans import plan_of, statements

Ask: TypeAlias = Callable[[Database, UUID], Awaitable[object]]
"""A question; some are about an order."""

ORDERS: Final = "pk_orders|autoindex_orders"
OUTBOX: Final = "pk_outbox|autoindex_outbox"
EVENTS: Final = "uq_payment_events_stripe_event_id|autoindex_payment_events"
STATES: Final = [f"ix_orders_{state}" for state in State]
STATUSES: Final = [f"ix_outbox_{status}" for status in DeliveryStatus]
WHOLE_TABLE: Final = re.compile(rf"Seq Scan|SCAN ({'|'.join(metadata.tables)})\b(?! USING)")


def search(query: OrderQuery) -> Ask:
    """Ask for orders."""
    return lambda database, _: database.archive.search(query)


def lines(query: OutboxQuery) -> Ask:
    """Ask for rows of the outbox."""
    return lambda database, _: database.outbox_archive.lines(query)


async def _dossier(database: Database, order_id: UUID) -> None:
    await database.archive.dossier(order_id)


async def _open_sessions(database: Database, _: UUID) -> None:
    await database.archive.open_sessions(placed_after=NOW - 60 * MINUTE, placed_before=NOW, asked_before=NOW, limit=10)


async def _every_order(database: Database, order_id: UUID) -> None:
    await database.archive.every_order(after=order_id, limit=10)


async def _retry(database: Database, _: UUID) -> None:
    async with database.unit_of_work() as uow:
        await uow.outbox.retry(["one", "two"], due_at=NOW)


async def _events(database: Database, _: UUID) -> None:
    async with database.unit_of_work() as uow:
        await uow.payment_events.find_parked("evt_1")
        await uow.payment_events.set_aside("evt_1", at=NOW)
        await uow.payment_events.known(["evt_1", "evt_2"])


@pytest.mark.parametrize(
    ("ask", "indexes"),
    [
        (search(OrderQuery()), [STATES]),
        (search(OrderQuery(state=State.REVOKED)), [["ix_orders_revoked"]]),
        (search(OrderQuery(address="anna@example.com")), [["ix_orders_email_key"]]),
        (search(OrderQuery(telegram_user_id=5)), [["ix_orders_gate", "ix_orders_chat", ORDERS]]),
        (search(OrderQuery(reference="pi_1")), [["pk_order_references|autoindex_order_references", ORDERS]]),
        (_every_order, [[ORDERS]]),
        (_open_sessions, [["ix_orders_open_sessions"]]),
        (
            _dossier,
            [
                [ORDERS],
                ["pk_order_history|autoindex_order_history"],
                ["ix_payment_events_order_id"],
                ["ix_outbox_order_id"],
                ["ix_operator_acts_order_id"],
            ],
        ),
        (lines(OutboxQuery()), [STATUSES]),
        (lines(OutboxQuery(statuses=(DeliveryStatus.DEAD,), key_prefix="notice")), [["ix_outbox_dead"]]),
        (lines(OutboxQuery(keys=("one", "two"))), [[OUTBOX]]),
        (_retry, [[OUTBOX]]),
        (_events, [[EVENTS], [EVENTS], [EVENTS]]),
    ],
)
async def test_operator_s_question_is_answered_from_indexes(
    database: Database, ask: Ask, indexes: list[list[str]]
) -> None:
    """Each statement from the indexes that are made for it."""
    order = await add(database, place())
    with statements() as seen:
        await ask(database, order.id)
    assert len(seen) == len(indexes)
    for (statement, parameters), names in zip(seen, indexes, strict=True):
        plan = await plan_of(database, statement, parameters)
        for name in names:
            assert any(spelling in plan for spelling in name.split("|")), plan
        assert not WHOLE_TABLE.search(plan), plan


async def fill(database: Database, count: int) -> UUID:
    """Orders that are all active, each of another customer and with a dead letter; the id of one of them."""
    placed = [place(email=f"{number}@example.com", at=NOW + number * MINUTE) for number in range(count)]
    effects = [ReportSale(order_id=order.id) for order in placed]
    async with database.pool.writing() as connection:
        known = [{**order_row(order), "state": "active"} for order in placed]
        await connection.each(Statement(insert(orders), columns=list(known[0])), known)
        rows = [{**outbox_row(effect, now=NOW), "status": "dead"} for effect in effects]
        await connection.each(Statement(insert(outbox), columns=OUTBOX_COLUMNS), rows)
        if connection.dialect == "postgresql":
            await connection.run("ANALYZE")
    return placed[count // 2].id


async def test_one_customer_s_orders_are_not_looked_for_among_all_of_a_state(database: Database) -> None:
    """Though those are sorted already: PostgreSQL knows how many there are, and SQLite is not shown their index."""
    order_id = await fill(database, 500)
    with statements() as seen:
        await database.archive.search(OrderQuery(address="7@example.com", state=State.ACTIVE))
        await database.outbox_archive.lines(OutboxQuery(order_id=order_id, statuses=(DeliveryStatus.DEAD,)))
    for (statement, parameters), index in zip(seen, ["ix_orders_email_key", "ix_outbox_order_id"], strict=True):
        plan = await plan_of(database, statement, parameters)
        assert index in plan, plan


async def test_newest_of_a_state_are_read_off_the_end_of_its_index(database: Database) -> None:
    """They are sorted already, so that reading stops with the last one that is wanted."""
    with statements() as seen:
        await database.archive.search(OrderQuery(state=State.ACTIVE))
        await database.outbox_archive.lines(OutboxQuery(statuses=(DeliveryStatus.DELIVERED,)))
    for statement, parameters in seen:
        plan = await plan_of(database, statement, parameters)
        assert plan.count("Sort Key") + plan.count("TEMP B-TREE") <= 1, plan  # the few that were read, once more


async def test_each_invariant_is_told_from_the_index_made_for_it(database: Database) -> None:
    """Most read what is wrong alone; two also what might be: unredeemed orders, live subscriptions."""
    expected = [
        ["ix_orders_shut_out", "ix_orders_token_issued", "ix_outbox_order_id"],
        ["ix_orders_lapsing", "ix_orders_unpaid"],
        ["ix_outbox_first_due"],
        ["ix_outbox_dead"],
        ["ix_payment_events_waiting"],
        ["ix_orders_subscribed"],
    ]
    with statements() as seen:
        await database.watch.violations(NOW, WatchLimits())
    assert len(seen) == len(expected) == len(INVARIANTS)
    for (statement, parameters), names in zip(seen, expected, strict=True):
        plan = await plan_of(database, statement, parameters)
        assert [name for name in names if name not in plan] == [], plan
        assert not WHOLE_TABLE.search(plan), plan


async def test_census_is_counted_in_an_index_without_a_look_at_the_orders(database: Database) -> None:
    """All that have access on record stand in it, and nothing else does."""
    with statements() as seen:
        async with database.unit_of_work() as uow:
            await uow.orders.lapse_census(NOW)
    ((statement, parameters),) = seen
    plan = await plan_of(database, statement, parameters)
    assert "Index Only Scan using ix_orders_lapsing" in plan or "COVERING INDEX ix_orders_lapsing" in plan, plan
