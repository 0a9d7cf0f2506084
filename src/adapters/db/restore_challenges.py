"""Challenges on SQL: one row an address; neither a code nor a hash of it is in there."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Delete, Insert, bindparam, delete, func, select

from adapters.db.connection import Connection
from adapters.db.rows import challenge_of_row, challenge_row
from adapters.db.schema import restore_challenges
from adapters.db.statements import Row, Statement, among, insert_into
from paywall_core.ports.unit_of_work import RestoreChallengeRepository
from paywall_core.restore_challenge import RestoreChallenge

_LOCK_SPACE: Final = 7_261_001
"""Advisory locks of this kind; an arbitrary number, the same in every process."""


def _put(dialect: str) -> Insert:
    written = insert_into(dialect, restore_challenges)
    changed = {column.name: written.excluded[column.name] for column in restore_challenges.c if not column.primary_key}
    put: Insert = written.on_conflict_do_update(index_elements=["address"], set_=changed)
    return put


def _forget(dialect: str) -> Delete:
    """Asked for anew meanwhile, it is not old any more."""
    return delete(restore_challenges).where(among(dialect, restore_challenges.c.address, "addresses"), _OLD)


_OLD: Final = restore_challenges.c.issued_at < bindparam("before")
_HOLD: Final = Statement(
    select(
        func.pg_advisory_xact_lock(
            _LOCK_SPACE, func.hashtext(bindparam("address", type_=restore_challenges.c.address.type))
        )
    )
)
_OF_ADDRESS: Final = Statement(select(restore_challenges).where(restore_challenges.c.address == bindparam("address")))
_BY_ID: Final = Statement(select(restore_challenges).where(restore_challenges.c.id == bindparam("challenge_id")))
_PUT: Final = Statement(_put)
_FIND_OLD: Final = Statement(
    select(restore_challenges.c.address)
    .where(_OLD)
    .order_by(restore_challenges.c.issued_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_FORGET: Final = Statement(_forget)


class SqlRestoreChallenges(RestoreChallengeRepository):
    """Challenges in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def hold(self, address: str) -> RestoreChallenge | None:
        """The address's challenge; an advisory lock holds an address without a row, too (SQLite has one writer)."""
        if self._connection.dialect == "postgresql":
            await self._connection.all(_HOLD, {"address": address})
        return _found(await self._connection.first(_OF_ADDRESS, {"address": address}))

    async def put(self, challenge: RestoreChallenge) -> None:
        """Write it, over the one before."""
        await self._connection.change(_PUT, challenge_row(challenge))

    async def find(self, challenge_id: UUID) -> RestoreChallenge | None:
        """A challenge by its id."""
        return _found(await self._connection.first(_BY_ID, {"challenge_id": challenge_id}))

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete the oldest, up to `limit`; those that somebody else deletes are passed over."""
        old = await self._connection.all(_FIND_OLD, {"before": before, "limit": limit})
        if not old:
            return 0
        addresses = [row.address for row in old]
        return await self._connection.change(_FORGET, {"addresses": addresses, "before": before})


def _found(row: Row | None) -> RestoreChallenge | None:
    return None if row is None else challenge_of_row(row)
