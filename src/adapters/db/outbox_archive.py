"""What operators read of the outbox."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import FromClause, Select, func, select, union_all

from adapters.db.pool import Pool
from adapters.db.rows import outbox_line_of_row
from adapters.db.schema import IN_STATUS, outbox
from adapters.db.statements import Statement, among
from paywall_core.ports.operations import OutboxArchive, OutboxLine, OutboxQuery
from paywall_core.ports.unit_of_work import DeliveryStatus

_MOST_OVERDUE: Final = 10_000


class SqlOutboxArchive(OutboxArchive):
    """Looks the outbox up."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def lines(self, query: OutboxQuery) -> Sequence[OutboxLine]:
        """An order's rows, or those of the keys, where the query names them; else the oldest of each status.

        A key's beginning is looked for along the index, which is given up as soon as enough is found.
        """
        is_named = query.order_id is not None or bool(query.keys)
        found = Statement(partial(_named, query=query) if is_named else _of_statuses(query))
        values = {"keys": query.keys, "statuses": [str(status) for status in query.statuses]}
        async with self._pool.reading(patiently=True) as connection:
            return [outbox_line_of_row(row) for row in await connection.all(found, values)]


def _named(dialect: str, query: OutboxQuery) -> Select[Any]:
    found = select(outbox)
    if query.order_id is not None:
        found = found.where(outbox.c.order_id == query.order_id)
    if query.keys:
        found = found.where(among(dialect, outbox.c.key, "keys"))
    if query.statuses:
        found = found.where(among(dialect, outbox.c.status, "statuses"))
    return _oldest(found, outbox, query)


def _of_statuses(query: OutboxQuery) -> Select[Any]:
    """As many of each status as are wanted in all, each from the beginning of the index; the oldest of them."""
    ends = [_end_of(status, query).subquery() for status in query.statuses or DeliveryStatus]
    few = union_all(*(select(end) for end in ends)).subquery()
    return _oldest(select(few), few, query)


def _end_of(status: DeliveryStatus, query: OutboxQuery) -> Select[Any]:
    """The oldest of a status. Few are overdue among all that wait for their day: those have an index of their own.

    A limit, though a high one: PostgreSQL believes that nearly all are overdue, and would else read the whole table.
    """
    if status is not DeliveryStatus.PENDING or query.due_before is None:
        return _oldest(select(outbox).where(IN_STATUS[status]), outbox, query)
    overdue = (
        select(outbox)
        .where(IN_STATUS[status], outbox.c.first_due_at < query.due_before)
        .order_by(outbox.c.first_due_at)
        .limit(_MOST_OVERDUE)
        .subquery()
    )
    return _oldest(select(overdue), overdue, query)


def _oldest(rows: Select[Any], found: FromClause, query: OutboxQuery) -> Select[Any]:
    if query.key_prefix:  # not LIKE, which SQLite reads without regard to case
        rows = rows.where(func.substr(found.c.key, 1, len(query.key_prefix)) == query.key_prefix)
    if query.due_before is not None:
        rows = rows.where(found.c.first_due_at < query.due_before)
    return rows.order_by(found.c.created_at, found.c.key).limit(query.limit)
