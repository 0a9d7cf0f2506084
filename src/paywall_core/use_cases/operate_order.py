"""An operator acts on one order: take access away, give it back, send the link again. Each with who and why."""

from collections.abc import Callable
from uuid import UUID

from msgspec import Struct

from paywall_core.errors import OrderNotFound
from paywall_core.events import AccessReinstated, AccessRevoked, Event, LinkResent
from paywall_core.lifecycle import State
from paywall_core.operator import Operator
from paywall_core.order import Order, apply
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWorkFactory


class OperatedOrder(Struct, frozen=True, kw_only=True):
    """What an act came to: the order as it is now, and the state that it was in."""

    order: Order
    before: State


class _OperateOrder:
    """One act on one order, in one transaction; the history says who and why."""

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def _act(self, order_id: UUID, operator: Operator, event_for: Callable[[Order], Event]) -> OperatedOrder:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            order = await uow.orders.get(order_id, for_update=True)
            if order is None:
                raise OrderNotFound(order_id)
            change = apply(order, event_for(order), now=now, cause=operator.cause)
            await uow.orders.save(change, expected_version=order.version)
            await uow.outbox.enqueue(change.effects, now=now)
            await uow.commit()
        return OperatedOrder(order=change.order, before=order.state_at(now))


class RevokeAccess(_OperateOrder):
    """Take access away, whatever was paid, until an operator takes that back."""

    async def __call__(self, order_id: UUID, operator: Operator) -> OperatedOrder:
        """Revoke.

        Raises:
            OrderNotFound: there is no such order.
        """
        at = self._clock.now()

        def word(order: Order) -> Event:
            return AccessRevoked(number=_next_word(order), by=operator.by, why=operator.why, at=at)

        return await self._act(order_id, operator, word)


class ReinstateAccess(_OperateOrder):
    """Take an operator's revocation back. What the payments grant holds again, and no more than that."""

    async def __call__(self, order_id: UUID, operator: Operator) -> OperatedOrder:
        """Reinstate.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: it is not revoked.
        """
        at = self._clock.now()

        def word(order: Order) -> Event:
            return AccessReinstated(number=_next_word(order), by=operator.by, why=operator.why, at=at)

        return await self._act(order_id, operator, word)


class ResendLink(_OperateOrder):
    """Send the activation link of a paid order once more, on every way that the order has."""

    async def __call__(self, order_id: UUID, operator: Operator) -> OperatedOrder:
        """Send it again.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: nothing that stands was paid, so there is no link.
        """
        at = self._clock.now()

        def again(order: Order) -> Event:
            return LinkResent(number=order.facts.links_resent + 1, by=operator.by, why=operator.why, at=at)

        return await self._act(order_id, operator, again)


def _next_word(order: Order) -> int:
    return 1 if order.facts.operator is None else order.facts.operator.number + 1
