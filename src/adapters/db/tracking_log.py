"""The log of tracked events on SQL."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.rows import attempt_of_row, attempt_row
from adapters.db.schema import tracking_events
from paywall_core.ports.unit_of_work import TrackingLog
from paywall_core.tracking import TrackingAttempt, TrackingOutcome


class SqlTrackingLog(TrackingLog):
    """Tracked events in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, attempt: TrackingAttempt) -> None:
        """Write a new attempt."""
        await self._connection.execute(insert(tracking_events), attempt_row(attempt))

    async def find(self, attempt_id: UUID) -> TrackingAttempt | None:
        """An attempt, or None."""
        query = select(tracking_events).where(tracking_events.c.id == attempt_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else attempt_of_row(row)

    async def settle(self, attempt_id: UUID, outcome: TrackingOutcome, *, at: datetime, reason: str | None) -> None:
        """Write what became of it."""
        await self._connection.execute(
            update(tracking_events)
            .where(tracking_events.c.id == attempt_id)
            .values(outcome=str(outcome), settled_at=at, reason=reason)
        )

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete the oldest, up to `limit`; those that somebody else deletes are passed over."""
        old = (
            select(tracking_events.c.id)
            .where(tracking_events.c.received_at < before, tracking_events.c.outcome != str(TrackingOutcome.QUEUED))
            .order_by(tracking_events.c.received_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = (await self._connection.execute(old)).scalars().all()
        if ids:
            await self._connection.execute(delete(tracking_events).where(tracking_events.c.id.in_(ids)))
        return len(ids)
