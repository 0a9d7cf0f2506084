"""The ways in which we reach people and trackers. Each raises `DeliveryFailed`, which says if trying again can help."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from msgspec import Struct, field

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
    """Sends the activation link to a customer: by e-mail, or into a Telegram chat."""

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
