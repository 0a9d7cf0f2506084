"""The hot paths' reads, on a covering index each; who asks at the same moment shares a statement."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, bindparam, or_, select, true, update

from adapters.db.coalescing import Coalescer
from adapters.db.pool import Pool
from adapters.db.schema import SERVES_BEST, orders
from adapters.db.statements import Row, Statement, among, each_of
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.ports.directory import AccessRecord, OrderDirectory, SessionRecord

_GATE: Final = ("id", "plan", "state", "access_until", "locale")


def _best_of_each(key: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Callable[[str], Select[Any]]:
    """For each of the `keys` the order that serves best, read from the index alone.

    SQLite has no LATERAL, and reads the row of the order that its index names.
    """

    def write(dialect: str) -> Select[Any]:
        keys = each_of(dialect, key, "keys")
        asked = (key == keys.c.value, *conditions)
        best = select(*(orders.c[name] for name in _GATE)).where(*asked).order_by(*SERVES_BEST).limit(1)
        if dialect == "sqlite":
            found: FromClause = orders.alias("found")
            named = select(orders.c.id).where(*asked).order_by(*SERVES_BEST).limit(1)
            is_best: ColumnElement[bool] = found.c.id == named.correlate(keys).scalar_subquery()
        else:
            found, is_best = best.lateral("found"), true()
        return select(keys.c.value.label("asked"), *(found.c[name] for name in _GATE)).join_from(keys, found, is_best)

    return write


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


_REDEEMED: Final = Statement(_best_of_each(orders.c.telegram_user_id))
_NAMED: Final = Statement(_best_of_each(orders.c.telegram_chat_id, orders.c.telegram_user_id.is_(None)))
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
        self._access = Coalescer(self._access_of_all)
        self._session = Coalescer(self._all_sessions)

    async def access_of(self, telegram_user_id: int) -> AccessRecord | None:
        """The order that serves this user best."""
        return await self._access(telegram_user_id)

    async def session(self, session_id: str) -> SessionRecord | None:
        """The order of this checkout session."""
        return await self._session(session_id)

    async def _access_of_all(self, user_ids: Sequence[int]) -> Mapping[int, AccessRecord]:
        """What they redeemed; of those who redeemed nothing, what names their chat."""
        async with self._pool.reading() as connection:
            redeemed = await connection.all(_REDEEMED, {"keys": user_ids})
            found = {row.asked: _access_of_row(row, redeemed=True) for row in redeemed}
            others = [str(user_id) for user_id in user_ids if user_id not in found]
            named = await connection.all(_NAMED, {"keys": others}) if others else []
        return found | {int(row.asked): _access_of_row(row, redeemed=False) for row in named}

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


def _access_of_row(row: Row, *, redeemed: bool) -> AccessRecord:
    return AccessRecord(
        order_id=row.id,
        plan=row.plan,
        state=State(row.state),
        access_until=row.access_until,
        locale=row.locale,
        redeemed=redeemed,
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
