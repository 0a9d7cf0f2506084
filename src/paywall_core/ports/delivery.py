"""The ways in which we reach people and trackers. Each raises `DeliveryFailed`, which says if trying again can help."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from msgspec import Struct, field

from paywall_core.effects import NoticeKind
from paywall_core.money import Money
from paywall_core.tracking import AdEvent


class AccessMessage(Struct, frozen=True, kw_only=True):
    """The words "you have paid, here is your way in", before a language and a medium are chosen.

    Attributes:
        key: the delivery's deterministic key; a medium that knows ids carries it (`Message-ID`).
        order_id: the order.
        plan: name of the plan.
        locale: language to write in.
        to: e-mail address, or Telegram chat id.
        activation_link: the link that redeems the token. Secret: never logged.
    """

    key: str
    order_id: UUID
    plan: str
    locale: str
    to: str
    activation_link: str

    def __repr__(self) -> str:
        return f"AccessMessage(key={self.key!r}, locale={self.locale!r})"


class AccessMessenger(Protocol):
    """Sends the activation link to a customer: by e-mail, or into a Telegram chat.

    Raises `DeliveryFailed`: with `permanent=True` it becomes a dead letter, otherwise it is tried again.
    """

    async def send_access(self, message: AccessMessage) -> None:
        """Send it. Returns once the far side has taken responsibility for it."""
        ...


class CodeMessage(Struct, frozen=True, kw_only=True):
    """The words "this code proves that the address is yours".

    Attributes:
        key: the delivery's deterministic key.
        locale: language to write in.
        to: e-mail address.
        code: six digits. Secret: never logged.
    """

    key: str
    locale: str
    to: str
    code: str

    def __repr__(self) -> str:
        return f"CodeMessage(key={self.key!r}, locale={self.locale!r})"


class CodeMessenger(Protocol):
    """Sends a one-time code to an e-mail address."""

    async def send_code(self, message: CodeMessage) -> None:
        """Send it. Returns once the far side has taken responsibility for it."""
        ...


class NoticeAction(StrEnum):
    """What a notice offers the customer to do."""

    PAY = "pay"  # buy again, on our own page
    PORTAL = "portal"  # look after the payment at the provider's portal
    ACTIVATE = "activate"  # press the activation link


class NoticeMessage(Struct, frozen=True, kw_only=True):
    """A word about what became of a payment, before a language and a medium are chosen.

    Attributes:
        key: the delivery's deterministic key; a medium that knows ids carries it (`Message-ID`).
        order_id, plan: the order.
        locale: language to write in.
        to: e-mail address, or Telegram chat id.
        kind: what it is about.
        has_access: whether the customer has access now.
        access_until: until when (the paid time, or the grace while a renewal is late); None: for life, or no access.
            Of an `ended` notice: when it ended.
        amount: the money that it is about (a refund's, a failed payment's), where it is known.
        action: what the customer can do; None: nothing.
        url: where to do it; None for `PAY`, whose page each medium knows. An activation link is secret: never logged.
        renews: the order is a subscription that has not ended.
    """

    key: str
    order_id: UUID
    plan: str
    locale: str
    to: str
    kind: NoticeKind
    has_access: bool
    access_until: datetime | None = None
    amount: Money | None = None
    action: NoticeAction | None = None
    url: str | None = None
    renews: bool = False

    def __repr__(self) -> str:
        return f"NoticeMessage(key={self.key!r}, locale={self.locale!r})"


class NoticeMessenger(Protocol):
    """Tells a customer what became of the payment: by e-mail, or in Telegram."""

    async def send_notice(self, message: NoticeMessage) -> None:
        """Send it. Returns once the far side has taken responsibility for it."""
        ...


class ClickReport(Struct, frozen=True, kw_only=True):
    """A step of the funnel, as the click tracker wants to hear of it.

    Attributes:
        status: one of `tracking.FUNNEL_EVENTS`.
        clickid: the click that led here.
        params: further parameters, passed on; none may replace a parameter of the tracker's own.
    """

    key: str
    status: str
    clickid: str
    params: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ClickReport(key={self.key!r}, status={self.status!r})"


class ClickTracker(Protocol):
    """Tells the traffic tracker how far a click has come; the sale is the last step."""

    async def report(self, report: ClickReport) -> None:
        """Report it. Returns once the tracker has said yes."""
        ...


class AdReport(Struct, frozen=True, kw_only=True):
    """An event, as the ad platform wants to hear of it.

    Attributes:
        event: what happened, and to whom.
        occurred_at: when.
    """

    key: str
    event: AdEvent
    occurred_at: datetime


class AdPlatform(Protocol):
    """Tells the ad platform what became of a visitor that it sent."""

    async def send_event(self, report: AdReport) -> None:
        """Send it. Returns once the platform has said yes."""
        ...
