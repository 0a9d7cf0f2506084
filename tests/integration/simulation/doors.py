"""The ways out of a process into the simulated world: each may fail before it has an effect, or after it, or hang.

Stripe's words go through the product's own translation here, as they do in its real adapter.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from adapters.stripe.trace import Trace
from adapters.stripe.translate import USED_EVENT_TYPES, notification_of, notification_of_session
from paywall_core.errors import DeliveryFailed, PaymentProviderUnavailable
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.plans import PlanCatalogue
from paywall_core.ports.clock import Clock
from paywall_core.ports.delivery import (
    AccessMessage,
    AccessMessenger,
    ClickReport,
    ClickTracker,
    CodeMessage,
    CodeMessenger,
    NoticeMessage,
    NoticeMessenger,
)
from paywall_core.ports.payments import (
    CheckoutRequest,
    CustomerPortal,
    ListedEvent,
    OpenedCheckout,
    PaymentGateway,
    PaymentLedger,
    Price,
)

from .faults import Fault, Faults
from .process import Process
from .stripe import SimulatedStripe

_LIST_LAG: Final = timedelta(seconds=60)
_HANGS_SECONDS: Final = (130, 400)  # longer than a lease


class StripeDoor(PaymentGateway, PaymentLedger, CustomerPortal):
    """Stripe, as one process reaches it."""

    def __init__(
        self, stripe: SimulatedStripe, process: Process, faults: Faults, clock: Clock, plans: PlanCatalogue
    ) -> None:
        self._stripe = stripe
        self._process = process
        self._faults = faults
        self._clock = clock
        self._plans = {plan.name: plan for plan in plans}

    async def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Open a session; with the same order, the same one."""
        await self._going_out()
        purchase = self._stripe.open_session(request.order_id, self._plans[request.plan].terms, request.email)
        await self._coming_back()
        return OpenedCheckout(session_id=purchase.session_id, url=f"https://checkout.test/{purchase.session_id}")

    async def read_checkout(self, session_id: str) -> PaymentNotification:
        """A session as it is, or as it was a moment ago; with its invoice and its charge."""
        await self._going_out()
        document = self._snapshot(session_id)
        if document is None:
            raise PaymentProviderUnavailable("no such session")
        found = dict(document)
        if document["invoice"] is not None:
            found["invoice"] = self._snapshot(document["invoice"])
        read_at = self._stripe.now()  # by Stripe's clock, as its answer says; never by ours
        await self._coming_back()
        return notification_of_session(found, msgspec.json.encode(found), read_at=read_at)

    async def price_of(self, plan: str) -> Price:
        """All cost the same."""
        return Price(amount=Money(amount_minor=1900, currency="eur"))

    async def list_events(self, since: datetime, until: datetime) -> AsyncIterator[ListedEvent]:
        """The events of a stretch of time; the list may lag, or break off."""
        await self._going_out()
        lag = _LIST_LAG if self._faults.strikes(Fault.STRIPE_STALE) else timedelta()
        for event in self._stripe.listed(since, until, lag=lag):
            if event.type not in USED_EVENT_TYPES:
                continue
            if self._faults.strikes(Fault.STRIPE_ANSWER_LOST):
                raise PaymentProviderUnavailable("the list broke off")
            yield ListedEvent(
                event_id=event.id,
                event_type=event.type,
                occurred_at=event.at,
                notification=notification_of(msgspec.json.decode(event.body), event.body),
            )

    async def trace(self, references: Sequence[str]) -> PaymentNotification | None:
        """Follow Stripe's links, with the product's own search."""

        async def retrieve(_kind: str, object_id: str) -> Mapping[str, Any] | None:
            await self._going_out()
            return self._snapshot(object_id)

        async def invoice_of(intent_id: str) -> str | None:
            await self._going_out()
            return self._stripe.invoice_of(intent_id)

        return await Trace(retrieve=retrieve, invoice_of=invoice_of).follow(references, at=self._clock.now())

    async def login_page(self) -> str:
        """The portal."""
        await self._going_out()
        return "https://billing.test/login"

    def _snapshot(self, object_id: str) -> dict[str, Any] | None:
        known = self._stripe.documents.get(object_id)
        if known is None:
            return None
        if len(known) > 1 and self._faults.strikes(Fault.STRIPE_STALE):
            return known[-2]
        return known[-1]

    async def _going_out(self) -> None:
        await self._process.step()
        if self._faults.strikes(Fault.STRIPE_FAILED):
            raise PaymentProviderUnavailable("Stripe is away")

    async def _coming_back(self) -> None:
        if self._faults.strikes(Fault.STRIPE_ANSWER_LOST):
            raise PaymentProviderUnavailable("the answer was lost")
        if self._stripe.latency:
            await asyncio.sleep(self._stripe.latency)
        await self._process.step()


Arrived = Callable[[Process, str, object], None]
"""Told of each thing that truly arrived: who sent it, its key, and what it was."""


class OutgoingDoor(AccessMessenger, CodeMessenger, NoticeMessenger, ClickTracker):
    """Mail, the chat, or the tracker, as one process reaches it."""

    def __init__(
        self, process: Process, faults: Faults, choice: random.Random, arrived: Arrived, failures: tuple[Fault, Fault]
    ) -> None:
        self._process = process
        self._faults = faults
        self._choice = choice
        self._arrived = arrived
        self._before, self._after = failures

    async def send_access(self, message: AccessMessage) -> None:
        """The way in."""
        await self._send(message.key, message)

    async def send_code(self, message: CodeMessage) -> None:
        """A one-time code."""
        await self._send(message.key, message)

    async def send_notice(self, message: NoticeMessage) -> None:
        """A word about the payment."""
        await self._send(message.key, message)

    async def report(self, report: ClickReport) -> None:
        """A sale."""
        await self._send(report.key, report)

    async def _send(self, key: str, what: object) -> None:
        await self._process.step()
        if self._faults.strikes(self._before):
            raise DeliveryFailed("refused")
        if self._faults.strikes(Fault.SLOW):
            await asyncio.sleep(self._choice.randint(*_HANGS_SECONDS))
            self._process.check_alive()
        self._arrived(self._process, key, what)
        if self._faults.strikes(self._after):
            raise DeliveryFailed("the answer was lost")
        await self._process.step()
