"""The log of tracked events on SQL."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Delete, bindparam, delete, insert, select, update

from adapters.db.connection import Connection
from adapters.db.rows import attempt_of_row, attempt_row
from adapters.db.schema import tracking_events
from adapters.db.statements import Statement, among
from paywall_core.ports.unit_of_work import TrackingLog
from paywall_core.tracking import TrackingAttempt, TrackingOutcome


def _forget(dialect: str) -> Delete:
    return delete(tracking_events).where(among(dialect, tracking_events.c.id, "ids"))


_THIS: Final = tracking_events.c.id == bindparam("attempt_id")
_ADD: Final = Statement(insert(tracking_events))
_FIND: Final = Statement(select(tracking_events).where(_THIS))
_SETTLE: Final = Statement(update(tracking_events).where(_THIS), columns=["outcome", "settled_at", "reason"])
_FIND_OLD: Final = Statement(
    select(tracking_events.c.id)
    .where(
        tracking_events.c.received_at < bindparam("before"), tracking_events.c.outcome != str(TrackingOutcome.QUEUED)
    )
    .order_by(tracking_events.c.received_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_FORGET: Final = Statement(_forget)


class SqlTrackingLog(TrackingLog):
    """Tracked events in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, attempt: TrackingAttempt) -> None:
        """Write a new attempt."""
        await self._connection.change(_ADD, attempt_row(attempt))

    async def find(self, attempt_id: UUID) -> TrackingAttempt | None:
        """An attempt, or None."""
        row = await self._connection.first(_FIND, {"attempt_id": attempt_id})
        return None if row is None else attempt_of_row(row)

    async def settle(self, attempt_id: UUID, outcome: TrackingOutcome, *, at: datetime, reason: str | None) -> None:
        """Write what became of it."""
        values = {"attempt_id": attempt_id, "outcome": str(outcome), "settled_at": at, "reason": reason}
        await self._connection.change(_SETTLE, values)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete the oldest, up to `limit`; those that somebody else deletes are passed over."""
        old = await self._connection.all(_FIND_OLD, {"before": before, "limit": limit})
        if old:
            await self._connection.change(_FORGET, {"ids": [row.id for row in old]})
        return len(old)
