"""The hot paths' reads: one statement on a covering index each; no order is loaded."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.engine import for_writing
from adapters.db.schema import SERVES_BEST, Moment, orders
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.ports.directory import AccessRecord, OrderDirectory, SessionRecord

_GATE: Final = (
    select(orders.c.id, orders.c.plan, orders.c.state, orders.c.access_until, orders.c.locale)
    .order_by(*SERVES_BEST)
    .limit(1)
)
_REDEEMED: Final[Select[tuple[object, ...]]] = _GATE.where(orders.c.telegram_user_id == bindparam("user_id"))
_NAMED: Final[Select[tuple[object, ...]]] = _GATE.where(
    orders.c.telegram_chat_id == bindparam("chat_id"), orders.c.telegram_user_id.is_(None)
)
_SESSION: Final = select(
    orders.c.id,
    orders.c.clickid,
    orders.c.state,
    orders.c.payment_status,
    orders.c.fulfillment_status,
    orders.c.token_version,
    orders.c.first_paid_at,
    orders.c.access_until,
).where(orders.c.checkout_session_id == bindparam("session_id"))
_CLAIM_READ: Final = (
    update(orders)
    .where(
        orders.c.checkout_session_id == bindparam("session_id"),
        or_(
            orders.c.provider_read_at.is_(None),
            orders.c.provider_read_at <= bindparam("not_after", type_=Moment()),
            orders.c.provider_read_at > bindparam("not_yet", type_=Moment()),
        ),
    )
    .values(provider_read_at=bindparam("read_at", type_=Moment()))
)


class SqlOrderDirectory(OrderDirectory):
    """Answers the questions that are asked all the time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writing = for_writing(engine)

    async def access_of(self, telegram_user_id: int) -> AccessRecord | None:
        """The order that serves this user best."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(_REDEEMED, {"user_id": telegram_user_id})).first()
            redeemed = row is not None
            if row is None:
                row = (await connection.execute(_NAMED, {"chat_id": str(telegram_user_id)})).first()
        if row is None:
            return None
        return AccessRecord(
            order_id=row.id,
            plan=row.plan,
            state=State(row.state),
            access_until=row.access_until,
            locale=row.locale,
            redeemed=redeemed,
        )

    async def session(self, session_id: str) -> SessionRecord | None:
        """The order of this checkout session."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(_SESSION, {"session_id": session_id})).first()
        if row is None:
            return None
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

    async def claim_provider_read(self, session_id: str, *, now: datetime, min_interval_seconds: float) -> bool:
        """Whether the provider may be asked now: one conditional update decides, across all processes."""
        parameters = {
            "session_id": session_id,
            "not_after": now - timedelta(seconds=min_interval_seconds),
            "not_yet": now + timedelta(seconds=min_interval_seconds),
            "read_at": now,
        }
        async with self._writing.begin() as connection:
            return (await connection.execute(_CLAIM_READ, parameters)).rowcount == 1
