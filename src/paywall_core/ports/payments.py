"""The payment provider, in our words."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct

from paywall_core.facts import Mode
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification


class CheckoutRequest(Struct, frozen=True, kw_only=True):
    """What the provider needs to open a checkout.

    Attributes:
        order_id: travels as metadata on every object, and as the idempotency key.
        plan, mode: what is bought, and how it is paid.
        email: prefilled on the provider's page.
        locale: the page's language.
        clickid, telegram_chat_id: what the customer came with, so that the way back from the provider's page keeps it.
    """

    order_id: UUID
    plan: str
    mode: Mode
    email: str
    locale: str
    clickid: str = ""
    telegram_chat_id: str | None = None


class OpenedCheckout(Struct, frozen=True, kw_only=True):
    """A checkout that the customer can go to; `url` is the provider's hosted page."""

    session_id: str
    url: str


class Price(Struct, frozen=True, kw_only=True):
    """What a plan costs now, for display only: the provider charges what it has on record.

    Attributes:
        amount: the price.
        interval: `day`, `week`, `month` or `year` for a subscription; None: paid once.
        interval_count: how many intervals one payment covers.
    """

    amount: Money
    interval: str | None = None
    interval_count: int = 1


@runtime_checkable
class PaymentGateway(Protocol):
    """Asks the payment provider. Every method raises `PaymentProviderUnavailable` when it does not answer."""

    async def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Open a checkout; asking again with the same order gives the same one."""
        ...

    async def read_checkout(self, session_id: str) -> PaymentNotification:
        """What the provider says of a checkout session now (`event_id` is None)."""
        ...

    async def price_of(self, plan: str) -> Price:
        """What a plan costs."""
        ...


class CompletedCheckout(Struct, frozen=True, kw_only=True):
    """A checkout of ours that a customer has completed, with what we had asked for as the provider carries it back."""

    session_id: str
    asked: CheckoutRequest


class ListedEvent(Struct, frozen=True, kw_only=True):
    """One event of the provider's own list.

    Attributes:
        event_id, event_type, occurred_at: the event, in the provider's words and by its clock.
        notification: what it means to us; None: it cannot be understood.
        error: why it cannot be understood; names the field, holds no value.
        checkout: of which it tells, where that is one of ours that was completed: an order that was lost is placed anew
            from it.
    """

    event_id: str
    event_type: str
    occurred_at: datetime
    notification: PaymentNotification | None = None
    error: str | None = None
    checkout: CompletedCheckout | None = None


@runtime_checkable
class PaymentLedger(Protocol):
    """What the payment provider has on record: asked by us, for what it never told, or told too early.

    Every method raises `PaymentProviderUnavailable` when it does not answer.
    """

    def list_events(self, since: datetime, until: datetime) -> AsyncIterator[ListedEvent]:
        """Events of the types that we use that happened at `since` or later and before `until`, oldest first.

        The provider keeps them for 30 days. Whole seconds count.
        """
        ...

    async def trace(self, references: Sequence[str]) -> PaymentNotification | None:
        """Which order do these ids belong to? Follow the provider's own links from them.

        Returns:
            Our order's id where an object carries it, all ids on the way, and what the way teaches (`event_id` is
            None); None: the provider leads nowhere from these ids.
        """
        ...


@runtime_checkable
class PaymentWebhook(Protocol):
    """Reads what the payment provider pushes to us."""

    def read(self, body: bytes, signature: str, *, now: datetime) -> PaymentNotification:
        """Check the signature over the raw body, and translate the event. No I/O.

        Raises:
            InvalidSignature: it is not the provider's, or is too old at `now`.
            InvalidPayload: it is signed, but is no event.
        """
        ...


@runtime_checkable
class CustomerPortal(Protocol):
    """The provider's own place where customers look after their payments."""

    async def login_page(self) -> str:
        """Address of the page on which the provider itself proves an e-mail address; the same for everybody.

        Raises:
            PaymentProviderUnavailable: it is not known, and the provider does not say.
        """
        ...
