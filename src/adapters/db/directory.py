"""The hot paths' reads; who asks at the same moment shares a statement.

The gate is answered from its indexes alone; a checkout session by its index and the order's row (docs/adr/0015).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    bindparam,
    cast,
    func,
    join,
    literal_column,
    or_,
    outerjoin,
    select,
    true,
    update,
)

from adapters.db.coalescing import Coalescer
from adapters.db.pool import Pool
from adapters.db.schema import SERVES_BEST, orders
from adapters.db.statements import Row, Statement, among, each_of
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.ports.directory import AccessRecord, OrderDirectory, SessionRecord

_GATE: Final = ("id", "plan", "state", "access_until", "locale")


def _gate(dialect: str) -> Select[Any]:
    """For each of the `keys` the order that serves this user best: of what he redeemed, or else of what names his chat.

    Each is found by an index, and read from that alone; SQLite has no LATERAL, and reads the row of the order that its
    index names. What names the chat is looked for where nothing was redeemed, and nowhere else.
    """
    keys = each_of(dialect, orders.c.telegram_user_id, "keys")

    def best(names: Collection[str], *which: ColumnElement[bool]) -> Select[Any]:
        return select(*(orders.c[name] for name in names)).where(*which).order_by(*SERVES_BEST).limit(1)

    redeemed = (orders.c.telegram_user_id == keys.c.value,)
    # Not IS NULL: a planner that knows nothing of the table yet may take the index of those who redeemed for that.
    is_nobody_s = func.coalesce(orders.c.telegram_user_id, literal_column("0")) == literal_column("0")
    named = (orders.c.telegram_chat_id == cast(keys.c.value, Text), is_nobody_s)
    if dialect == "sqlite":
        found = orders.alias("found")
        either = func.coalesce(*(best(["id"], *each).correlate(keys).scalar_subquery() for each in (redeemed, named)))
        sources: FromClause = join(keys, found, found.c.id == either)
        is_redeemed = found.c.telegram_user_id.is_not(None)
        columns: Iterable[ColumnElement[Any]] = (found.c[name] for name in _GATE)
    else:
        first = best(_GATE, *redeemed).lateral("redeemed")
        second = best(_GATE, first.c.id.is_(None), *named).lateral("named")
        sources = outerjoin(outerjoin(keys, first, true()), second, true())
        is_redeemed = first.c.id.is_not(None)
        columns = (func.coalesce(first.c[name], second.c[name]).label(name) for name in _GATE)
    return select(keys.c.value.label("asked"), is_redeemed.label("redeemed"), *columns).select_from(sources)


def _sessions(dialect: str) -> Select[Any]:
    return select(
        orders.c.checkout_session_id,
        orders.c.id,
        orders.c.clickid,
        orders.c.state,
        orders.c.payment_status,
        orders.c.fulfillment_status,
        orders.c.token_version,
        orders.c.first_paid_at,
        orders.c.access_until,
    ).where(among(dialect, orders.c.checkout_session_id, "session_ids"))


_ACCESS: Final = Statement(_gate)
_SESSIONS: Final = Statement(_sessions)
_CLAIM_READ: Final = Statement(
    update(orders)
    .where(
        orders.c.checkout_session_id == bindparam("session_id"),
        or_(
            orders.c.provider_read_at.is_(None),
            orders.c.provider_read_at <= bindparam("not_after"),
            orders.c.provider_read_at > bindparam("not_yet"),
        ),
    )
    .values(provider_read_at=bindparam("read_at"))
)


class SqlOrderDirectory(OrderDirectory):
    """Answers the questions that are asked all the time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._access = Coalescer(self._access_of_all, lanes=pool.readers)
        self._session = Coalescer(self._all_sessions, lanes=pool.readers)

    async def access_of(self, telegram_user_id: int) -> AccessRecord | None:
        """The order that serves this user best."""
        return await self._access(telegram_user_id)

    async def session(self, session_id: str) -> SessionRecord | None:
        """The order of this checkout session."""
        return await self._session(session_id)

    async def _access_of_all(self, user_ids: Sequence[int]) -> Mapping[int, AccessRecord]:
        async with self._pool.reading() as connection:
            found = await connection.all(_ACCESS, {"keys": user_ids})
        return {row.asked: _access_of_row(row) for row in found if row.id is not None}

    async def _all_sessions(self, session_ids: Sequence[str]) -> Mapping[str, SessionRecord]:
        async with self._pool.reading() as connection:
            found = await connection.all(_SESSIONS, {"session_ids": session_ids})
        return {row.checkout_session_id: _session_of_row(row) for row in found}

    async def claim_provider_read(self, session_id: str, *, now: datetime, min_interval_seconds: float) -> bool:
        """Whether the provider may be asked now: one conditional update decides, across all processes."""
        parameters = {
            "session_id": session_id,
            "not_after": now - timedelta(seconds=min_interval_seconds),
            "not_yet": now + timedelta(seconds=min_interval_seconds),
            "read_at": now,
        }
        async with self._pool.writing() as connection:
            return await connection.change(_CLAIM_READ, parameters) == 1


def _access_of_row(row: Row) -> AccessRecord:
    return AccessRecord(
        order_id=row.id,
        plan=row.plan,
        state=State(row.state),
        access_until=row.access_until,
        locale=row.locale,
        redeemed=row.redeemed,
    )


def _session_of_row(row: Row) -> SessionRecord:
    return SessionRecord(
        order_id=row.id,
        clickid=row.clickid,
        state=State(row.state),
        payment_status=row.payment_status,
        fulfillment_status=FulfillmentStatus(row.fulfillment_status),
        token_version=row.token_version,
        first_paid_at=row.first_paid_at,
        access_until=row.access_until,
    )
