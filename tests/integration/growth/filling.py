"""Many orders in PostgreSQL: a few of each kind by the adapter itself, copied within the database.

A copy's ids end in its number and its moments are a while earlier, so that keys are unique and times are spread. What a
row says otherwise is its template's: plans do not depend on it.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg
from msgspec import structs
from sqlalchemy import BigInteger, Column, Uuid

from adapters.db.database import Database
from adapters.db.schema import Moment, metadata
from paywall_core.events import (
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    Event,
    PaymentSucceeded,
    TimePassed,
    TokenRedeemed,
)
from paywall_core.facts import Period
from paywall_core.money import Money
from paywall_core.operator import Operator
from paywall_core.order import Order
from paywall_core.ports.unit_of_work import DeliveryStatus, OperatorAct, Settlement
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.testing.contract.samples import MONTHLY, NOW, ONCE, REFUND, add, change, notification, place
from paywall_core.tracking import FunnelEvent, TrackingAttempt, TrackingOutcome

DAY: Final = timedelta(days=1)
SPREAD: Final = 20 * DAY
"""The oldest copy is so much older than its template."""

KINDS: Final = (
    *("active",) * 7,
    *("subscribed",) * 4,
    *("lapsed",) * 4,
    *("abandoned",) * 2,
    "unredeemed",
    "refunded",
    "open",
)
"""Twenty orders, each copied as often."""

_TAGGED: Final = frozenset(
    {
        "address", "checkout_session_id", "clickid", "email", "email_key", "key", "live_subscription_id", "reference",
        "stripe_event_id", "telegram_chat_id",
    }
)  # fmt: skip
_COPIED: Final = {
    "orders": "true",
    "order_history": "true",
    "order_references": "true",
    "payment_events": "waiting_since IS NULL",  # what waits is rare
    "parked_references": "reference NOT LIKE 'waits%'",
    "outbox": "status <> 'pending' AND status <> 'dead' OR due_at > now_ + interval '2 days'",  # so is what is due
    "restore_challenges": "true",
    "tracking_events": "true",
}


async def write_templates(database: Database) -> list[Order]:
    """One order for each place of `KINDS`, with all that belongs to it, and what belongs to none."""
    written = [await _live(database, number, kind) for number, kind in enumerate(KINDS)]
    async with database.unit_of_work() as uow:
        for name, at in (("foreign", NOW - 30 * DAY), ("waits", NOW)):  # of another product on the same account
            foreign = notification(f"evt_{name}", REFUND, references=(f"{name}_pi", f"{name}_ch"))
            await uow.payment_events.add([(foreign, None)], received_at=at)
        await uow.payment_events.set_aside("evt_foreign", at=NOW)
        for number in range(12):
            challenge = RestoreChallenge(address=_email(number), id=UUID(int=number + 1), issued=(NOW,))
            await uow.restore_challenges.put(challenge)
        for number in range(8):
            attempt = TrackingAttempt(
                id=UUID(int=number + 100),
                received_at=NOW,
                event=FunnelEvent(name="visit", clickid=f"click{number}"),
                outcome=TrackingOutcome.QUEUED,
            )
            await uow.tracking_log.add(attempt)
            await uow.tracking_log.settle(attempt.id, TrackingOutcome.DELIVERED, at=NOW, reason=None)
        operator = Operator.of("kate", "asked")
        await uow.operator_log.add(
            OperatorAct(at=NOW, by=operator.by, why=operator.why, act="resend", subject="x", order_id=written[0].id)
        )
        await uow.commit()
    return written


async def copy(connection: asyncpg.Connection, rounds: int, *, unlogged: bool) -> None:
    """Copy all templates so many times; `unlogged` is faster, and PostgreSQL cannot do it with tables in parts."""
    if unlogged:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(f"ALTER TABLE {table.name} SET UNLOGGED")
    await connection.execute("SET session_replication_role = replica")  # foreign keys are right in the templates
    for name, condition in _COPIED.items():
        columns = {column.name: _expression(column) for column in metadata.tables[name].c}
        rows = condition.replace("now_", f"timestamptz '{NOW.isoformat()}'")
        values = ", ".join(columns.values()).replace("step_", f"interval '{SPREAD.total_seconds() / rounds} seconds'")
        await connection.execute(
            f"INSERT INTO {name} ({', '.join(columns)}) SELECT {values} FROM generate_series(1, {rounds}) AS n"  # noqa: S608  - its own
            f" CROSS JOIN (SELECT * FROM {name} WHERE {rows} OFFSET 0) AS t",
            timeout=3600,
        )
    await connection.execute("SET session_replication_role = origin")
    await connection.execute("VACUUM (ANALYZE)", timeout=3600)


def _expression(column: Column[object]) -> str:
    """How a copy's value follows from its template's; null stays null."""
    value = f"t.{column.name}"
    if isinstance(column.type, Uuid):
        return f"md5({value}::text || n)::uuid"
    if isinstance(column.type, Moment):
        return f"{value} - n * step_"
    if isinstance(column.type, BigInteger):
        return f"{value} + n * 100"
    return f"{value} || '.' || n" if column.name in _TAGGED else value


def _email(number: int) -> str:
    return f"customer{number}@example.com"


async def _live(database: Database, number: int, kind: str) -> Order:
    """One order of a kind, up to now."""
    at = NOW - (60 if kind in ("lapsed", "refunded") else 0) * DAY
    order = place(
        chat=str(1000 + number) if number % 2 else None,
        at=at,
        email=_email(number),
        terms=MONTHLY if kind == "subscribed" else ONCE,
    )
    order = await add(database, structs.replace(order, clickid=f"click{number}"))
    for events in _lives(number, kind, at):
        order = await change(database, order, *events, now=at)
    if kind == "lapsed":
        order = await change(database, order, TimePassed(), now=at + 40 * DAY)
    references = [f"{prefix}_{number}" for prefix in ("cs", "pi", "ch")]
    async with database.unit_of_work() as uow:
        await uow.orders.claim(dict.fromkeys(references, order.id))
        if kind not in ("open", "abandoned"):
            heard = structs.replace(notification(f"evt_{number}", references=tuple(references)), occurred_at=at)
            await uow.payment_events.add([(heard, order.id)], received_at=at)
        for delivery in await uow.outbox.lease(now=NOW, limit=99, lease_until=NOW, lease_id=uuid4()):
            await uow.outbox.settle([(delivery, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))])
        await uow.commit()
    return order


def _lives(number: int, kind: str, at: datetime) -> list[tuple[Event, ...]]:
    """What befell it, step by step."""
    session, subscription = f"cs_{number}", f"sub_{number}" if kind == "subscribed" else None
    paid = PaymentSucceeded(
        payment_id=f"in_{number}" if subscription else f"pi_{number}",
        paid_at=at,
        amount=Money.of(1500, "eur"),
        session_id=session,
        subscription_id=subscription,
        period=Period(start=at, end=at + 30 * DAY) if subscription else None,
    )
    steps: list[tuple[Event, ...]] = [(CheckoutOpened(session_id=session),)]
    if kind == "open":
        return steps
    if kind == "abandoned":
        return [*steps, (CheckoutExpired(session_id=session),)]
    steps.append((CheckoutCompleted(session_id=session, subscription_id=subscription), paid))
    if kind != "unredeemed":
        steps.append((TokenRedeemed(token_version=1, telegram_user_id=10 + number),))
    if kind == "refunded":
        steps.append((structs.replace(REFUND, payment=f"pi_{number}", charge=f"ch_{number}"),))
    return steps
