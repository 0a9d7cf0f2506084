"""What a statement reads on PostgreSQL, as the server counts it; with a generic plan, and with one made for it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
from msgspec import Struct
from sqlalchemy import DateTime, Integer, String
from sqlalchemy.types import NullType, TypeEngine

from adapters.db.schema import Moment
from adapters.db.statements import Bytes, Document, Several, Statement, dialect_of
from paywall_core.testing.contract.samples import NOW

from .every_statement import Found

PLANS: Final = ("force_generic_plan", "force_custom_plan")
"""A driver's prepared statement is planned for its values at first, and once for all later."""

LIMIT: Final = 20
_NUMBERS: Final = {"version": 1, "base_version": 1, "sequence": 1000, "token_version": 1, "attempts": 0, "tries": 0}
_MOMENTS: Final = {
    # What a chore deletes: much is older than this, and little of it is wanted at once.
    "before": NOW - timedelta(days=5),
    "asked_before": NOW,
    "placed_after": NOW - timedelta(days=30),
    "placed_before": NOW,
    "due_after": NOW + timedelta(hours=2),
    "undelivered_since": NOW - timedelta(hours=1),
    "parked_since": NOW - timedelta(hours=1),
    "unrecorded_since": NOW - timedelta(hours=1),
}
_WORDS: Final = {
    "state": "active",
    "from_state": "pending",
    "to_state": "active",
    "status": "pending",
    "to": "delivered",
    "outcome": "delivered",
    "fulfillment_status": "pending",
    "payment_status": "paid",
    "provider": "stripe",
    "kind": "funnel",
}


class Values:
    """Values for every statement: an order in the middle of all, what is its own, and what is new."""

    def __init__(
        self, row: Mapping[str, Any], event: Mapping[str, Any], *, reference: str, key: str, attempt_id: UUID
    ) -> None:
        event_id = event["stripe_event_id"]
        self._of_statement = {
            "payment_events._PARK": event,  # only an event that is there is parked
            "outbox._SETTLE": {"key": key},  # and only a row that is there is settled
        }
        self._of_order: dict[str, Any] = {
            "order_id": row["id"],
            "owner": row["id"],
            "after": row["id"],
            "session_id": row["checkout_session_id"],
            "session_ids": [row["checkout_session_id"], "cs_unknown"],
            "order_ids": [row["id"]],
            "address": row["email_key"],
            "addresses": [row["email_key"]],
            "references": [reference, "pi_unknown"],
            "event_id": event_id,
            "event_ids": [event_id, "evt_unknown"],
            "of": key,
            "attempt_id": attempt_id,
            "ids": [attempt_id],
            "challenge_id": UUID(int=1),
            "telegram_user_id": row["telegram_user_id"],
        }
        self._keys: dict[type, list[Any]] = {
            int: [row["telegram_user_id"], 5],
            str: [key, row["telegram_chat_id"] or "1001", "unknown"],
        }

    @classmethod
    async def among(cls, connection: asyncpg.Connection) -> "Values":
        """From what is there."""
        (row,) = await connection.fetch(
            "SELECT * FROM orders WHERE state = 'active' AND telegram_user_id IS NOT NULL"
            " AND telegram_chat_id IS NOT NULL AND live_subscription_id IS NULL"
            " ORDER BY created_at OFFSET (SELECT count(*) / 10 FROM orders) LIMIT 1"
        )
        (event,) = await connection.fetch(
            "SELECT stripe_event_id, occurred_at FROM payment_events WHERE order_id = $1", row["id"]
        )
        return cls(
            dict(row),
            dict(event),
            reference=await connection.fetchval(
                "SELECT min(reference) FROM order_references WHERE order_id = $1", row["id"]
            ),
            key=await connection.fetchval("SELECT min(key) FROM outbox WHERE order_id = $1", row["id"]),
            attempt_id=await connection.fetchval("SELECT id FROM tracking_events LIMIT 1"),
        )

    @classmethod
    def made_up(cls) -> "Values":
        """Where nothing is there."""
        row = {
            "id": UUID(int=7),
            "checkout_session_id": "cs_1",
            "email_key": "anna@example.com",
            "telegram_user_id": 7,
            "telegram_chat_id": "7",
        }
        event = {"stripe_event_id": "evt_1", "occurred_at": NOW}
        return cls(row, event, reference="pi_1", key="key", attempt_id=UUID(int=8))

    def of(self, found: Found) -> dict[str, object]:
        """The values for a statement. What nobody knows is new, or nothing that is there."""
        types = types_of(found.statement)
        needed = [name for name, required, _, _ in found.statement.on("postgresql")._values if required]
        known = {**self._of_statement.get(found.name, {}), **found.values}
        given = {name: self._of_value(name, types[name], known) for name in needed}
        (row,) = given.get("given_rows") or [{}]  # where rows are one value; SQLite is given each by itself
        return {**given, **row, **known}

    def _of_value(self, name: str, type_: TypeEngine[Any], known: Mapping[str, Any]) -> Any:
        """A value by its name; of rows, one."""
        if isinstance(type_, Bytes):
            return [{type_.name: b"{}"}]
        if not isinstance(type_, Document):
            return self._of_name(name, type_)
        columns = {column.key or "": column.type for column in type_.columns}
        return [{column: known.get(column, self._of_name(column, columns[column])) for column in columns}]

    def _of_name(self, name: str, type_: TypeEngine[Any]) -> object:
        if name in self._of_order:
            return self._of_order[name]
        if isinstance(type_, Several):
            return self._keys[str if isinstance(type_.item, String) else int]
        if isinstance(type_, Integer | NullType):  # a LIMIT has no type
            return _NUMBERS.get(name, LIMIT)
        if isinstance(type_, Moment | DateTime):
            return _MOMENTS.get(name, NOW)
        python = type_.python_type
        if python is str:
            return _WORDS.get(name, f"new {name}"[: getattr(type_, "length", None) or 99])
        return {UUID: uuid4(), bytes: b"{}", bool: False, datetime: NOW}[python]


