"""The outbox on SQL: deterministic keys, leases, outcomes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, bindparam, not_, null, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.rows import decode_effect, outbox_row
from adapters.db.schema import DUE, PUT_OFF, outbox
from paywall_core.effects import Effect, due_after_all
from paywall_core.ports.unit_of_work import (
    Delivery,
    DeliveryStatus,
    OutboxRepository,
    RetriedDelivery,
    Settlement,
)


class SqlOutbox(OutboxRepository):
    """The outbox in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.has_enqueued = False
        """Whether this transaction has written a row that is due at once, or made one due again."""

    async def enqueue(self, effects: Sequence[Effect], *, now: datetime) -> None:
        """Write effects; a key that was skipped is due again, any other that is there stays as it is."""
        if not effects:
            return
        make = postgresql_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
        wanted = {effect.key: effect for effect in effects}
        rows = [  # the same order in every transaction, so that none lock crosswise
            outbox_row(wanted[key], now=now) for key in sorted(wanted)
        ]
        statement = make(outbox)
        revived = {
            **{name: statement.excluded[name] for name in ("effect", "status", "due_at", "created_at", "first_due_at")},
            "lease_id": null(),
            "settled_at": null(),
            "last_error": null(),
        }
        # The rows go beside the statement: written into it, they would have it compiled anew each time.
        written = await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["key"], set_=revived, where=outbox.c.status == str(DeliveryStatus.SKIPPED)
            ).returning(outbox.c.due_at),
            rows,
        )
        self.has_enqueued |= any(due_at <= now for due_at in written.scalars())

    async def lease(self, *, now: datetime, limit: int, lease_until: datetime, lease_id: UUID) -> Sequence[Delivery]:
        """Take rows that are due; rows that another worker is taking are passed over."""
        due = (
            select(outbox.c.key)
            .where(DUE, outbox.c.due_at <= now)
            .order_by(outbox.c.due_at, outbox.c.key)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        keys = (await self._connection.execute(due)).scalars().all()
        if not keys:
            return []
        taken = await self._connection.execute(
            update(outbox)
            .where(outbox.c.key.in_(keys))
            .values(due_at=lease_until, attempts=outbox.c.attempts + 1, lease_id=lease_id)
            .returning(outbox.c.key, outbox.c.effect, outbox.c.attempts)
        )
        rows = {row.key: row for row in taken}
        return [
            Delivery(key=key, effect=decode_effect(rows[key].effect), attempt=rows[key].attempts, lease_id=lease_id)
            for key in keys
        ]

    async def settle(self, delivery: Delivery, settlement: Settlement) -> bool:
        """Write how a delivery ended, while the lease is ours."""
        values: dict[str, object] = {
            "status": str(settlement.status),
            "lease_id": None,
            "last_error": settlement.error,
            "settled_at": None if settlement.status is DeliveryStatus.PENDING else settlement.at,
        }
        if settlement.due_at is not None:
            values["due_at"] = settlement.due_at
        if not settlement.attempted:
            values["attempts"] = outbox.c.attempts - 1
        settled = await self._connection.execute(
            update(outbox)
            .where(
                outbox.c.key == delivery.key,
                outbox.c.lease_id == delivery.lease_id,
                outbox.c.status == str(DeliveryStatus.PENDING),
            )
            .values(values)
        )
        return settled.rowcount == 1

    async def retry(self, keys: Sequence[str], *, due_at: datetime) -> Sequence[RetriedDelivery]:
        """Make rows due with all their tries before them; a row that a worker is taking right now is waited for."""
        # In the order in which `enqueue` writes, whatever the database thinks of the alphabet.
        bytewise = "C" if self._connection.dialect.name == "postgresql" else "BINARY"
        leased = and_(DUE, outbox.c.lease_id.is_not(None), outbox.c.due_at > due_at)
        found = (
            select(outbox.c.key, outbox.c.order_id)
            .where(outbox.c.key.in_(keys), outbox.c.status != str(DeliveryStatus.DELIVERED), not_(leased))
            .order_by(outbox.c.key.collate(bytewise))
            .with_for_update()
        )
        retried = [RetriedDelivery(key=row.key, order_id=row.order_id) for row in await self._connection.execute(found)]
        if retried:
            await self._connection.execute(
                update(outbox)
                .where(outbox.c.key.in_([row.key for row in retried]))
                .values(
                    status=str(DeliveryStatus.PENDING),
                    attempts=0,
                    due_at=due_at,
                    first_due_at=due_at,
                    lease_id=null(),
                    settled_at=null(),
                    last_error=null(),
                )
            )
            self.has_enqueued = True
        return retried

    async def hasten(self, *, now: datetime, due_after: datetime, lease_until: datetime, limit: int) -> int:
        """Make rows due that were put off; each has its own time to be due at, and its own past."""
        put_off = (
            select(outbox.c.key, outbox.c.effect, outbox.c.created_at, outbox.c.first_due_at, outbox.c.lease_id)
            .where(PUT_OFF, outbox.c.due_at > due_after)
            .order_by(outbox.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        found = (await self._connection.execute(put_off)).all()
        if not found:
            return 0
        hastened = []
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
        await self._connection.execute(
            update(outbox)
            .where(outbox.c.key == bindparam("of"))
            .values(
                due_at=bindparam("due"),
                first_due_at=bindparam("owed"),
                created_at=bindparam("written"),
            ),
            hastened,
        )
        self.has_enqueued |= any(times["due"] <= now for times in hastened)
        return len(hastened)
