"""Orders, their history and their provider ids, on SQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Insert, Select, Update, bindparam, column, func, insert, select, update

from adapters.db.conflicts import conflicts_of
from adapters.db.connection import Connection
from adapters.db.one_trip import OneTrip
from adapters.db.outbox import ENQUEUE, SqlOutbox
from adapters.db.rows import (
    CHANGING_COLUMNS,
    ORDER_COLUMNS,
    changing_columns,
    history_of_row,
    history_row,
    order_of_row,
    order_row,
)
from adapters.db.schema import LIVE, NOT_LIVE, SERVES_BEST, order_history, order_references, orders
from adapters.db.statements import Rows, Statement, among
from paywall_core.errors import ConcurrentUpdate
from paywall_core.order import Change, HistoryEntry, Order
from paywall_core.ports.unit_of_work import LapseCensus, OrderRepository

_WHOLE: Final = [orders.c[name] for name in ORDER_COLUMNS]


def _claim(dialect: str) -> Insert:
    """An id that has an owner keeps it; an owner that does not exist is none."""
    rows = Rows(dialect, order_references.c.reference, order_references.c.order_id)
    known = select(orders.c.id).where(orders.c.id == rows.c["order_id"]).scalar_subquery()
    marked = rows.insert_into(order_references, order_id=known)
    owner = order_references.c.order_id
    bound: Insert = marked.on_conflict_do_update(
        index_elements=["reference"], set_={"order_id": func.coalesce(owner, marked.excluded.order_id)}
    ).returning(order_references.c.reference, owner)
    return bound


def _lock(dialect: str) -> Select[Any]:
    """In the order of their ids, so that two transactions cannot lock crosswise."""
    wanted = among(dialect, orders.c.id, "order_ids")
    return select(*_WHOLE).where(wanted).order_by(orders.c.id).with_for_update(key_share=True)


def _save(dialect: str) -> Update:
    changing = [orders.c[name] for name in CHANGING_COLUMNS]
    rows = Rows(dialect, orders.c.id, column("base_version", orders.c.version.type), *changing)
    values = {name: rows.c[name] for name in CHANGING_COLUMNS}
    its_base = (orders.c.id == rows.c["id"], orders.c.version == rows.c["base_version"])
    return update(orders).where(*its_base).values(values).returning(orders.c.id)


def _tell(dialect: str) -> Insert:
    told: Insert = Rows(dialect, *order_history.c).insert_into(order_history)
    return told


_BY_ID: Final[Select[Any]] = select(*_WHOLE).where(orders.c.id == bindparam("order_id"))
_LAPSED: Final = orders.c.access_until <= bindparam("now", type_=orders.c.access_until.type)

_ADD: Final = Statement(insert(orders), columns=[*(c.name for c in orders.c if c.name != "provider_read_at")])
_GET: Final = Statement(_BY_ID)
_LOCK: Final = Statement(_BY_ID.with_for_update(key_share=True))
_LOCK_ALL: Final = Statement(_lock)
_SAVE: Final = Statement(_save)
_TELL: Final = Statement(_tell)
_CLAIM: Final = Statement(_claim)
_FIND: Final = OneTrip(_CLAIM, _LOCK_ALL)
_WRITE: Final = OneTrip(_SAVE, _TELL, ENQUEUE)
_TAKE_LAPSED: Final = Statement(
    select(*_WHOLE)
    .where(LIVE, _LAPSED)
    .order_by(orders.c.access_until, orders.c.id)
    .limit(bindparam("limit"))
    .with_for_update(key_share=True, skip_locked=True)
)
_TAKE_SHUT_OUT: Final = Statement(
    select(*_WHOLE)
    .where(NOT_LIVE, orders.c.access_until > bindparam("now", type_=orders.c.access_until.type))
    .order_by(orders.c.access_until, orders.c.id)
    .limit(bindparam("limit"))
    .with_for_update(key_share=True, skip_locked=True)
)
_CENSUS: Final = Statement(
    select(func.count().filter(_LAPSED).label("lapsed"), func.count().label("live")).select_from(orders).where(LIVE)
)
_PAID_BY: Final = Statement(
    select(*_WHOLE)
    .where(orders.c.email_key == bindparam("address"), orders.c.first_paid_at.is_not(None))
    .order_by(*SERVES_BEST)
    .limit(bindparam("limit"))
)
_HISTORY: Final = Statement(
    select(order_history).where(order_history.c.order_id == bindparam("order_id")).order_by(order_history.c.sequence)
)


class SqlOrders(OrderRepository):
    """Orders in one transaction."""

    def __init__(self, connection: Connection, outbox: SqlOutbox) -> None:
        self._connection = connection
        self._outbox = outbox
        self.changes: list[Change] = []
        """What this transaction has written; of a new order, a change that nothing came to."""

    async def add(self, order: Order) -> None:
        """Write a new order."""
        with conflicts_of(order.id):
            await self._connection.change(_ADD, order_row(order))
        self.changes.append(Change(order=order))

    async def get(self, order_id: UUID, *, for_update: bool = False) -> Order | None:
        """Read an order, locked if wanted (on SQLite the transaction itself is the lock)."""
        with conflicts_of(order_id):
            row = await self._connection.first(_LOCK if for_update else _GET, {"order_id": order_id})
        return None if row is None else order_of_row(row)

    async def lock(self, order_ids: Collection[UUID]) -> Mapping[UUID, Order]:
        """Read orders, locked, in the order of their ids."""
        if not order_ids:
            return {}
        with conflicts_of(*order_ids):
            found = await self._connection.all(_LOCK_ALL, {"order_ids": list(order_ids)})
        return {row.id: order_of_row(row) for row in found}

    async def save(self, *changes: Change) -> None:
        """Write changes, where nobody else did meanwhile."""
        saved = [
            {"id": change.order.id, "base_version": change.base_version, **changing_columns(change.order)}
            for change in changes
        ]
        told = [history_row(change.order, entry) for change in changes for entry in change.history]
        owed = self._outbox.rows([(effect, change.at) for change in changes for effect in change.effects])
        with conflicts_of(*(change.order.id for change in changes)):
            found, _, written = await self._connection.in_one_trip(_WRITE, saved, told, owed)
        as_they_were = {row.id for row in found}
        for change in changes:
            if change.order.id not in as_they_were:
                raise ConcurrentUpdate(change.order.id)
        self._outbox.written(owed, written)
        self.changes += changes

    async def claim(self, wanted: Mapping[str, UUID | None]) -> Mapping[str, UUID | None]:
        """Bind provider ids to orders, in their sorted order so that two transactions cannot lock crosswise."""
        rows = [{"reference": reference, "order_id": wanted[reference]} for reference in sorted(wanted)]
        return {row.reference: row.order_id for row in await self._connection.each(_CLAIM, rows)}

    async def find(
        self, wanted: Mapping[str, UUID | None], named: Collection[UUID]
    ) -> tuple[Mapping[str, UUID | None], Mapping[UUID, Order]]:
        """Bind provider ids, then lock: in one trip, where it is known whose they are before they are asked.

        Else the orders' own order would be lost, in which all are locked, and two transactions could lock crosswise.
        """
        if not wanted or not set(wanted.values()) <= set(named):
            owners = await self.claim(wanted) if wanted else {}
            return owners, await self.lock({*named, *_those_of(owners)})
        claimed = [{"reference": reference, "order_id": wanted[reference]} for reference in sorted(wanted)]
        with conflicts_of(*named):
            bound, locked = await self._connection.in_one_trip(_FIND, claimed, {"order_ids": list(named)})
        owners = {row.reference: row.order_id for row in bound}
        found = {row.id: order_of_row(row) for row in locked}
        others = {*named, *_those_of(owners)} - found.keys()
        return owners, {**found, **(await self.lock(others))} if others else found

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


def _those_of(owners: Mapping[str, UUID | None]) -> Iterable[UUID]:
    return (owner for owner in owners.values() if owner is not None)
