"""How far the provider's event list was read, on SQL: one row, moved by single conditional statements.

So several processes at once need no lock of their own: the one that comes second waits for the first one's row, and
then sees what it wrote.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Insert, bindparam, or_, select

from adapters.db.connection import Connection
from adapters.db.schema import reconciliation
from adapters.db.statements import Statement, insert_into
from paywall_core.ports.unit_of_work import ReconciliationLog

_PROVIDER: Final = "stripe"


def _move(column: str, condition: ColumnElement[bool]) -> Callable[[str], Insert]:
    """Set a time that is unset, or of which the condition holds."""

    def write(dialect: str) -> Insert:
        written = insert_into(dialect, reconciliation)
        moved: Insert = written.on_conflict_do_update(
            index_elements=["provider"],
            set_={column: written.excluded[column]},
            where=or_(reconciliation.c[column].is_(None), condition),
        ).returning(reconciliation.c.provider)
        return moved

    return write


_CURSOR: Final = Statement(select(reconciliation.c.cursor_at).where(reconciliation.c.provider == bindparam("provider")))
_ADVANCE: Final = Statement(
    _move("cursor_at", reconciliation.c.cursor_at <= bindparam("until")), columns=["provider", "cursor_at"]
)
_CLAIM: Final = Statement(
    _move(
        "claimed_at",
        or_(
            reconciliation.c.claimed_at <= bindparam("long_ago"),
            reconciliation.c.claimed_at > bindparam("far_ahead"),
        ),
    ),
    columns=["provider", "claimed_at"],
)


class SqlReconciliationLog(ReconciliationLog):
    """The one row, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def cursor(self) -> datetime | None:
        """The cursor."""
        row = await self._connection.first(_CURSOR, {"provider": _PROVIDER})
        found: datetime | None = None if row is None else row.cursor_at
        return found

    async def advance(self, until: datetime) -> None:
        """Move it on; where somebody else has read further, it stays."""
        await self._connection.first(_ADVANCE, {"provider": _PROVIDER, "cursor_at": until, "until": until})

    async def claim_run(self, now: datetime, *, min_interval_seconds: float) -> bool:
        """Whether this caller's claim came first in the interval."""
        interval = timedelta(seconds=min_interval_seconds)
        values = {
            "provider": _PROVIDER,
            "claimed_at": now,
            "long_ago": now - interval,
            "far_ahead": now + interval,
        }
        return await self._connection.first(_CLAIM, values) is not None
