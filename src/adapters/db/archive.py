"""What operators and chores read of orders: each question by an index, none with a lock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, bindparam, select, union, union_all

from adapters.db.pool import Pool
from adapters.db.rows import act_of_row, history_of_row, order_of_row, outbox_line_of_row, provider_event_of_row
from adapters.db.schema import (
    IN_STATE,
    OPEN,
    operator_acts,
    order_history,
    order_references,
    orders,
    outbox,
    payment_events,
)
from adapters.db.statements import Statement
from paywall_core.lifecycle import State
from paywall_core.order import Order
from paywall_core.ports.operations import Dossier, OrderArchive, OrderQuery

_EVENT: Final[Select[Any]] = select(
    payment_events.c.stripe_event_id,
    payment_events.c.event_type,
    payment_events.c.occurred_at,
    payment_events.c.received_at,
    payment_events.c.notification,
    payment_events.c.order_id,
    payment_events.c.set_aside_at,
)


def _open_sessions() -> Select[Any]:
    """Those never asked about, since they were placed; the others since they were asked about.

    Each is ordered as the index is: that a column is NULL in all of them, PostgreSQL does not see by itself.
    """
    asked_at = orders.c.provider_read_at
    open_since = [(orders.c.created_at, asked_at.is_(None)), (asked_at, asked_at < bindparam("asked_before"))]
    placed = (orders.c.created_at > bindparam("placed_after"), orders.c.created_at < bindparam("placed_before"))
    ends = [
        select(orders.c.checkout_session_id.label("session_id"), since.label("since"))
        .where(OPEN, condition, *placed)
        .order_by(asked_at, since, orders.c.checkout_session_id)
        .limit(bindparam("limit"))
        .subquery()
        for since, condition in open_since
    ]
    both = union_all(*(select(end) for end in ends)).subquery()
    return select(both.c.session_id).order_by(both.c.since, both.c.session_id).limit(bindparam("limit"))


_OF_ORDER: Final[BindParameter[UUID]] = bindparam("order_id")
_ORDER: Final = Statement(select(orders).where(orders.c.id == _OF_ORDER))
_HISTORY: Final = Statement(
    select(order_history).where(order_history.c.order_id == _OF_ORDER).order_by(order_history.c.sequence)
)
_EVENTS: Final = Statement(
    _EVENT.where(payment_events.c.order_id == _OF_ORDER).order_by(
        payment_events.c.received_at, payment_events.c.stripe_event_id
    )
)
_OWED: Final = Statement(
    select(outbox).where(outbox.c.order_id == _OF_ORDER).order_by(outbox.c.created_at, outbox.c.key)
)
_ACTS: Final = Statement(
    select(operator_acts).where(operator_acts.c.order_id == _OF_ORDER).order_by(operator_acts.c.at, operator_acts.c.id)
)
_OPEN_SESSIONS: Final = Statement(_open_sessions())
_FIRST_ORDERS: Final = Statement(select(orders).order_by(orders.c.id).limit(bindparam("limit")))
_NEXT_ORDERS: Final = Statement(
    select(orders).where(orders.c.id > bindparam("after")).order_by(orders.c.id).limit(bindparam("limit"))
)


class SqlOrderArchive(OrderArchive):
    """Looks orders up."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def search(self, query: OrderQuery) -> Sequence[Order]:
        """Those of one customer where the query names one; else the newest of a state, or of all."""
        conditions = _of_one_customer(query)
        if not conditions:
            found = _newest_of([query.state] if query.state is not None else list(State), query.limit)
        else:
            if query.state is not None:
                conditions.append(orders.c.state == str(query.state))
            found = _newest(select(orders).where(*conditions), orders, query.limit)
        async with self._pool.reading(patiently=True) as connection:
            return [order_of_row(row) for row in await connection.all(Statement(found))]

    async def dossier(self, order_id: UUID) -> Dossier | None:
        """Five reads of one snapshot."""
        values = {"order_id": order_id}
        async with self._pool.snapshot() as connection:
            row = await connection.first(_ORDER, values)
            if row is None:
                return None
            return Dossier(
                order=order_of_row(row),
                history=tuple(history_of_row(line) for line in await connection.all(_HISTORY, values)),
                events=tuple(provider_event_of_row(event) for event in await connection.all(_EVENTS, values)),
                outbox=tuple(outbox_line_of_row(line) for line in await connection.all(_OWED, values)),
                acts=tuple(act_of_row(act) for act in await connection.all(_ACTS, values)),
            )

    async def open_sessions(
        self, *, placed_after: datetime, placed_before: datetime, asked_before: datetime, limit: int
    ) -> Sequence[str]:
        """Those never asked about, since they were placed; the others since they were asked about."""
        values = {
            "placed_after": placed_after,
            "placed_before": placed_before,
            "asked_before": asked_before,
            "limit": limit,
        }
        async with self._pool.reading(patiently=True) as connection:
            return [row.session_id for row in await connection.all(_OPEN_SESSIONS, values)]

    async def every_order(self, *, after: UUID | None, limit: int) -> Sequence[Order]:
        """The next ones by their ids."""
        async with self._pool.reading(patiently=True) as connection:
            found = await connection.all(
                _FIRST_ORDERS if after is None else _NEXT_ORDERS, {"after": after, "limit": limit}
            )
        return [order_of_row(row) for row in found]


def _of_one_customer(query: OrderQuery) -> list[ColumnElement[bool]]:
    """What the query says about the customer, each by an index; nothing, if it names nobody."""
    conditions: list[ColumnElement[bool]] = []
    if query.reference is not None:
        owner = select(order_references.c.order_id).where(order_references.c.reference == query.reference)
        conditions.append(orders.c.id == owner.scalar_subquery())
    if (user_id := query.telegram_user_id) is not None:
        redeemed = select(orders.c.id).where(orders.c.telegram_user_id == user_id)
        named = select(orders.c.id).where(orders.c.telegram_chat_id == str(user_id))
        conditions.append(orders.c.id.in_(union(redeemed, named)))
    if query.address is not None:
        conditions.append(orders.c.email_key == query.address)
    return conditions


def _newest_of(states: Sequence[State], limit: int) -> Select[Any]:
    """As many of each state as are wanted in all, each from the end of the index; the newest of them."""
    ends = [_newest(select(orders).where(IN_STATE[state]), orders, limit).subquery() for state in states]
    few = union_all(*(select(end) for end in ends)).subquery()
    return _newest(select(few), few, limit)


def _newest(query: Select[Any], found: FromClause, limit: int) -> Select[Any]:
    return query.order_by(found.c.created_at.desc(), found.c.id.desc()).limit(limit)
