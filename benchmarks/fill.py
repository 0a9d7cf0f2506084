"""A database with a set number of orders, and more of them that wait for the webhooks of a measurement.

The templates' rows (`templates.py`) are copied within the database, ids put in place; see there for the mixture.
"""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from benchmarks import stripe_events
from benchmarks.databases import Database
from benchmarks.templates import AGES, FIRST_PENDING_SLOT, MIXTURE, PENDING, Kind, Template, write_templates

KEPT_ORDERS: Final = 1_000_000
"""Only so many have their provider's events and their outbox rows still: retention has removed those of the others."""

_REMOVED_BY_RETENTION: Final = frozenset({"payment_events", "outbox", "parked_references"})
_FIRST_PENDING: Final = 50_000_000
_WORTH_UNINDEXING: Final = 50_000


class Recorded(Struct, frozen=True, kw_only=True):
    """What a measurement's webhooks left behind."""

    events: int
    paid_orders: int
    outbox_rows: int


class Filled:
    """A database that is filled.

    Attributes:
        database: it.
        orders: how many, those of the measurements not counted.
    """

    def __init__(self, database: Database, orders: int, copies: Sequence["_Copy"]) -> None:
        self.database = database
        self.orders = orders
        self._copies = copies
        self._next = _FIRST_PENDING

    def pick(self, chance: random.Random, *kinds: Kind) -> int:
        """The number of an order of one of these kinds, any of them."""
        places = [place for place, kind in enumerate(MIXTURE) if kind in kinds]
        return chance.randrange(self.orders // len(MIXTURE)) * len(MIXTURE) + chance.choice(places)

    async def add_pending(self, count: int) -> range:
        """Orders that nobody has paid yet; their numbers."""
        first = self._next
        self._next += count
        slot = f"{FIRST_PENDING_SLOT} + n % {len(PENDING)}"
        for copy in self._copies:
            if copy.has_pending:
                await self.database.execute(copy.sql(self.database.series(first, count), slot))
        await self.database.tidy()
        return range(first, first + count)

    async def recorded(self, numbers: range) -> Recorded:
        """Count what the webhooks of these orders did."""
        ids = self._ids(numbers)
        (events,) = (await self.database.fetch(f"SELECT count(*) FROM payment_events WHERE order_id IN {ids}"))[0]
        (rows,) = (await self.database.fetch(f"SELECT count(*) FROM outbox WHERE order_id IN {ids}"))[0]
        (paid,) = (
            await self.database.fetch(
                f"SELECT count(*) FROM orders WHERE state = 'token_issued' AND payment_status = 'paid' AND id IN {ids}"
            )
        )[0]
        return Recorded(events=events, paid_orders=paid, outbox_rows=rows)

    async def remove_pending(self, numbers: range) -> None:
        """Take them away with all that followed, so that each measurement finds the same number of orders."""
        ids = self._ids(numbers)
        series = self.database.series(numbers.start, len(numbers))
        gone = [
            *(
                f"order_references WHERE reference IN (SELECT '{prefix}' || tag FROM {series} AS s)"
                for prefix in stripe_events.REFERENCE_PREFIXES
            ),
            *(f"{table} WHERE order_id IN {ids}" for table in ("outbox", "order_history", "payment_events")),
            f"orders WHERE id IN {ids}",
        ]
        for rows in gone:
            await self.database.execute(f"{self.database.by_index}DELETE FROM {rows}")

    def _ids(self, numbers: range) -> str:
        return f"(SELECT new_id FROM {self.database.series(numbers.start, len(numbers))} AS s)"


class _Copy:
    """How one table's templates become rows of orders."""

    def __init__(self, table: str, expressions: dict[str, str], *, has_pending: bool) -> None:
        self.table = table
        self.has_pending = has_pending
        self._expressions = expressions

    def sql(self, series: str, slot: str) -> str:
        """The statement for a series of orders' numbers; `slot` says which template each of them copies."""
        columns, values = ", ".join(self._expressions), ", ".join(self._expressions.values())
        return (
            f"INSERT INTO {self.table} ({columns}) SELECT {values}"
            f" FROM {series} AS s JOIN template_{self.table} AS t ON t.template_slot = {slot}"
        )


async def fill(database: Database, orders: int) -> Filled:
    """Fill a new database with so many orders."""
    began = time.monotonic()
    templates = await write_templates(database.url)
    # Whatever is due has gone out; what remains are reminders of a day to come.
    await database.execute(
        "UPDATE outbox SET status = 'delivered', attempts = 1, settled_at = due_at"
        f" WHERE due_at <= '{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
    )
    copies = await _make_copies(database, templates)
    back = await database.unindexed() if orders > _WORTH_UNINDEXING else []
    slot = f"(n * {AGES} / {orders}) * {len(MIXTURE)} + n % {len(MIXTURE)}"
    for copy in copies:
        first = max(0, orders - KEPT_ORDERS) if copy.table in _REMOVED_BY_RETENTION else 0
        await database.execute(copy.sql(database.series(first, orders - first), slot))
    for statement in back:
        await database.execute(statement)
    await database.settle()
    print(f"  {database.kind}: {orders:,} orders filled in {time.monotonic() - began:.0f} s", flush=True)
    return Filled(database, orders, copies)


async def _make_copies(database: Database, templates: Sequence[Template]) -> list[_Copy]:
    """Move the templates' rows into tables of their own; what is empty then is what is going to be filled."""
    id_type = "uuid" if database.kind == "postgresql" else "CHAR(32)"
    await database.execute(
        "CREATE TABLE template_slots"
        f" (template_slot bigint, template_tag text, template_id {id_type}, template_text text)"
    )
    await database.insert(
        "template_slots", [(t.slot, t.tag, database.id_value(t.order_id), str(t.order_id)) for t in templates]
    )
    of_orders = {}
    for table in await database.tables():
        columns = await database.columns(table)
        if table == "orders" or (not table.startswith("template") and "order_id" in columns):
            of_orders[table] = columns
    copies = []
    for table, columns in of_orders.items():
        owner = "id" if table == "orders" else "order_id"
        await database.execute(
            f"CREATE TABLE template_{table} AS"
            f" SELECT s.*, x.* FROM {table} AS x JOIN template_slots AS s ON s.template_id = x.{owner};"
            f"CREATE INDEX template_{table}_slot ON template_{table} (template_slot)"
        )
        slots = f"SELECT count(*), count(*) FILTER (WHERE template_slot >= {FIRST_PENDING_SLOT}) FROM template_{table}"
        (rows, pending) = (await database.fetch(slots))[0]
        if rows:
            expressions = {name: await _expression(database, table, name, kind) for name, kind in columns.items()}
            copies.append(_Copy(table, expressions, has_pending=pending > 0))
    copies.sort(key=lambda copy: copy.table != "orders")
    await database.execute("".join(f"DELETE FROM {table};" for table in sorted(of_orders, key="orders".__eq__)))
    return copies


async def _expression(database: Database, table: str, column: str, kind: str) -> str:
    """How a column's value is a copy's: as it is, or with the template's ids replaced."""
    if kind == "id" and column in ("id", "order_id"):
        return "s.new_id"
    if column == "telegram_user_id":
        return f"CASE WHEN t.{column} IS NULL THEN NULL ELSE {stripe_events.TAG_BASE} + s.n END"
    if kind not in ("text", "bytes"):
        return f"t.{column}"
    text = database.text_of.format(f"t.{column}") if kind == "bytes" else f"t.{column}"
    for part, new in (("t.template_tag", "s.tag"), ("t.template_text", "s.id_text")):
        holds = database.position(text.replace("s.tag", "t.template_tag"), part)
        (found,) = (await database.fetch(f"SELECT count(*) FROM template_{table} AS t WHERE {holds} > 0"))[0]
        if found:
            text = f"replace({text}, {part}, {new})"
    if "replace(" not in text:
        return f"t.{column}"
    return database.bytes_of.format(text) if kind == "bytes" else text
