"""The outbox on SQL: deterministic keys, leases, outcomes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Delete,
    Insert,
    Select,
    Update,
    and_,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    not_,
    null,
    select,
    union_all,
    update,
)

from adapters.db.connection import Connection
from adapters.db.rows import OUTBOX_COLUMNS, decode_effect, outbox_row
from adapters.db.schema import DUE, FORGETTABLE, PUT_OFF, outbox
from adapters.db.statements import Row, Rows, Statement, among
from paywall_core.effects import Effect, Lane, due_after_all
from paywall_core.ports.unit_of_work import (
    Delivery,
    DeliveryStatus,
    EndedDelivery,
    OutboxRepository,
    RetriedDelivery,
)

_PENDING: Final = str(DeliveryStatus.PENDING)
_REVIVED: Final = ("effect", "status", "due_at", "created_at", "first_due_at", "lane")


def _enqueue(dialect: str) -> Insert:
    """A key that was skipped is due again, any other that is there stays as it is."""
    written = Rows(dialect, *(outbox.c[name] for name in OUTBOX_COLUMNS)).insert_into(outbox)
    revived = {
        **{name: written.excluded[name] for name in _REVIVED},
        "lease_id": null(),
        "settled_at": null(),
        "last_error": null(),
    }
    enqueued: Insert = written.on_conflict_do_update(
        index_elements=["key"], set_=revived, where=outbox.c.status == str(DeliveryStatus.SKIPPED)
    ).returning(outbox.c.due_at)
    return enqueued


def _find_due() -> Select[Any]:
    """Each lane is looked at for itself, in its part of the index: what is due in one hides nothing of another's.

    Which lane is written out, as the index's condition is: one text, one plan.
    """
    found = union_all(
        *(
            select(
                select(outbox.c.key, outbox.c.due_at)
                .where(DUE, outbox.c.lane == literal_column(f"'{lane}'"), outbox.c.due_at <= bindparam("now"))
                .order_by(outbox.c.due_at, outbox.c.key)
                .limit(bindparam(str(lane)))
                .with_for_update(skip_locked=True)
                .subquery(f"of_{lane}")
            )
            for lane in Lane
        )
    ).subquery("due")
    return select(found.c.key).order_by(found.c.due_at, found.c.key).limit(bindparam("limit"))


def _lease(dialect: str) -> Update:
    return (
        update(outbox)
        .where(among(dialect, outbox.c.key, "keys"))
        .values(due_at=bindparam("lease_until"), attempts=outbox.c.attempts + 1, lease_id=bindparam("lease"))
        .returning(outbox.c.key, outbox.c.effect, outbox.c.attempts, outbox.c.first_due_at)
    )


def _retriable(dialect: str) -> Select[Any]:
    """Locked in the order in which `enqueue` writes, whatever the database thinks of the alphabet."""
    leased = and_(DUE, outbox.c.lease_id.is_not(None), outbox.c.due_at > bindparam("now"))
    return (
        select(outbox.c.key, outbox.c.order_id)
        .where(among(dialect, outbox.c.key, "keys"), outbox.c.status != str(DeliveryStatus.DELIVERED), not_(leased))
        .order_by(outbox.c.key.collate("C" if dialect == "postgresql" else "BINARY"))
        .with_for_update()
    )


def _retry(dialect: str) -> Update:
    return (
        update(outbox)
        .where(among(dialect, outbox.c.key, "keys"))
        .values(
            status=_PENDING,
            attempts=0,
            due_at=bindparam("now"),
            first_due_at=bindparam("now"),
            lease_id=null(),
            settled_at=null(),
            last_error=null(),
        )
    )


def _forget(dialect: str) -> Delete:
    return delete(outbox).where(among(dialect, outbox.c.key, "keys"))


def _settle(dialect: str) -> Update:
    """Only while the lease is ours; a time to be due at is set where there is one, a try that was none taken back.

    On PostgreSQL the rows are locked before they are changed, in the order in which `enqueue` writes: a join would
    change them in any order.
    """
    rows = Rows(
        dialect,
        outbox.c.key,
        column("lease", outbox.c.lease_id.type),
        column("to", outbox.c.status.type),
        column("at", outbox.c.settled_at.type),
        column("error", outbox.c.last_error.type),
        column("due", outbox.c.due_at.type),
        column("taken_back", outbox.c.attempts.type),
    )
    held = outbox if dialect == "sqlite" else outbox.alias("held")
    ours = and_(held.c.key == rows.c["key"], held.c.lease_id == rows.c["lease"], held.c.status == _PENDING)
    ended = rows.c
    if dialect == "postgresql":
        in_order = select(*rows.c.values()).where(ours).order_by(held.c.key.collate("C"))
        locked = in_order.with_for_update(key_share=True, of=held).subquery("ended")
        ended, ours = dict(locked.c), outbox.c.key == locked.c.key
    values = {
        "status": ended["to"],
        "lease_id": null(),
        "last_error": ended["error"],
        "settled_at": ended["at"],
        "due_at": func.coalesce(ended["due"], outbox.c.due_at),
        "attempts": outbox.c.attempts - ended["taken_back"],
    }
    return update(outbox).where(ours).values(values).returning(outbox.c.key)


ENQUEUE: Final = Statement(_enqueue)
"""Writes rows; says when those that were written are due."""

_FIND_DUE: Final = Statement(_find_due())
_LEASE: Final = Statement(_lease)
_FIND_RETRIABLE: Final = Statement(_retriable)
_RETRY: Final = Statement(_retry)
_SETTLE: Final = Statement(_settle)
_FIND_PUT_OFF: Final = Statement(
    select(outbox.c.key, outbox.c.effect, outbox.c.created_at, outbox.c.first_due_at, outbox.c.lease_id)
    .where(PUT_OFF, outbox.c.due_at > bindparam("due_after"))
    .order_by(outbox.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_HASTEN: Final = Statement(
    update(outbox)
    .where(outbox.c.key == bindparam("of"))
    .values(due_at=bindparam("due"), first_due_at=bindparam("owed"), created_at=bindparam("written"))
)
_FIND_OLD: Final = Statement(
    select(outbox.c.key)
    .where(FORGETTABLE, outbox.c.settled_at < bindparam("before"))
    .order_by(outbox.c.settled_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_FORGET: Final = Statement(_forget)


class SqlOutbox(OutboxRepository):
    """The outbox in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_enqueued = False
        """Whether this transaction has written a row that is due at once, or made one due again."""

    async def enqueue(self, effects: Sequence[Effect], *, now: datetime) -> None:
        """Write effects; a key that was skipped is due again, any other that is there stays as it is."""
        rows = self.rows([(effect, now) for effect in effects])
        if rows:
            self.written(rows, await self._connection.each(ENQUEUE, rows))

    @staticmethod
    def rows(owed: Sequence[tuple[Effect, datetime]]) -> Sequence[Mapping[str, Any]]:
        """The rows of effects, each owed since its moment: the first of each key.

        In the keys' order, the same in every transaction, so that none lock crosswise.
        """
        wanted = {effect.key: (effect, since) for effect, since in reversed(owed)}
        return [outbox_row(effect, now=since) for _, (effect, since) in sorted(wanted.items(), key=itemgetter(0))]

    def written(self, rows: Sequence[Mapping[str, Any]], answer: Sequence[Row]) -> None:
        """These rows were written, and so the database answered."""
        if rows and not self.has_enqueued:
            now = max(row["created_at"] for row in rows)
            self.has_enqueued = any(row.due_at <= now for row in answer)

    async def lease(
        self,
        *,
        now: datetime,
        limit: int,
        lease_until: datetime,
        lease_id: UUID,
        room: Mapping[Lane, int] | None = None,
    ) -> Sequence[Delivery]:
        """Take rows that are due; rows that another worker is taking are passed over."""
        most = {str(lane): limit if room is None else min(limit, room.get(lane, 0)) for lane in Lane}
        due = await self._connection.all(_FIND_DUE, {"now": now, "limit": limit, **most})
        if not due:
            return []
        keys = [row.key for row in due]
        taken = await self._connection.all(_LEASE, {"keys": keys, "lease_until": lease_until, "lease": lease_id})
        rows = {row.key: row for row in taken}
        return [
            Delivery(
                key=key,
                effect=decode_effect(row.effect),
                attempt=row.attempts,
                lease_id=lease_id,
                owed_since=row.first_due_at,
            )
            for key, row in ((key, rows[key]) for key in keys)
        ]

    async def settle(self, ended: Sequence[EndedDelivery]) -> frozenset[str]:
        """Write how deliveries ended, while the leases are ours."""
        rows = [
            {
                "key": delivery.key,
                "lease": delivery.lease_id,
                "to": str(settlement.status),
                "at": None if settlement.status is DeliveryStatus.PENDING else settlement.at,
                "error": settlement.error,
                "due": settlement.due_at,
                "taken_back": 0 if settlement.attempted else 1,
            }
            for delivery, settlement in ended
        ]
        return frozenset(row.key for row in await self._connection.each(_SETTLE, rows)) if rows else frozenset()

    async def retry(self, keys: Sequence[str], *, due_at: datetime) -> Sequence[RetriedDelivery]:
        """Make rows due with all their tries before them; a row that a worker is taking right now is waited for."""
        found = await self._connection.all(_FIND_RETRIABLE, {"keys": keys, "now": due_at})
        retried = [RetriedDelivery(key=row.key, order_id=row.order_id) for row in found]
        if retried:
            await self._connection.change(_RETRY, {"keys": [row.key for row in retried], "now": due_at})
            self.has_enqueued = True
        return retried

    async def hasten(self, *, now: datetime, due_after: datetime, lease_until: datetime, limit: int) -> int:
        """Make rows due that were put off; each has its own time to be due at, and its own past."""
        found = await self._connection.all(_FIND_PUT_OFF, {"due_after": due_after, "limit": limit})
        hastened: list[dict[str, Any]] = []
        for row in found:
            due = due_after_all(decode_effect(row.effect), now)
            hastened.append(
                {
                    "of": row.key,
                    "due": due if row.lease_id is None else max(due, lease_until),
                    "owed": due if due > now else min(row.first_due_at, now),
                    "written": min(row.created_at, now),
                }
            )
        if hastened:
            await self._connection.each(_HASTEN, hastened)
        self.has_enqueued |= any(times["due"] <= now for times in hastened)
        return len(hastened)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete the longest settled, up to `limit`; those that somebody else deletes are passed over."""
        old = await self._connection.all(_FIND_OLD, {"before": before, "limit": limit})
        if old:
            await self._connection.change(_FORGET, {"keys": [row.key for row in old]})
        return len(old)
