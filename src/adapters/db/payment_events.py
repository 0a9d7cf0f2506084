"""The payment provider's events on SQL: each once, and those that wait for their order."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, null, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.rows import decode_notification, encode_notification
from adapters.db.schema import WAITING, parked_references, payment_events
from paywall_core.notification import PaymentNotification
from paywall_core.ports.unit_of_work import PaymentEventRepository


class SqlPaymentEvents(PaymentEventRepository):
    """Payment events in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, notification: PaymentNotification, *, order_id: UUID | None, received_at: datetime) -> bool:
        """Store an event once; a concurrent one of the same id is waited for."""
        make = postgresql_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
        statement = (
            make(payment_events)
            .values(
                stripe_event_id=notification.event_id,
                event_type=notification.event_type,
                occurred_at=notification.occurred_at,
                received_at=received_at,
                payload=notification.payload,
                notification=encode_notification(notification),
                order_id=order_id,
                waiting_since=received_at if order_id is None and notification.events else None,
            )
            .on_conflict_do_nothing(index_elements=["stripe_event_id"])
            .returning(payment_events.c.stripe_event_id)
        )
        if (await self._connection.execute(statement)).first() is None:
            return False
        if order_id is None and notification.events and notification.references:
            rows = [
                {"reference": reference, "stripe_event_id": notification.event_id}
                for reference in sorted(set(notification.references))
            ]
            await self._connection.execute(insert(parked_references), rows)
        return True

    async def parked(self, references: Sequence[str]) -> Sequence[PaymentNotification]:
        """Parked events that name any of these ids, the longest parked first."""
        waiting = select(parked_references.c.stripe_event_id).where(parked_references.c.reference.in_(references))
        query = (
            select(payment_events.c.notification, payment_events.c.payload)
            .where(payment_events.c.stripe_event_id.in_(waiting))
            .order_by(payment_events.c.received_at, payment_events.c.stripe_event_id)
        )
        return [decode_notification(row) for row in await self._connection.execute(query)]

    async def unpark(self, event_id: str, order_id: UUID) -> None:
        """A parked event was applied; should it have been set aside, that was too soon."""
        await self._connection.execute(delete(parked_references).where(parked_references.c.stripe_event_id == event_id))
        await self._connection.execute(
            update(payment_events)
            .where(payment_events.c.stripe_event_id == event_id)
            .values(order_id=order_id, waiting_since=null(), set_aside_at=null())
        )

    async def find_parked(self, event_id: str) -> PaymentNotification | None:
        """A parked event that nobody has set aside."""
        query = select(payment_events.c.notification, payment_events.c.payload).where(
            payment_events.c.stripe_event_id == event_id, WAITING
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else decode_notification(row)

    async def set_aside(self, event_id: str, *, at: datetime) -> None:
        """Nobody waits for it any more, but its references stay; one that was applied meanwhile is left alone."""
        await self._connection.execute(
            update(payment_events)
            .where(payment_events.c.stripe_event_id == event_id, WAITING)
            .values(set_aside_at=at, waiting_since=null())
        )

    async def known(self, event_ids: Sequence[str]) -> frozenset[str]:
        """Those that are stored."""
        query = select(payment_events.c.stripe_event_id).where(payment_events.c.stripe_event_id.in_(event_ids))
        return frozenset((await self._connection.execute(query)).scalars())
