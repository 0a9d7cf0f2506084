"""How far the provider's event list was read, on SQL: one row, moved by single conditional statements.

So several processes at once need no lock of their own: the one that comes second waits for the first one's row, and
then sees what it wrote.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.schema import reconciliation
from paywall_core.ports.unit_of_work import ReconciliationLog

_PROVIDER: Final = "stripe"


class SqlReconciliationLog(ReconciliationLog):
    """The one row, in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def cursor(self) -> datetime | None:
        """The cursor."""
        query = select(reconciliation.c.cursor_at).where(reconciliation.c.provider == _PROVIDER)
        found: datetime | None = (await self._connection.execute(query)).scalar()
        return found

    async def advance(self, until: datetime) -> None:
        """Move it on; where somebody else has read further, it stays."""
        await self._move("cursor_at", until, reconciliation.c.cursor_at <= until)

    async def claim_run(self, now: datetime, *, min_interval_seconds: float) -> bool:
        """Whether this caller's claim came first in the interval."""
        claimed, interval = reconciliation.c.claimed_at, timedelta(seconds=min_interval_seconds)
        return await self._move("claimed_at", now, or_(claimed <= now - interval, claimed > now + interval))

    async def _move(self, column: str, value: datetime, condition: ColumnElement[bool]) -> bool:
        """Set a time that is unset, or of which the condition holds; whether it was set."""
        make: Any = postgresql_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
        statement = (
            make(reconciliation)
            .values({"provider": _PROVIDER, column: value})
            .on_conflict_do_update(
                index_elements=["provider"],
                set_={column: value},
                where=or_(reconciliation.c[column].is_(None), condition),
            )
            .returning(reconciliation.c.provider)
        )
        return (await self._connection.execute(statement)).first() is not None
