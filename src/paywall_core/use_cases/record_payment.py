"""The payment provider says something: by webhook, in its event list, or because we asked. One door for all."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct, structs

from paywall_core.effects import Effect, LookUpEvent
from paywall_core.errors import OrderNotFound, ReferencesDisagree
from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification
from paywall_core.order import Change, Order, apply
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import AddedEvents, UnitOfWork, UnitOfWorkFactory

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


Record: TypeAlias = Callable[[PaymentNotification], Awaitable[RecordedPayment]]
"""What records a notification as `RecordPayment` does: that itself, or something around it."""


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
        (recorded,) = await self.together([notification])
        return recorded

    async def together(self, notifications: Sequence[PaymentNotification]) -> Sequence[RecordedPayment]:
        """Record several in one transaction, with as many questions to the database as for one; all of them or none.

        Args:
            notifications: no two with anything in common that `subjects_of` names.

        Returns:
            What became of each, in their order.

        Raises:
            PaywallError: as for one. Which of them it was is not said.
        """
        async with self._unit_of_work() as uow:
            recorded = await self._record(uow, notifications)
            await uow.commit()
        return recorded

    async def _record(self, uow: UnitOfWork, notifications: Sequence[PaymentNotification]) -> list[RecordedPayment]:
        owners, orders = await _owners(uow, notifications)
        ledger = _Ledger(orders=orders, now=self._clock.now())
        added = await _add(uow, zip(notifications, owners, strict=True), now=ledger.now)
        recorded: list[RecordedPayment] = []
        known: dict[str, UUID] = {}
        for told, owner in zip(notifications, owners, strict=True):
            if told.event_id is not None and told.event_id not in added.new:
                recorded.append(RecordedPayment(duplicate=True, order_id=owner))
            elif owner is None:
                recorded.append(self._park(ledger, told))
            else:
                before = ledger.orders[owner].state
                self._apply(ledger, owner, told)
                known.update(dict.fromkeys(told.references, owner))
                recorded.append(RecordedPayment(order_id=owner, before=before))
        await self._apply_parked(uow, ledger, known, added.parked)
        await ledger.write(uow)
        return [
            one
            if one.before is None or one.order_id is None
            # Only now: what waited for the order was applied after it.
            else structs.replace(one, after=ledger.orders[one.order_id].state)
            for one in recorded
        ]

    def _park(self, ledger: "_Ledger", notification: PaymentNotification) -> RecordedPayment:
        """The event is stored; see to it that somebody asks the provider whose it is."""
        if notification.event_id is None or not notification.events:
            return RecordedPayment()
        ledger.owed.append(LookUpEvent(event_id=notification.event_id, not_before=ledger.now + LOOK_UP_DELAY))
        return RecordedPayment(parked=True)

    def _apply(self, ledger: "_Ledger", order_id: UUID, notification: PaymentNotification) -> None:
        cause = notification.event_id or notification.event_type
        ledger.note(apply(ledger.orders[order_id], *notification.events, now=ledger.now, cause=cause))

    async def _apply_parked(
        self, uow: UnitOfWork, ledger: "_Ledger", known: Mapping[str, UUID], waiting: Sequence[PaymentNotification]
    ) -> None:
        """What waited for these orders is applied now; each may name further ids that others wait for."""
        asked = dict(known)
        while known:
            found: dict[str, UUID] = {}
            for notification in waiting:
                owner = next((known[reference] for reference in notification.references if reference in known), None)
                if owner is None:  # it waits for an event that came again, and a repeat changes nothing
                    continue
                self._apply(ledger, owner, notification)
                await uow.payment_events.unpark(notification.event_id or "", owner)  # the parked have one
                found.update(dict.fromkeys(notification.references, owner))
            if found:
                await uow.orders.claim(found)
            known = {reference: owner for reference, owner in found.items() if reference not in asked}
            asked.update(known)
            waiting = await uow.payment_events.parked(sorted(known)) if known else ()


def subjects_of(notification: PaymentNotification) -> frozenset[object]:
    """Everything by which two notifications can be about the same: the event itself, its order, the provider's ids."""
    named = {notification.event_id, notification.order_id, *notification.references}
    return frozenset(named - {None})


class _Ledger:
    """What one transaction is going to write: the orders as they are now, and what came of it."""

    def __init__(self, *, orders: Mapping[UUID, Order], now: datetime) -> None:
        self.orders = dict(orders)
        self.now = now
        self.owed: list[Effect] = []
        self._changes: dict[UUID, Change] = {}

    def note(self, change: Change) -> None:
        """An order has changed, if it has."""
        order_id = change.order.id
        self.orders[order_id] = change.order
        if change.history:
            earlier = self._changes.get(order_id)
            self._changes[order_id] = change if earlier is None else earlier.then(change)

    async def write(self, uow: UnitOfWork) -> None:
        """Write all of it."""
        if self._changes:
            await uow.orders.save(*self._changes.values())
        if self.owed:
            await uow.outbox.enqueue(self.owed, now=self.now)


async def _add(
    uow: UnitOfWork, owned: Iterable[tuple[PaymentNotification, UUID | None]], *, now: datetime
) -> AddedEvents:
    """Store those that are events, and ask what waits for the orders of all."""
    owned = list(owned)
    events = [(told, owner) for told, owner in owned if told.event_id is not None]
    known = sorted({reference for told, owner in owned if owner is not None for reference in told.references})
    if events:
        return await uow.payment_events.add(events, received_at=now, references=known)
    return AddedEvents(new=frozenset(), parked=await uow.payment_events.parked(known) if known else ())


async def _owners(
    uow: UnitOfWork, notifications: Sequence[PaymentNotification]
) -> tuple[Sequence[UUID | None], Mapping[UUID, Order]]:
    """The order that each is about, by our own metadata first, by the provider's ids second; and these orders, locked.

    What we asked for ourselves may teach nothing but which ids belong together.
    """
    ours = [bool(told.events) or told.event_id is None for told in notifications]
    wanted = {
        reference: told.order_id
        for told, is_ours in zip(notifications, ours, strict=True)
        if is_ours
        for reference in told.references
    }
    named = {
        told.order_id
        for told, is_ours in zip(notifications, ours, strict=True)
        if is_ours and told.order_id is not None
    }
    owner_of, orders = await uow.orders.find(wanted, named)
    owners = [
        _owner(told, owner_of, orders) if is_ours else None for told, is_ours in zip(notifications, ours, strict=True)
    ]
    unbound = {
        reference: owner
        for told, owner in zip(notifications, owners, strict=True)
        if owner is not None
        for reference in told.references
        if owner_of[reference] is None
    }
    if unbound:  # what names only those finds the order, too
        await uow.orders.claim(unbound)
    return owners, orders


def _owner(told: PaymentNotification, owner_of: Mapping[str, UUID | None], orders: Mapping[UUID, Order]) -> UUID | None:
    if told.order_id in orders:
        return told.order_id
    found = {owner for reference in told.references if (owner := owner_of[reference]) is not None}
    if len(found) > 1:
        raise ReferencesDisagree(told.event_type, found)
    owner = next(iter(found), None)
    if owner is not None and owner not in orders:
        raise OrderNotFound(owner)
    return owner
