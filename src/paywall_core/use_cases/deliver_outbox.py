"""The outbox's worker: what the world outside is owed goes out, at least once, until it is done or given up."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct

from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import ReportSale, SendAccessEmail
from paywall_core.errors import DeliveryFailed
from paywall_core.lifecycle import State
from paywall_core.order import Order
from paywall_core.ports.clock import Clock, Randomness
from paywall_core.ports.delivery import AccessMessage, AccessMessenger, SaleReport, SaleTracker
from paywall_core.ports.unit_of_work import (
    Delivery,
    DeliveryStatus,
    Settlement,
    UnitOfWorkFactory,
)

_Channel = TypeVar("_Channel", AccessMessenger, SaleTracker)


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """When a delivery is tried again.

    Attributes:
        first_delay_seconds: after the first failure; doubles with each further one.
        max_delay_seconds: the longest wait. With the defaults a delivery is tried for more than a day.
        max_attempts: after so many tries it becomes a dead letter.
        lease_seconds: how long one worker has for one batch before another may take it over.
    """

    first_delay_seconds: float = 2.0
    max_delay_seconds: float = 3600.0
    max_attempts: int = 40
    lease_seconds: float = 120.0

    def delay(self, attempt: int, jitter: float) -> timedelta:
        """The wait after a failed try: exponential, and spread over its upper half by `jitter` in [0, 1)."""
        doubled = self.first_delay_seconds * 2.0 ** min(attempt - 1, 32)
        return timedelta(seconds=min(doubled, self.max_delay_seconds) * (0.5 + jitter / 2))


class DeliverOutbox:
    """Deliver what is due: lease it, do it outside any transaction, and write down how it ended.

    A failure is retried with exponential backoff and jitter; what cannot succeed, or failed too often, becomes a dead
    letter that waits for a human. A killed worker's leases run out and its rows come back. What is no longer wanted
    when its turn comes (refunded meanwhile, token rotated) is skipped, and comes back if it is wanted again. A channel
    that is not configured (None) skips its effects and says so.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        mailer: AccessMessenger | None,
        messenger: AccessMessenger | None,
        sale_tracker: SaleTracker | None,
        links: ActivationLinks,
        clock: Clock,
        randomness: Randomness,
        policy: RetryPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._mailer = mailer
        self._messenger = messenger
        self._sale_tracker = sale_tracker
        self._links = links
        self._clock = clock
        self._randomness = randomness
        self._policy = policy

    async def lease(self, limit: int) -> Sequence[Delivery]:
        """Take up to `limit` deliveries that are due. Each must then be given to `deliver` or `give_back`."""
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            deliveries = await uow.outbox.lease(
                now=now,
                limit=limit,
                lease_until=now + timedelta(seconds=self._policy.lease_seconds),
                lease_id=self._randomness.new_id(),
            )
            await uow.commit()
        return deliveries

    async def deliver(self, delivery: Delivery) -> DeliveryStatus:
        """Do one delivery and write down how it ended. Never raises for what the far side did.

        Returns:
            The row's status now; `pending`: it will be tried again.
        """
        try:
            skipped = await self._perform(delivery)
        except DeliveryFailed as failure:
            settlement = self._after_failure(delivery, failure)
        else:
            if skipped is not None:
                return skipped
            settlement = Settlement(status=DeliveryStatus.DELIVERED, at=self._clock.now())
        async with self._unit_of_work() as uow:
            await uow.outbox.settle(delivery, settlement)
            await uow.commit()
        return settlement.status

    async def give_back(self, delivery: Delivery) -> None:
        """Return a delivery that was leased but not begun (the worker stops): it is due at once, for anyone."""
        now = self._clock.now()
        settlement = Settlement(status=DeliveryStatus.PENDING, at=now, due_at=now, attempted=False)
        async with self._unit_of_work() as uow:
            await uow.outbox.settle(delivery, settlement)
            await uow.commit()

    async def _perform(self, delivery: Delivery) -> DeliveryStatus | None:
        """Do it. Returns a status when it was settled already (skipped)."""
        order = await self._wanted(delivery)
        if order is None:
            return DeliveryStatus.SKIPPED
        effect = delivery.effect
        if isinstance(effect, ReportSale):
            report = SaleReport(key=delivery.key, order_id=order.id, clickid=order.clickid)
            await _configured(self._sale_tracker).report_sale(report)
        elif isinstance(effect, SendAccessEmail):
            message = self._access_message(delivery, order, to=order.email)
            await _configured(self._mailer).send_access(message)
        else:
            message = self._access_message(delivery, order, to=order.telegram_chat_id or "")
            await _configured(self._messenger).send_access(message)
        return None

    async def _wanted(self, delivery: Delivery) -> Order | None:
        """The order, if the effect is still wanted; else it is skipped.

        Deciding to skip and writing it down happen under the order's lock: a change that makes the effect wanted again
        comes either before (and is seen) or after (and finds the row skipped, and revives it).
        """
        effect = delivery.effect
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            order = await uow.orders.get(effect.order_id, for_update=True)
            if order is None:
                raise DeliveryFailed("its order does not exist", permanent=True)
            reason = self._unwanted(delivery, order, now)
            if reason is None:
                return order
            settlement = Settlement(status=DeliveryStatus.SKIPPED, at=now, error=reason)
            await uow.outbox.settle(delivery, settlement)
            await uow.commit()
        return None

    def _unwanted(self, delivery: Delivery, order: Order, now: datetime) -> str | None:
        """Why an effect is not wanted any more, or None."""
        effect = delivery.effect
        if isinstance(effect, ReportSale):
            return None if self._sale_tracker is not None else "the sale tracker is not configured"
        by_mail = isinstance(effect, SendAccessEmail)
        if (self._mailer if by_mail else self._messenger) is None:
            return "mail is not configured" if by_mail else "the bot is not configured"
        if effect.token_version != order.facts.token_version:
            return "the token was rotated"
        state = order.state_at(now)
        wanted = (State.TOKEN_ISSUED, State.ACTIVE) if by_mail else (State.TOKEN_ISSUED,)
        return None if state in wanted else f"the order is {state}"

    def _access_message(self, delivery: Delivery, order: Order, *, to: str) -> AccessMessage:
        return AccessMessage(
            key=delivery.key,
            order_id=order.id,
            plan=order.plan,
            locale=order.locale,
            to=to,
            activation_link=self._links.link(order.id, order.facts.token_version),
        )

    def _after_failure(self, delivery: Delivery, failure: DeliveryFailed) -> Settlement:
        now = self._clock.now()
        if failure.permanent or delivery.attempt >= self._policy.max_attempts:
            return Settlement(status=DeliveryStatus.DEAD, at=now, error=failure.reason)
        wait = self._policy.delay(delivery.attempt, self._randomness.fraction())
        if failure.retry_after_seconds is not None:
            wait = max(wait, timedelta(seconds=failure.retry_after_seconds))
        return Settlement(status=DeliveryStatus.PENDING, at=now, due_at=now + wait, error=failure.reason)


def _configured(channel: _Channel | None) -> _Channel:
    """The channel; `_unwanted` has already let nothing through to one that is not configured."""
    if channel is None:
        raise DeliveryFailed("its channel is not configured", permanent=True)
    return channel
