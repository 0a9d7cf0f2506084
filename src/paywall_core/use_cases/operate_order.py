"""An operator acts on one order: take access away, give it back, send the link again. Each with who and why."""

from abc import ABC, abstractmethod
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from paywall_core.errors import OrderNotFound
from paywall_core.events import AccessReinstated, AccessRevoked, Event, LinkResent
from paywall_core.lifecycle import State
from paywall_core.operator import Operator
from paywall_core.order import Change, Order, apply
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


class OperatedOrder(Struct, frozen=True, kw_only=True):
    """What an act came to, or would come to.

    Attributes:
        order: the order after it.
        before: the state that it was in.
        owed: keys of the effects that the act owes.
    """

    order: Order
    before: State
    owed: tuple[str, ...]


class OperateOrder(ABC):
    """One act on one order, in one transaction; the history says who and why."""

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def __call__(self, order_id: UUID, operator: Operator) -> OperatedOrder:
        """Do it.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: the order's state does not allow it; nothing was changed.
        """
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            order, change = await self._act(uow, order_id, operator, now)
            await uow.orders.save(change)
            await uow.commit()
        return _operated(order, change, now)

    async def foresee(self, order_id: UUID, operator: Operator) -> OperatedOrder:
        """What doing it now would come to; nothing is changed. Raises as doing it does."""
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            order, change = await self._act(uow, order_id, operator, now)
        return _operated(order, change, now)

    async def _act(self, uow: UnitOfWork, order_id: UUID, operator: Operator, now: datetime) -> tuple[Order, Change]:
        order = await uow.orders.get(order_id, for_update=True)
        if order is None:
            raise OrderNotFound(order_id)
        return order, apply(order, self._event(order, operator, now), now=now, cause=operator.cause)

    @abstractmethod
    def _event(self, order: Order, operator: Operator, at: datetime) -> Event:
        """What the operator says of this order."""


class RevokeAccess(OperateOrder):
    """Take access away, whatever was paid, until an operator takes that back."""

    def _event(self, order: Order, operator: Operator, at: datetime) -> Event:
        return AccessRevoked(number=_next_word(order), by=operator.by, why=operator.why, at=at)


class ReinstateAccess(OperateOrder):
    """Take an operator's revocation back. What the payments grant holds again, and no more than that.

    Refused where the order is not revoked.
    """

    def _event(self, order: Order, operator: Operator, at: datetime) -> Event:
        return AccessReinstated(number=_next_word(order), by=operator.by, why=operator.why, at=at)


class ResendLink(OperateOrder):
    """Send the activation link of a paid order once more, on every way that the order has.

    Refused where nothing that stands was paid: there is no link.
    """

    def _event(self, order: Order, operator: Operator, at: datetime) -> Event:
        return LinkResent(number=order.facts.links_resent + 1, by=operator.by, why=operator.why, at=at)


def _operated(order: Order, change: Change, now: datetime) -> OperatedOrder:
    owed = tuple(effect.key for effect in change.effects)
    return OperatedOrder(order=change.order, before=order.state_at(now), owed=owed)


def _next_word(order: Order) -> int:
    return 1 if order.facts.operator is None else order.facts.operator.number + 1
