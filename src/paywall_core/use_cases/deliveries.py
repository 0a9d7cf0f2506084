"""What each effect becomes when its turn comes: whether it is still wanted, and what is sent to whom.

Deciding happens inside a transaction, sending outside of it. Which channel is missing, what was refunded, rotated or
replaced meanwhile: that is an effect that is no longer wanted, with a reason for the operator that names nobody.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import (
    ForwardTrackedEvent,
    LookUpEvent,
    OrderEffect,
    ReportSale,
    SendAccessEmail,
    SendActivationMessage,
    SendNotice,
    SendRestoreCode,
)
from paywall_core.errors import DeliveryFailed
from paywall_core.lifecycle import State
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.order import Order
from paywall_core.ports.delivery import (
    AccessMessage,
    AccessMessenger,
    AdPlatform,
    AdReport,
    ClickReport,
    ClickTracker,
    CodeMessage,
    CodeMessenger,
)
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus, Settlement, UnitOfWork
from paywall_core.tracking import PAY_SUCCESS, AdEvent, TrackingOutcome
from paywall_core.use_cases.delivering import Send, Unwanted
from paywall_core.use_cases.look_up_parked import LookUpParked
from paywall_core.use_cases.prepare_notices import Notices

MAX_AD_EVENT_AGE: Final = timedelta(days=7)
"""Meta refuses a whole request for one event that is older (Conversions API, `event_time`)."""


_WANTED: Final = {
    # The mail holds the link for later, too; the button in the chat is of no use to somebody who is in.
    SendAccessEmail: {State.TOKEN_ISSUED, State.ACTIVE},
    SendActivationMessage: {State.TOKEN_ISSUED},
}


class Channels(Struct, frozen=True, kw_only=True):
    """The ways to the outside; None: not configured. Notices have ways of their own, see `Notices`."""

    access_mailer: AccessMessenger | None = None
    code_mailer: CodeMessenger | None = None
    chat_messenger: AccessMessenger | None = None
    click_tracker: ClickTracker | None = None
    ad_platform: AdPlatform | None = None


class Deliveries:
    """Prepares deliveries, and notes their end where an effect has a log of its own."""

    def __init__(
        self,
        *,
        channels: Channels,
        notices: Notices,
        look_up: LookUpParked,
        links: ActivationLinks,
        codes: OneTimeCodes,
    ) -> None:
        self._channels = channels
        self._notices = notices
        self._look_up = look_up
        self._links = links
        self._codes = codes

    async def prepare(
        self, uow: UnitOfWork, deliveries: Sequence[Delivery], now: datetime
    ) -> Sequence[Send | Unwanted | DeliveryFailed]:
        """Decide under the locks that make it final: a change that wants one again comes before, or finds it skipped.

        Returns:
            What each becomes, in their order; a failure: what its effect names does not exist.
        """
        effects = [delivery.effect for delivery in deliveries]
        orders = await uow.orders.lock({effect.order_id for effect in effects if isinstance(effect, OrderEffect)})
        return [await self._decide(uow, delivery, orders, now) for delivery in deliveries]

    async def _decide(
        self, uow: UnitOfWork, delivery: Delivery, orders: Mapping[UUID, Order], now: datetime
    ) -> Send | Unwanted | DeliveryFailed:
        effect = delivery.effect
        if isinstance(effect, SendRestoreCode):
            return await self._restore_code(uow, delivery.key, effect, now)
        if isinstance(effect, ForwardTrackedEvent):
            return await self._tracked_event(uow, delivery.key, effect, now)
        if isinstance(effect, LookUpEvent):
            return await self._parked_event(uow, effect)
        order = orders.get(effect.order_id)
        if order is None:
            return DeliveryFailed("its order does not exist", permanent=True)
        if isinstance(effect, SendNotice):
            return await self._notices.prepare(uow, delivery.key, effect, order, now)
        return self._of_order(delivery.key, effect, order, now)

    async def note_end(self, uow: UnitOfWork, delivery: Delivery, settlement: Settlement) -> None:
        """A forwarded event's own log says how it ended."""
        if not isinstance(delivery.effect, ForwardTrackedEvent) or settlement.status is DeliveryStatus.PENDING:
            return
        done = settlement.status is DeliveryStatus.DELIVERED
        await uow.tracking_log.settle(
            delivery.effect.attempt_id,
            TrackingOutcome.DELIVERED if done else TrackingOutcome.FAILED,
            at=settlement.at,
            reason=settlement.error,
        )

    def _of_order(
        self, key: str, effect: SendAccessEmail | SendActivationMessage | ReportSale, order: Order, now: datetime
    ) -> Send | Unwanted:
        if isinstance(effect, ReportSale):
            return self._sale(key, order)
        if isinstance(effect, SendAccessEmail):
            channel, missing = self._channels.access_mailer, "mail is not configured"
        else:
            channel, missing = self._channels.chat_messenger, "the bot is not configured"
        if channel is None:
            return Unwanted(reason=missing)
        if effect.token_version != order.facts.token_version:
            return Unwanted(reason="the token was rotated")
        # What the record says counts, too: a clock that runs ahead must not talk anybody out of the way in.
        state = order.state_at(now)
        if not _WANTED[type(effect)] & {state, order.state}:
            return Unwanted(reason=f"the order is {state}")
        message = AccessMessage(
            key=key,
            order_id=order.id,
            plan=order.plan,
            locale=order.locale,
            to=order.email if isinstance(effect, SendAccessEmail) else order.telegram_chat_id or "",
            activation_link=self._links.link(order.id, order.facts.token_version),
        )
        return lambda: channel.send_access(message)

    def _sale(self, key: str, order: Order) -> Send | Unwanted:
        tracker = self._channels.click_tracker
        if tracker is None:
            return Unwanted(reason="the click tracker is not configured")
        report = ClickReport(key=key, status=PAY_SUCCESS, clickid=order.clickid)
        return lambda: tracker.report(report)

    async def _parked_event(self, uow: UnitOfWork, effect: LookUpEvent) -> Send | Unwanted:
        parked = await uow.payment_events.find_parked(effect.event_id)
        if parked is None:
            return Unwanted(reason="the event has found its order")
        return lambda: self._look_up(parked)

    async def _restore_code(self, uow: UnitOfWork, key: str, effect: SendRestoreCode, now: datetime) -> Send | Unwanted:
        mailer = self._channels.code_mailer
        if mailer is None:
            return Unwanted(reason="mail is not configured")
        challenge = await uow.restore_challenges.find(effect.challenge_id)
        if challenge is None or not challenge.is_open(now):
            return Unwanted(reason="the code is used, expired or replaced by a newer one")
        orders = await uow.orders.paid_by(challenge.address, 1)
        if not orders:
            return Unwanted(reason="nothing was ever paid with this address")
        # To the address as the customer wrote it at the payment, not as a stranger may spell it now.
        message = CodeMessage(
            key=key, locale=orders[0].locale, to=orders[0].email, code=self._codes.derive(challenge.id)
        )
        return lambda: mailer.send_code(message)

    async def _tracked_event(
        self, uow: UnitOfWork, key: str, effect: ForwardTrackedEvent, now: datetime
    ) -> Send | Unwanted | DeliveryFailed:
        attempt = await uow.tracking_log.find(effect.attempt_id)
        if attempt is None:
            return DeliveryFailed("its logged event does not exist", permanent=True)
        event = attempt.event
        if isinstance(event, AdEvent):
            platform = self._channels.ad_platform
            if platform is None:
                return Unwanted(reason="the ad platform is not configured")
            if now - attempt.received_at >= MAX_AD_EVENT_AGE:
                return Unwanted(reason="the event is older than the ad platform takes")
            ad = AdReport(key=key, event=event, occurred_at=attempt.received_at)
            return lambda: platform.send_event(ad)
        tracker = self._channels.click_tracker
        if tracker is None:
            return Unwanted(reason="the click tracker is not configured")
        report = ClickReport(key=key, status=event.name, clickid=event.clickid, params=event.params)
        return lambda: tracker.report(report)
