"""Challenges on SQL: one row an address; neither a code nor a hash of it is in there."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.rows import challenge_of_row, challenge_row
from adapters.db.schema import restore_challenges
from paywall_core.ports.unit_of_work import RestoreChallengeRepository
from paywall_core.restore_challenge import RestoreChallenge

_LOCK_SPACE: Final = 7_261_001
"""Advisory locks of this kind; an arbitrary number, the same in every process."""

_HOLD: Final = select(func.pg_advisory_xact_lock(_LOCK_SPACE, func.hashtext(bindparam("address"))))


class SqlRestoreChallenges(RestoreChallengeRepository):
    """Challenges in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def hold(self, address: str) -> RestoreChallenge | None:
        """The address's challenge; an advisory lock holds an address without a row, too (SQLite has one writer)."""
        if self._connection.dialect.name == "postgresql":
            await self._connection.execute(_HOLD, {"address": address})
        query = select(restore_challenges).where(restore_challenges.c.address == address)
        return _found((await self._connection.execute(query)).first())

    async def put(self, challenge: RestoreChallenge) -> None:
        """Write it, over the one before."""
        make = postgresql_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
        row = challenge_row(challenge)
        changed = {name: value for name, value in row.items() if name != "address"}
        await self._connection.execute(
            make(restore_challenges).values(row).on_conflict_do_update(index_elements=["address"], set_=changed)
        )

    async def find(self, challenge_id: UUID) -> RestoreChallenge | None:
        """A challenge by its id."""
        query = select(restore_challenges).where(restore_challenges.c.id == challenge_id)
        return _found((await self._connection.execute(query)).first())

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete the oldest, up to `limit`; those that somebody else deletes are passed over."""
        old = (
            select(restore_challenges.c.address)
            .where(restore_challenges.c.issued_at < before)
            .order_by(restore_challenges.c.issued_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        addresses = (await self._connection.execute(old)).scalars().all()
        if not addresses:
            return 0
        # Asked for anew meanwhile, it is not old any more.
        forgotten = await self._connection.execute(
            delete(restore_challenges).where(
                restore_challenges.c.address.in_(addresses), restore_challenges.c.issued_at < before
            )
        )
        return forgotten.rowcount


def _found(row: Row[tuple[object, ...]] | None) -> RestoreChallenge | None:
    return None if row is None else challenge_of_row(row)
