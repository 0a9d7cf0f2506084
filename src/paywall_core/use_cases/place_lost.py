"""The payment provider tells of a checkout of ours whose order this database has lost: place the order anew."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from paywall_core.errors import ConcurrentUpdate, PaywallError, RuleBroken
from paywall_core.events import CheckoutOpened
from paywall_core.order import Order, apply
from paywall_core.plans import PlanCatalogue
from paywall_core.ports.payments import CompletedCheckout, ListedEvent
from paywall_core.ports.unit_of_work import UnitOfWorkFactory


class PlaceLostOrders:
    """Place the orders that are missing, from what the provider carries back of the checkouts that we opened.

    A database that was restored from a backup knows nothing of the orders since then, and whoever paid one of them
    would have paid for nothing. The order's id is the old one, so its first link is, too: one that was mailed works
    again. Who had redeemed it is not known any more.

    The order knows its session from the start: should nothing else ever be heard of it, the session is asked about.
    """

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, plans: PlanCatalogue) -> None:
        self._unit_of_work = unit_of_work
        self._plans = plans

    async def __call__(self, events: Sequence[ListedEvent]) -> Mapping[UUID, PaywallError | None]:
        """Place what is missing of the orders that these events tell of, in a transaction each.

        Returns:
            The orders that were missing. None: it is there now; else why it could not be placed.
        """
        told = {
            one.checkout.asked.order_id: (one.checkout, one.occurred_at) for one in reversed(events) if one.checkout
        }
        if not told:
            return {}
        async with self._unit_of_work() as uow:
            there = await uow.orders.lock(told)
        return {order_id: await self._place(*told[order_id]) for order_id in told if order_id not in there}

    async def _place(self, checkout: CompletedCheckout, at: datetime) -> PaywallError | None:
        asked, session_id = checkout.asked, checkout.session_id
        try:
            plan = self._plans.find(asked.plan, asked.mode)
        except RuleBroken as error:
            return error
        order = Order.place(
            order_id=asked.order_id,
            email=asked.email,
            plan=plan.name,
            terms=plan.terms,
            clickid=asked.clickid,
            locale=asked.locale,
            telegram_chat_id=asked.telegram_chat_id,
            now=at,
        )
        change = apply(order, CheckoutOpened(session_id=session_id), now=at, cause="reconcile")
        try:
            async with self._unit_of_work() as uow:
                await uow.orders.add(order)
                await uow.orders.claim({session_id: order.id})
                await uow.orders.save(change)
                await uow.commit()
        except ConcurrentUpdate as error:  # mostly somebody else has just placed it; a deadlock is told so, too
            async with self._unit_of_work() as uow:
                return error if await uow.orders.get(order.id) is None else None
        return None
