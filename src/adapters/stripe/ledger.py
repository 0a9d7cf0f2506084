"""Stripe's own record, read by us: its event list, and the links from an object to our order.

Stripe keeps events for 30 days (https://docs.stripe.com/api/events). Every event is listed, delivered or not: a
database that was restored from a backup has lost what Stripe knows to be delivered.
"""

import heapq
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import structs
from stripe.params import EventListParams

from adapters.stripe.connection import StripeConnection, answer, answer_or_none
from adapters.stripe.sessions import checkout_of_session
from adapters.stripe.shapes import id_of, moment
from adapters.stripe.trace import Trace
from adapters.stripe.translate import USED_EVENT_TYPES, notification_of
from paywall_core.errors import InvalidPayload, PaymentProviderUnavailable
from paywall_core.notification import PaymentNotification
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import ListedEvent, PaymentLedger

KEPT: Final = timedelta(days=30)
_WINDOW: Final = timedelta(days=1)
_TYPES_A_LIST: Final = 20  # Stripe takes no more
_PAGE: Final = 100


class StripeLedger(PaymentLedger):
    """Asks Stripe what it has on record. Connects at the first call.

    Args:
        api_key: secret or restricted key.
        api_base: another address than Stripe's own, or None.
        public_base_url: where Stripe sends customers of ours back to: by that a checkout is known to be ours.
        clock: for how far back Stripe can be asked.
        timeout_seconds: for one attempt; there are up to three.
    """

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str | None,
        public_base_url: str,
        clock: Clock,
        timeout_seconds: float = 30,
    ) -> None:
        self._success_page = f"{public_base_url}/pay/success"
        self._stripe = StripeConnection(api_key=api_key, api_base=api_base, timeout_seconds=timeout_seconds)
        self._clock = clock

    async def list_events(self, since: datetime, until: datetime) -> AsyncIterator[ListedEvent]:
        """Events of the types that we use, oldest first.

        Stripe lists the newest first: so a day at a time is read, and turned round. That bounds what is held at once.
        """
        begin = max(since, self._clock.now() - KEPT).replace(microsecond=0)
        while begin < until:
            end = min(begin + _WINDOW, until)
            for event in await self._window(begin, end):
                yield self._listed(event)
            begin = end

    async def trace(self, references: Sequence[str]) -> PaymentNotification | None:
        """Which order do these ids belong to? A handful of calls at most."""
        client = self._stripe.client()

        async def retrieve(kind: str, object_id: str) -> Mapping[str, Any] | None:
            calls = {
                "charge": client.v1.charges.retrieve_async,
                "payment_intent": client.v1.payment_intents.retrieve_async,
                "invoice": client.v1.invoices.retrieve_async,
                "subscription": client.v1.subscriptions.retrieve_async,
                "refund": client.v1.refunds.retrieve_async,
                "dispute": client.v1.disputes.retrieve_async,
                "checkout.session": client.v1.checkout.sessions.retrieve_async,
            }
            return await answer_or_none(calls[kind](object_id))

        async def invoice_of(intent_id: str) -> str | None:
            found = await answer(
                client.v1.invoice_payments.list_async(
                    {"payment": {"type": "payment_intent", "payment_intent": intent_id}, "limit": 1}
                )
            )
            links = found.get("data")
            if not isinstance(links, list) or not all(isinstance(link, Mapping) for link in links):
                raise PaymentProviderUnavailable("Stripe's list of invoice payments is malformed")
            return id_of(links[0].get("invoice")) if links else None

        search = Trace(retrieve=retrieve, invoice_of=invoice_of)
        try:
            return await search.follow(references, at=self._clock.now())
        except InvalidPayload as error:
            raise PaymentProviderUnavailable(f"Stripe's charge is malformed: {error.reason}") from error

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        await self._stripe.close()

    def _listed(self, event: Mapping[str, Any]) -> ListedEvent:
        """One event in our words; one that cannot be read is told by its id."""
        event_type = event.get("type")
        listed = ListedEvent(
            event_id=id_of(event) or "",
            event_type=event_type if isinstance(event_type, str) else "",
            occurred_at=_moment_of(event),
        )
        try:
            said = notification_of(event, msgspec.json.encode(event))
        except InvalidPayload as error:
            return structs.replace(listed, error=error.reason)
        is_session = listed.event_type.startswith("checkout.session.")
        checkout = checkout_of_session(event["data"]["object"], success_page=self._success_page) if is_session else None
        return structs.replace(listed, notification=said, checkout=checkout)

    async def _window(self, begin: datetime, end: datetime) -> Sequence[Mapping[str, Any]]:
        """One stretch of time, oldest first, whatever the type."""
        groups = [
            USED_EVENT_TYPES[start : start + _TYPES_A_LIST] for start in range(0, len(USED_EVENT_TYPES), _TYPES_A_LIST)
        ]
        lists = [await self._newest_first(types, begin, end) for types in groups]
        return list(heapq.merge(*(reversed(found) for found in lists), key=_created))

    async def _newest_first(self, types: Sequence[str], begin: datetime, end: datetime) -> list[Mapping[str, Any]]:
        """All pages of one list."""
        found: list[Mapping[str, Any]] = []
        asked: EventListParams = {
            "types": list(types),
            "created": {"gte": int(begin.timestamp()), "lt": math.ceil(end.timestamp())},
            "limit": _PAGE,
        }
        more = True
        while more:
            page = await answer(self._stripe.client().v1.events.list_async(asked))
            data = page.get("data")
            if not isinstance(data, list) or not all(isinstance(one, Mapping) and id_of(one) for one in data):
                raise PaymentProviderUnavailable("Stripe's event list is malformed")
            found += data
            more = bool(page.get("has_more")) and bool(data)
            if more:
                asked["starting_after"] = data[-1]["id"]
        return found


def _created(event: Mapping[str, Any]) -> int:
    created = event.get("created")
    return created if isinstance(created, int) else 0


def _moment_of(event: Mapping[str, Any]) -> datetime:
    """When it happened; 1970: it does not say so in a way that can be read, which is the listed error."""
    try:
        return moment(event.get("created"), "created")
    except InvalidPayload:
        return datetime.fromtimestamp(0, UTC)
