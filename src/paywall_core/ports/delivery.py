"""The ways in which we reach people and trackers. Each raises `DeliveryFailed`, and says if trying again can help."""

from typing import Protocol
from uuid import UUID

from msgspec import Struct


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


class SaleReport(Struct, frozen=True, kw_only=True):
    """A sale, as the tracker wants to hear of it: `pay_success` for the click that led here."""

    key: str
    order_id: UUID
    clickid: str


class SaleTracker(Protocol):
    """Tells the traffic tracker that a click became a sale."""

    async def report_sale(self, report: SaleReport) -> None:
        """Report it. Returns once the tracker has said yes."""
        ...
