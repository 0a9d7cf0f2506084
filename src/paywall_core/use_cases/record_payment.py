"""The payment provider says something: by webhook, in its event list, or because we asked. One door for all."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from paywall_core.effects import LookUpEvent
from paywall_core.errors import OrderNotFound, ReferencesDisagree
from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification
from paywall_core.order import Order, apply
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

LOOK_UP_DELAY: Final = timedelta(seconds=20)
"""How long a parked event waits before the provider is asked: mostly the missing link comes by itself."""


class RecordedPayment(Struct, frozen=True, kw_only=True):
    """What became of a notification.

    Attributes:
        duplicate: it was recorded before; nothing was changed now.
        order_id: the order that it was about; None: not known (yet), or nothing that we use.
        parked: it is about an order that we do not know yet, and waits for it.
        before, after: the order's recorded state; None: no order is known.
    """

    duplicate: bool = False
    order_id: UUID | None = None
    parked: bool = False
    before: State | None = None
    after: State | None = None


class RecordPayment:
    """Record what the payment provider says, and everything that follows from it, in one transaction.

    The event, the order, its history and the effects owed are stored together or not at all. An event for something
    that we don't know yet is parked, and applied in the transaction that makes it known; where that does not come by
    itself, the provider is asked. A repeat changes nothing.
    """

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def __call__(self, notification: PaymentNotification) -> RecordedPayment:
        """Record it.

        Raises:
            IllegalTransition: the table has no such move; nothing was stored.
            ConcurrentUpdate: somebody else changed the order meanwhile; nothing was stored.
            ReferencesDisagree: its ids belong to different orders; nothing was stored.
        """
        async with self._unit_of_work() as uow:
            recorded = await self._record(uow, notification)
            await uow.commit()
        return recorded

    async def _record(self, uow: UnitOfWork, notification: PaymentNotification) -> RecordedPayment:
        # What we asked for ourselves may teach nothing but which ids belong together.
        is_ours = bool(notification.events) or notification.event_id is None
        order_id = await _owner(uow, notification) if is_ours else None
        now = self._clock.now()
        if notification.event_id is not None and not await uow.payment_events.add(
            notification, order_id=order_id, received_at=now
        ):
            return RecordedPayment(duplicate=True, order_id=order_id)
        if order_id is None:
            return await self._park(uow, notification)
        order = await uow.orders.get(order_id, for_update=True)
        if order is None:
            raise OrderNotFound(order_id)
        changed = await self._apply(uow, order, notification)
        changed = await self._apply_parked(uow, changed, notification.references)
        return RecordedPayment(order_id=order_id, before=order.state, after=changed.state)

    async def _park(self, uow: UnitOfWork, notification: PaymentNotification) -> RecordedPayment:
        """The event is stored; see to it that somebody asks the provider whose it is."""
        if notification.event_id is None or not notification.events:
            return RecordedPayment()
        now = self._clock.now()
        effect = LookUpEvent(event_id=notification.event_id, not_before=now + LOOK_UP_DELAY)
        await uow.outbox.enqueue([effect], now=now)
        return RecordedPayment(parked=True)

    async def _apply(self, uow: UnitOfWork, order: Order, notification: PaymentNotification) -> Order:
        now = self._clock.now()
        cause = notification.event_id or notification.event_type
        change = apply(order, *notification.events, now=now, cause=cause)
        if change.history:
            await uow.orders.save(change, expected_version=order.version)
            await uow.outbox.enqueue(change.effects, now=now)
        return change.order

    async def _apply_parked(self, uow: UnitOfWork, order: Order, references: tuple[str, ...]) -> Order:
        """What waited for this order is applied now; each may name further ids that others wait for."""
        while references:
            waiting = await uow.payment_events.parked(references)
            found: set[str] = set()
            for notification in waiting:
                await uow.orders.claim(sorted(notification.references), order.id)
                order = await self._apply(uow, order, notification)
                await uow.payment_events.unpark(notification.event_id or "", order.id)  # the parked have one
                found.update(notification.references)
            references = tuple(sorted(found - set(references)))
        return order


async def _owner(uow: UnitOfWork, notification: PaymentNotification) -> UUID | None:
    """The order that a notification is about, by our own metadata first, by the provider's ids second."""
    owners = await uow.orders.claim(sorted(notification.references), notification.order_id)
    if notification.order_id in owners:
        return notification.order_id
    if len(owners) > 1:
        raise ReferencesDisagree(notification.event_type, owners)
    owner = next(iter(owners), None)
    if owner is not None:  # its other ids become the order's too, so that what names only those finds it
        await uow.orders.claim(sorted(notification.references), owner)
    return owner
