"""The payment provider's events on SQL: each once, and those that wait for their order."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Delete, Insert, Select, bindparam, delete, null, select, update

from adapters.db.connection import Connection
from adapters.db.one_trip import OneTrip
from adapters.db.rows import decode_notification, encode_notification
from adapters.db.schema import DONE_WITH, WAITING, parked_references, payment_events
from adapters.db.statements import Rows, Statement, among
from paywall_core.notification import PaymentNotification
from paywall_core.ports.unit_of_work import AddedEvents, OwnedNotification, PaymentEventRepository


def _add_once(dialect: str) -> Insert:
    new = Rows(dialect, *(column for column in payment_events.c if column.name != "set_aside_at"))
    added: Insert = (
        new.insert_into(payment_events)
        .on_conflict_do_nothing(index_elements=["stripe_event_id", "occurred_at"])
        .returning(payment_events.c.stripe_event_id)
    )
    return added


def _park(dialect: str) -> Insert:
    parked: Insert = Rows(dialect, *parked_references.c).insert_into(parked_references)
    return parked


def _parked(dialect: str) -> Select[Any]:
    waiting = select(parked_references.c.stripe_event_id).where(
        among(dialect, parked_references.c.reference, "references")
    )
    return (
        select(payment_events.c.notification, payment_events.c.payload)
        .where(payment_events.c.stripe_event_id.in_(waiting))
        .order_by(payment_events.c.received_at, payment_events.c.stripe_event_id)
    )


def _known(dialect: str) -> Select[Any]:
    stored = payment_events.c.stripe_event_id
    return select(stored).where(among(dialect, stored, "event_ids"))


def _forget_references(dialect: str) -> Delete:
    return delete(parked_references).where(among(dialect, parked_references.c.stripe_event_id, "event_ids"))


def _forget(dialect: str) -> Delete:
    return delete(payment_events).where(among(dialect, payment_events.c.stripe_event_id, "event_ids"))


_THIS: Final = payment_events.c.stripe_event_id == bindparam("event_id")

_ADD: Final = Statement(_add_once)
_PARK: Final = Statement(_park)
_PARKED: Final = Statement(_parked)
_ADD_AND_ASK: Final = OneTrip(_ADD, _PARKED)
_LET_GO: Final = Statement(
    delete(parked_references).where(parked_references.c.stripe_event_id == bindparam("event_id"))
)
_UNPARK: Final = Statement(
    update(payment_events).where(_THIS).values(order_id=bindparam("owner"), waiting_since=null(), set_aside_at=null())
)
_FIND_PARKED: Final = Statement(select(payment_events.c.notification, payment_events.c.payload).where(_THIS, WAITING))
_SET_ASIDE: Final = Statement(
    update(payment_events).where(_THIS, WAITING).values(set_aside_at=bindparam("at"), waiting_since=null())
)
_KNOWN: Final = Statement(_known)
_FIND_OLD: Final = Statement(
    select(payment_events.c.stripe_event_id)
    .where(DONE_WITH, payment_events.c.received_at < bindparam("before"))
    .order_by(payment_events.c.received_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_FORGET_REFERENCES: Final = Statement(_forget_references)
_FORGET: Final = Statement(_forget)


class SqlPaymentEvents(PaymentEventRepository):
    """Payment events in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, owned: Sequence[OwnedNotification], *, received_at: datetime, references: Sequence[str] = ()
    ) -> AddedEvents:
        """Store events, each once, in the order of their ids; a concurrent one of the same id is waited for."""
        events = sorted(((told.event_id or "", told, order_id) for told, order_id in owned), key=itemgetter(0))
        waiting = {event_id: told for event_id, told, owner in events if owner is None and told.events}
        rows = [
            {
                "stripe_event_id": event_id,
                "event_type": told.event_type,
                "occurred_at": told.occurred_at,
                "received_at": received_at,
                "payload": told.payload,
                "notification": encode_notification(told),
                "order_id": order_id,
                "waiting_since": received_at if event_id in waiting else None,
            }
            for event_id, told, order_id in events
        ]
        if references:
            added, found = await self._connection.in_one_trip(_ADD_AND_ASK, rows, {"references": references})
        else:
            added, found = await self._connection.each(_ADD, rows), []
        new = frozenset(row.stripe_event_id for row in added)
        parked = [
            {"reference": reference, "stripe_event_id": event_id, "occurred_at": told.occurred_at}
            for event_id, told in waiting.items()
            if event_id in new
            for reference in sorted(set(told.references))
        ]
        if parked:
            await self._connection.each(_PARK, parked)
        return AddedEvents(new=new, parked=[decode_notification(row) for row in found])

    async def parked(self, references: Sequence[str]) -> Sequence[PaymentNotification]:
        """Parked events that name any of these ids, the longest parked first."""
        return [decode_notification(row) for row in await self._connection.all(_PARKED, {"references": references})]

    async def unpark(self, event_id: str, order_id: UUID) -> None:
        """A parked event was applied; should it have been set aside, that was too soon."""
        await self._connection.change(_LET_GO, {"event_id": event_id})
        await self._connection.change(_UNPARK, {"event_id": event_id, "owner": order_id})

    async def find_parked(self, event_id: str) -> PaymentNotification | None:
        """A parked event that nobody has set aside."""
        row = await self._connection.first(_FIND_PARKED, {"event_id": event_id})
        return None if row is None else decode_notification(row)

    async def set_aside(self, event_id: str, *, at: datetime) -> None:
        """Nobody waits for it any more, but its references stay; one that was applied meanwhile is left alone."""
        await self._connection.change(_SET_ASIDE, {"event_id": event_id, "at": at})

    async def known(self, event_ids: Sequence[str]) -> frozenset[str]:
        """Those that are stored."""
        return frozenset(row.stripe_event_id for row in await self._connection.all(_KNOWN, {"event_ids": event_ids}))

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete the oldest, up to `limit`, with what they were parked by; those that are locked are passed over."""
        old = await self._connection.all(_FIND_OLD, {"before": before, "limit": limit})
        if old:
            values = {"event_ids": [row.stripe_event_id for row in old]}
            await self._connection.change(_FORGET_REFERENCES, values)
            await self._connection.change(_FORGET, values)
        return len(old)
