"""Orders, their history and their provider ids, on SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Insert, Select, bindparam, func, insert, select, update

from adapters.db.conflicts import conflicts_of
from adapters.db.connection import Connection
from adapters.db.rows import CHANGING_COLUMNS, changing_columns, history_of_row, history_row, order_of_row, order_row
from adapters.db.schema import LIVE, NOT_LIVE, SERVES_BEST, order_history, order_references, orders
from adapters.db.statements import Statement, insert_into
from paywall_core.errors import ConcurrentUpdate
from paywall_core.order import Change, HistoryEntry, Order
from paywall_core.ports.unit_of_work import LapseCensus, OrderRepository


def _bind(dialect: str) -> Insert:
    """An id that has an owner keeps it."""
    marked = insert_into(dialect, order_references)
    owner = order_references.c.order_id
    bound: Insert = marked.on_conflict_do_update(
        index_elements=["reference"], set_={"order_id": func.coalesce(owner, marked.excluded.order_id)}
    ).returning(owner)
    return bound


_BY_ID: Final[Select[Any]] = select(orders).where(orders.c.id == bindparam("order_id"))
_LAPSED: Final = orders.c.access_until <= bindparam("now", type_=orders.c.access_until.type)

_ADD: Final = Statement(insert(orders), columns=[*(c.name for c in orders.c if c.name != "provider_read_at")])
_GET: Final = Statement(_BY_ID)
_LOCK: Final = Statement(_BY_ID.with_for_update(key_share=True))
_SAVE: Final = Statement(
    update(orders).where(orders.c.id == bindparam("order_id"), orders.c.version == bindparam("expected_version")),
    columns=CHANGING_COLUMNS,
)
_TELL: Final = Statement(insert(order_history))
_IS_KNOWN: Final = Statement(select(orders.c.id).where(orders.c.id == bindparam("order_id")))
_CLAIM: Final = Statement(_bind, columns=["reference", "order_id"])
_TAKE_LAPSED: Final = Statement(
    select(orders)
    .where(LIVE, _LAPSED)
    .order_by(orders.c.access_until, orders.c.id)
    .limit(bindparam("limit"))
    .with_for_update(key_share=True, skip_locked=True)
)
_TAKE_SHUT_OUT: Final = Statement(
    select(orders)
    .where(NOT_LIVE, orders.c.access_until > bindparam("now", type_=orders.c.access_until.type))
    .order_by(orders.c.access_until, orders.c.id)
    .limit(bindparam("limit"))
    .with_for_update(key_share=True, skip_locked=True)
)
_CENSUS: Final = Statement(
    select(func.count().filter(_LAPSED).label("lapsed"), func.count().label("live")).select_from(orders).where(LIVE)
)
_PAID_BY: Final = Statement(
    select(orders)
    .where(orders.c.email_key == bindparam("address"), orders.c.first_paid_at.is_not(None))
    .order_by(*SERVES_BEST)
    .limit(bindparam("limit"))
)
_HISTORY: Final = Statement(
    select(order_history).where(order_history.c.order_id == bindparam("order_id")).order_by(order_history.c.sequence)
)


class SqlOrders(OrderRepository):
    """Orders in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, order: Order) -> None:
        """Write a new order."""
        with conflicts_of(order.id):
            await self._connection.change(_ADD, order_row(order))

    async def get(self, order_id: UUID, *, for_update: bool = False) -> Order | None:
        """Read an order, locked if wanted (on SQLite the transaction itself is the lock)."""
        with conflicts_of(order_id):
            row = await self._connection.first(_LOCK if for_update else _GET, {"order_id": order_id})
        return None if row is None else order_of_row(row)

    async def save(self, change: Change, *, expected_version: int) -> None:
        """Write a change, if nobody else did meanwhile."""
        order = change.order
        values = {**changing_columns(order), "order_id": order.id, "expected_version": expected_version}
        with conflicts_of(order.id):
            if await self._connection.change(_SAVE, values) != 1:
                raise ConcurrentUpdate(order.id)
            if change.history:
                await self._connection.each(_TELL, [history_row(order, entry) for entry in change.history])

    async def claim(self, references: Sequence[str], order_id: UUID | None) -> frozenset[UUID]:
        """Bind provider ids to an order, in their sorted order so that two transactions cannot lock crosswise."""
        found = None if order_id is None else await self._connection.first(_IS_KNOWN, {"order_id": order_id})
        known = None if found is None else found.id
        owners = set() if known is None else {known}
        if references:
            rows = [{"reference": reference, "order_id": known} for reference in sorted(set(references))]
            bound = await self._connection.each(_CLAIM, rows)
            owners.update(row.order_id for row in bound if row.order_id is not None)
        return frozenset(owners)

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Order]:
        """Lapsed orders, locked; those locked by others are passed over."""
        found = await self._connection.all(_TAKE_LAPSED, {"now": now, "limit": limit})
        return [order_of_row(row) for row in found]

    async def shut_out(self, now: datetime, limit: int) -> Sequence[Order]:
        """Orders that are recorded as over too soon, locked; those locked by others are passed over."""
        found = await self._connection.all(_TAKE_SHUT_OUT, {"now": now, "limit": limit})
        return [order_of_row(row) for row in found]

    async def lapse_census(self, now: datetime) -> LapseCensus:
        """Counted in the index that `lapsed` reads, without a look at any order."""
        (row,) = await self._connection.all(_CENSUS, {"now": now})
        return LapseCensus(lapsed=row.lapsed, live=row.live)

    async def paid_by(self, address: str, limit: int) -> Sequence[Order]:
        """Paid orders of an address, the one whose access reaches furthest first."""
        found = await self._connection.all(_PAID_BY, {"address": address, "limit": limit})
        return [order_of_row(row) for row in found]

    async def history(self, order_id: UUID) -> Sequence[HistoryEntry]:
        """The order's history, oldest first."""
        return [history_of_row(row) for row in await self._connection.all(_HISTORY, {"order_id": order_id})]
