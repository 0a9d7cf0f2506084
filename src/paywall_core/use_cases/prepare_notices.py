"""What a notice becomes when its turn comes: whether it still says the truth, what it says, and to whom."""

from collections.abc import Collection
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct, structs

from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import NoticeChannel, NoticeKind, SendNotice
from paywall_core.email_address import email_key
from paywall_core.errors import DeliveryFailed, PaymentProviderUnavailable
from paywall_core.facts import Mode
from paywall_core.lifecycle import State
from paywall_core.money import Money
from paywall_core.notices import unwanted_because
from paywall_core.order import Order
from paywall_core.policy import FOREVER
from paywall_core.ports.delivery import NoticeAction, NoticeMessage, NoticeMessenger
from paywall_core.ports.unit_of_work import UnitOfWork
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.delivering import Send, Unwanted

_Way: TypeAlias = tuple[NoticeMessenger, str]
_ABOUT_AN_END = (NoticeKind.ENDED, NoticeKind.ENDS_SOON)
_LIVE = (State.TOKEN_ISSUED, State.ACTIVE)


class NoticeChannels(Struct, frozen=True, kw_only=True):
    """The ways to a customer; None: not configured."""

    mailer: NoticeMessenger | None = None
    chat: NoticeMessenger | None = None


class Notices:
    """Prepares notices: decides under the order's lock whether each is still wanted, and writes what it says.

    Args:
        channels: the ways to a customer.
        enabled: the kinds that the operator wants to be sent.
        links: for customers who have not redeemed theirs yet.
        open_portal: where a customer looks after the subscription.
    """

    def __init__(
        self,
        *,
        channels: NoticeChannels,
        enabled: Collection[NoticeKind],
        links: ActivationLinks,
        open_portal: OpenCustomerPortal,
    ) -> None:
        self._channels = channels
        self._enabled = frozenset(enabled)
        self._links = links
        self._open_portal = open_portal

    async def prepare(
        self, uow: UnitOfWork, key: str, notice: SendNotice, order: Order, now: datetime
    ) -> Send | Unwanted:
        """What is to be sent, or why nothing is; `order` is locked."""
        if notice.kind not in self._enabled:
            return Unwanted(reason="the operator has switched this notice off")
        way = self._way(notice.channel, order)
        if isinstance(way, Unwanted):
            return way
        state = order.state_at(now)
        reason = unwanted_because(notice, order.facts, state)
        if reason is None and notice.kind is NoticeKind.ENDS_SOON and datetime.fromisoformat(notice.cause) <= now:
            reason = "the paid time is over"  # told too late, in a subscription's grace
        if reason is None and notice.kind in _ABOUT_AN_END and await _is_served_by_another(uow, order, now):
            reason = "another order gives this customer access"
        if reason is not None:
            return Unwanted(reason=reason)
        messenger, to = way
        message = self._message(key, notice, order, state, to)
        if message.action is NoticeAction.PORTAL:
            return lambda: self._send_with_portal(messenger, message, order.email)
        return lambda: messenger.send_notice(message)

    def _way(self, channel: NoticeChannel, order: Order) -> _Way | Unwanted:
        if channel is NoticeChannel.EMAIL:
            mailer = self._channels.mailer
            return Unwanted(reason="mail is not configured") if mailer is None else (mailer, order.email)
        chat, user = self._channels.chat, order.telegram_user_id
        to = order.telegram_chat_id if user is None else str(user)  # a user's private chat has the user's id
        if chat is None:
            return Unwanted(reason="the bot is not configured")
        return Unwanted(reason="no chat of the customer is known") if to is None else (chat, to)

    def _message(self, key: str, notice: SendNotice, order: Order, state: State, to: str) -> NoticeMessage:
        facts, entitlement = order.facts, order.entitlement
        with_grace = notice.kind in (NoticeKind.PAYMENT_FAILED, NoticeKind.ENDED)
        until = entitlement.access_until if with_grace else entitlement.paid_until
        has_access = state in _LIVE
        tells_until = until != FOREVER and (has_access or notice.kind is NoticeKind.ENDED)
        renews = order.terms.mode is Mode.SUBSCRIPTION and facts.subscription_ended_at is None
        action = _action(notice.kind, state, renews=renews and entitlement.first_paid_at is not None)
        return NoticeMessage(
            key=key,
            order_id=order.id,
            plan=order.plan,
            locale=order.locale,
            to=to,
            kind=notice.kind,
            has_access=has_access,
            access_until=until if tells_until else None,
            amount=_amount(notice, order),
            action=action,
            url=self._links.link(order.id, facts.token_version) if action is NoticeAction.ACTIVATE else None,
            renews=renews,
        )

    async def _send_with_portal(self, messenger: NoticeMessenger, message: NoticeMessage, email: str) -> None:
        try:
            url = await self._open_portal(email)
        except PaymentProviderUnavailable as error:
            raise DeliveryFailed(error.reason, retry_after_seconds=error.retry_after_seconds) from None
        await messenger.send_notice(structs.replace(message, url=url))


def _action(kind: NoticeKind, state: State, *, renews: bool) -> NoticeAction | None:
    """What the customer can do about it."""
    if kind is NoticeKind.PAYMENT_FAILED or kind in _ABOUT_AN_END:
        return NoticeAction.PORTAL if renews else NoticeAction.PAY
    if kind is NoticeKind.REFUNDED:
        if state in _LIVE:
            return None
        return NoticeAction.PORTAL if renews else NoticeAction.PAY  # else the next renewal would surprise them
    if kind is NoticeKind.RESTORED and state is State.TOKEN_ISSUED:
        return NoticeAction.ACTIVATE
    return None


def _amount(notice: SendNotice, order: Order) -> Money | None:
    """The money of the refund that a notice is about."""
    refund = order.facts.refunds.get(notice.cause) if notice.kind is NoticeKind.REFUNDED else None
    return None if refund is None else refund.amount


async def _is_served_by_another(uow: UnitOfWork, order: Order, now: datetime) -> bool:
    """Whether the customer's best order is another one, and gives access: nothing ends for them."""
    best = await uow.orders.paid_by(email_key(order.email), 1)
    return bool(best) and best[0].id != order.id and best[0].state_at(now) in _LIVE
