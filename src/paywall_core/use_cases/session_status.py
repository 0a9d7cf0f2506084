"""The success page's question, polled: has my payment arrived, and where is my link?"""

import re
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from paywall_core.activation_link import ActivationLinks
from paywall_core.errors import PaymentProviderUnavailable, SessionNotFound
from paywall_core.events import CheckoutCompleted
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.notification import PaymentNotification
from paywall_core.policy import ACTIVATION_LINK_WINDOW
from paywall_core.ports.clock import Clock
from paywall_core.ports.directory import OrderDirectory, SessionRecord
from paywall_core.ports.payments import PaymentGateway
from paywall_core.use_cases.record_payment import Record

PROVIDER_READ_INTERVAL_SECONDS: Final = 3.0
"""At most one question to the provider in this time, per session."""

_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


class SessionStatus(Struct, frozen=True, kw_only=True):
    """What the success page shows.

    Attributes:
        payment_status: `unpaid`, `paid` or `no_payment_required`.
        fulfillment_status: whether a token was issued, or never will be by this checkout.
        access_status: the order's state.
        activation_link: the way in, while it can be redeemed and only in the first hour after payment; else None.
        checkout_completed: the provider was asked just now, and says that the customer went through its checkout while
            the money (a delayed method's) is still to come.
    """

    payment_status: str
    fulfillment_status: FulfillmentStatus
    access_status: State
    activation_link: str | None
    checkout_completed: bool = False


class GetSessionStatus:
    """Say how a checkout session stands, and give the activation link while it is fresh.

    While the order is pending, the provider itself is asked (at most once in three seconds per session), and its answer
    goes through the same door as a webhook: so a lost webhook keeps nobody waiting on this page.
    """

    def __init__(
        self,
        *,
        directory: OrderDirectory,
        gateway: PaymentGateway,
        record_payment: Record,
        links: ActivationLinks,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._gateway = gateway
        self._record_payment = record_payment
        self._links = links
        self._clock = clock

    async def __call__(self, session_id: str) -> SessionStatus:
        """Answer for one session.

        Raises:
            SessionNotFound: no order has this session.
        """
        record = await self._directory.session(session_id) if _SESSION_ID.fullmatch(session_id) else None
        if record is None:
            raise SessionNotFound(session_id)
        said = await self._ask_provider(session_id) if record.state is State.PENDING else None
        if said is None:
            return self._status(record)
        record = await self._directory.session(session_id) or record
        completed = any(isinstance(event, CheckoutCompleted) for event in said.events)
        return structs.replace(self._status(record), checkout_completed=completed and record.state is State.PENDING)

    async def _ask_provider(self, session_id: str) -> PaymentNotification | None:
        """Bring in what the provider knows; None when it was not asked, or did not answer."""
        if not await self._directory.claim_provider_read(
            session_id,
            now=self._clock.now(),
            min_interval_seconds=PROVIDER_READ_INTERVAL_SECONDS,
        ):
            return None
        try:
            notification = await self._gateway.read_checkout(session_id)
        except PaymentProviderUnavailable:
            return None  # the page gets what we know, and polls again; the webhook is still to come
        await self._record_payment(notification)
        return notification

    def _status(self, record: SessionRecord) -> SessionStatus:
        now = self._clock.now()
        return SessionStatus(
            payment_status=record.payment_status,
            fulfillment_status=record.fulfillment_status,
            access_status=_state_now(record, now),
            activation_link=self._links.link(record.order_id, record.token_version)
            if _shows_link(record, now)
            else None,
        )


def _state_now(record: SessionRecord, now: datetime) -> State:
    lapsed = record.access_until is not None and record.access_until <= now
    if lapsed and record.state in (State.TOKEN_ISSUED, State.ACTIVE):
        return State.EXPIRED
    return record.state


def _shows_link(record: SessionRecord, now: datetime) -> bool:
    return (
        _state_now(record, now) is State.TOKEN_ISSUED
        and record.first_paid_at is not None
        and now < record.first_paid_at + ACTIVATION_LINK_WINDOW
    )
