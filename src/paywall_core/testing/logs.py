"""The in-memory logs: what operators did, how far the provider was read, what trackers were told."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import structs

from paywall_core.ports.unit_of_work import OperatorAct, OperatorLog, ReconciliationLog, TrackingLog
from paywall_core.testing.tables import Tables
from paywall_core.tracking import TrackingAttempt, TrackingOutcome


class InMemoryOperatorLog(OperatorLog):
    """What operators did, in a list."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(self, act: OperatorAct) -> None:
        """Write it down."""
        self._tables.operator_acts.append(act)


class InMemoryReconciliationLog(ReconciliationLog):
    """How far the provider's event list was read."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def cursor(self) -> datetime | None:
        """The cursor."""
        return self._tables.reconciled.get("cursor")

    async def advance(self, until: datetime) -> None:
        """Move it on, never back."""
        self._tables.reconciled["cursor"] = max(until, self._tables.reconciled.get("cursor", until))

    async def claim_run(self, now: datetime, *, min_interval_seconds: float) -> bool:
        """Whether a run may begin."""
        last = self._tables.reconciled.get("claimed")
        interval = timedelta(seconds=min_interval_seconds)
        if last is not None and last - interval <= now < last + interval:
            return False
        self._tables.reconciled["claimed"] = now
        return True


class InMemoryTrackingLog(TrackingLog):
    """Tracked events in a dictionary."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(self, attempt: TrackingAttempt) -> None:
        """Write a new attempt."""
        self._tables.tracking_log[attempt.id] = attempt

    async def find(self, attempt_id: UUID) -> TrackingAttempt | None:
        """An attempt, or None."""
        return self._tables.tracking_log.get(attempt_id)

    async def settle(
        self,
        attempt_id: UUID,
        outcome: TrackingOutcome,
        *,
        at: datetime,  # noqa: ARG002  - the dictionary keeps no times
        reason: str | None,
    ) -> None:
        """Write what became of it; of an unknown one nothing is written."""
        attempt = self._tables.tracking_log.get(attempt_id)
        if attempt is not None:
            self._tables.tracking_log[attempt_id] = structs.replace(attempt, outcome=outcome, reason=reason)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete what is older and not queued."""
        old = [
            key
            for key, one in self._tables.tracking_log.items()
            if one.received_at < before and one.outcome is not TrackingOutcome.QUEUED
        ][:limit]
        for key in old:
            del self._tables.tracking_log[key]
        return len(old)
