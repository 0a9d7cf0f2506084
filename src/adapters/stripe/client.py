"""Stripe through its own SDK: open a checkout, read one, ask for a price."""

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import stripe
import structlog
from stripe.params.checkout import SessionCreateParams

from adapters.stripe.errors import unavailable
from adapters.stripe.translate import notification_of_session
from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.events import PaymentNotification
from paywall_core.facts import Mode
from paywall_core.money import Money
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import CheckoutRequest, OpenedCheckout, PaymentGateway, Price

_TIMEOUT_SECONDS: Final = 15  # the SDK's own is 80: longer than any customer waits
_PRICE_TTL_SECONDS: Final = 600
_log = structlog.stdlib.get_logger("paywall.stripe")


class StripePaymentGateway(PaymentGateway):
    """Asks Stripe. Connects at the first call.

    Args:
        api_key: secret or restricted key.
        api_base: another address than Stripe's own, or None.
        prices: from a plan's name to the id of its price.
        public_base_url: where Stripe sends the customer back to.
        clock: for the moment at which a session was read.
    """

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str | None,
        prices: Mapping[str, str],
        public_base_url: str,
        clock: Clock,
    ) -> None:
        self._prices = prices
        self._public_base_url = public_base_url
        self._clock = clock
        self._http = stripe.HTTPXClient(timeout=_TIMEOUT_SECONDS)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=self._http,
            max_network_retries=2,
        )
        self._shown: dict[str, tuple[float, Price]] = {}

    async def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Open a checkout; our order's id is on every object that it will create."""
        try:
            session = await self._client.v1.checkout.sessions.create_async(
                self._parameters(request), {"idempotency_key": str(request.order_id)}
            )
        except stripe.StripeError as error:
            raise _logged(error) from error
        if session.url is None:
            raise PaymentProviderUnavailable("Stripe opened a session without a page")
        return OpenedCheckout(session_id=session.id, url=session.url)

    async def read_checkout(self, session_id: str) -> PaymentNotification:
        """What Stripe says of a session now."""
        try:
            session = await self._client.v1.checkout.sessions.retrieve_async(session_id)
        except stripe.StripeError as error:
            raise _logged(error) from error
        document: dict[str, Any] = session.to_dict()
        payload = msgspec.json.encode(document)
        return notification_of_session(document, payload, read_at=self._clock.now())

    async def price_of(self, plan: str) -> Price:
        """What a plan costs; Stripe is asked once in ten minutes."""
        asked_at, price = self._shown.get(plan, (0.0, None))
        if price is not None and time.monotonic() < asked_at + _PRICE_TTL_SECONDS:
            return price
        try:
            found = await self._client.v1.prices.retrieve_async(self._prices[plan])
        except stripe.StripeError as error:
            raise _logged(error) from error
        price = Price(
            amount=Money.of(found.unit_amount or 0, found.currency),
            interval=found.recurring.interval if found.recurring else None,
            interval_count=found.recurring.interval_count if found.recurring else 1,
        )
        self._shown[plan] = (time.monotonic(), price)
        return price

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the SDK did not annotate it

    def _parameters(self, request: CheckoutRequest) -> SessionCreateParams:
        metadata = {"order_id": str(request.order_id)}
        back = urlencode({"locale": request.locale})
        parameters: SessionCreateParams = {
            "mode": "payment" if request.mode is Mode.ONE_TIME else "subscription",
            "line_items": [{"price": self._prices[request.plan], "quantity": 1}],
            "customer_email": request.email,
            "client_reference_id": str(request.order_id),
            "metadata": metadata,
            "locale": "ru" if request.locale == "ru" else "en",
            "success_url": f"{self._public_base_url}/pay/success?session_id={{CHECKOUT_SESSION_ID}}&{back}",
            "cancel_url": f"{self._public_base_url}/pay/cancel?{urlencode({'plan': request.plan})}&{back}",
        }
        if request.mode is Mode.ONE_TIME:
            parameters["payment_intent_data"] = {"metadata": metadata}
            parameters["customer_creation"] = "always"  # so that the buyer can log in to Stripe's customer portal
        else:
            parameters["subscription_data"] = {"metadata": metadata}
        return parameters


def _logged(error: stripe.StripeError) -> Exception:
    ours = unavailable(error)
    _log.warning("stripe.unavailable", reason=ours.reason)
    return ours