class Reading(Struct, frozen=True, kw_only=True):
    """What an execution read.

    Attributes:
        rows: of tables and indexes, what was filtered out included.
        pages: that were looked at, cached or not.
        whole: tables that were read from end to end.
        plan: all of it, for people.
    """

    rows: int
    pages: int
    whole: frozenset[str]
    plan: str


async def reading_of(connection: asyncpg.Connection, found: Found, values: Values, mode: str) -> Reading:
    """Execute it, look, and take it back."""
    written = found.statement.on("postgresql")
    given = values.of(found)
    literals = [_literal(value) for value in written.arguments(given)]
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
        await connection.execute(f"PREPARE looked_at AS {written.sql}")
        execute = "EXECUTE looked_at" + (f" ({', '.join(literals)})" if literals else "")
        said = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}")
    finally:
        await transaction.rollback()
        await connection.execute("DEALLOCATE looked_at")
    plan = json.loads(said)[0]["Plan"]
    nodes = list(_nodes(plan))
    return Reading(
        rows=sum(_rows(node) for node in nodes if "Relation Name" in node or node["Node Type"] == "Bitmap Index Scan"),
        pages=plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        whole=frozenset(node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"),
        plan="\n".join(_line(node) for node in nodes),
    )


def types_of(statement: Statement) -> dict[str, TypeEngine[Any]]:
    """The type of each value that the statement takes."""
    clause = statement._clause("postgresql") if callable(statement._clause) else statement._clause
    compiled: Any = clause.compile(dialect=dialect_of("postgresql"), column_keys=statement._columns)  # type: ignore[attr-defined]  # no DDL
    return {name: bind.type for name, bind in compiled.binds.items()}


def _literal(value: object) -> str:
    """A value as PostgreSQL reads it; its type is the parameter's."""
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "'{" + ",".join("NULL" if item is None else json.dumps(_text(item)) for item in value) + "}'"
    return "'" + _text(value).replace("'", "''") + "'"


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _nodes(plan: Mapping[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    yield {**plan, "depth": depth}
    children: Sequence[Mapping[str, Any]] = plan.get("Plans", ())
    for child in children:
        yield from _nodes(child, depth + 1)


def _rows(node: Mapping[str, Any]) -> int:
    if "ModifyTable" in node["Node Type"]:
        return 0
    each = float(node["Actual Rows"])
    each += node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int(each * node["Actual Loops"])


def _line(node: Mapping[str, Any]) -> str:
    about = [str(node[name]) for name in ("Relation Name", "Index Name", "Index Cond", "Filter") if name in node]
    pages = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
    return f"{'  ' * node['depth']}{node['Node Type']} {' '.join(about)}: {_rows(node)} rows, {pages} pages"
