"""Orders, their history and their provider ids, on SQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.conflicts import conflicts_of
from adapters.db.rows import changing_columns, history_of_row, history_row, order_of_row, order_row
from adapters.db.schema import LIVE, SERVES_BEST, order_history, order_references, orders
from paywall_core.errors import ConcurrentUpdate
from paywall_core.order import Change, HistoryEntry, Order
from paywall_core.ports.unit_of_work import LapseCensus, OrderRepository


class SqlOrders(OrderRepository):
    """Orders in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, order: Order) -> None:
        """Write a new order."""
        with conflicts_of(order.id):
            await self._connection.execute(insert(orders), order_row(order))

    async def get(self, order_id: UUID, *, for_update: bool = False) -> Order | None:
        """Read an order, locked if wanted (on SQLite the transaction itself is the lock)."""
        query = select(orders).where(orders.c.id == order_id)
        if for_update:
            query = query.with_for_update(key_share=True)
        with conflicts_of(order_id):
            row = (await self._connection.execute(query)).first()
        return None if row is None else order_of_row(row)

    async def save(self, change: Change, *, expected_version: int) -> None:
        """Write a change, if nobody else did meanwhile."""
        order = change.order
        statement = (
            update(orders)
            .where(orders.c.id == order.id, orders.c.version == expected_version)
            .values(changing_columns(order))
        )
        with conflicts_of(order.id):
            if (await self._connection.execute(statement)).rowcount != 1:
                raise ConcurrentUpdate(order.id)
            if change.history:
                rows = [history_row(order, entry) for entry in change.history]
                await self._connection.execute(insert(order_history), rows)

    async def claim(self, references: Sequence[str], order_id: UUID | None) -> frozenset[UUID]:
        """Bind provider ids to an order, in their sorted order so that two transactions cannot lock crosswise."""
        known = None
        if order_id is not None:
            known = (await self._connection.execute(select(orders.c.id).where(orders.c.id == order_id))).scalar()
        owners = set() if known is None else {known}
        if references:
            make = postgresql_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
            rows = [{"reference": reference, "order_id": known} for reference in sorted(set(references))]
            marked = make(order_references)
            owner = order_references.c.order_id
            bound = await self._connection.execute(
                marked.on_conflict_do_update(
                    index_elements=["reference"], set_={"order_id": func.coalesce(owner, marked.excluded.order_id)}
                ).returning(owner),
                rows,  # beside the statement: written into it, they would have it compiled anew each time
            )
            owners.update(found for found in bound.scalars() if found is not None)
        return frozenset(owners)

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Order]:
        """Lapsed orders, locked; those locked by others are passed over."""
        query = (
            select(orders)
            .where(LIVE, orders.c.access_until <= now)
            .order_by(orders.c.access_until, orders.c.id)
            .limit(limit)
            .with_for_update(key_share=True, skip_locked=True)
        )
        return [order_of_row(row) for row in await self._connection.execute(query)]

    async def lapse_census(self, now: datetime) -> LapseCensus:
        """Counted in the index that `lapsed` reads, without a look at any order."""
        lapsed = func.count().filter(orders.c.access_until <= now)
        row = (await self._connection.execute(select(lapsed, func.count()).select_from(orders).where(LIVE))).one()
        return LapseCensus(lapsed=row[0], live=row[1])

    async def paid_by(self, address: str, limit: int) -> Sequence[Order]:
        """Paid orders of an address, the one whose access reaches furthest first."""
        query = (
            select(orders)
            .where(orders.c.email_key == address, orders.c.first_paid_at.is_not(None))
            .order_by(*SERVES_BEST)
            .limit(limit)
        )
        return [order_of_row(row) for row in await self._connection.execute(query)]

    async def history(self, order_id: UUID) -> Sequence[HistoryEntry]:
        """The order's history, oldest first."""
        query = select(order_history).where(order_history.c.order_id == order_id).order_by(order_history.c.sequence)
        return [history_of_row(row) for row in await self._connection.execute(query)]
