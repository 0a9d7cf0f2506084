"""Stripe through its own SDK: open a checkout, read one, ask for a price."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from stripe.params.checkout import SessionCreateParams
from structlog.contextvars import bound_contextvars

from adapters.stripe.connection import StripeConnection, answer, answer_at
from adapters.stripe.shapes import id_of, text, whole
from adapters.stripe.translate import notification_of_session
from paywall_core.errors import InvalidPayload, PaymentProviderUnavailable
from paywall_core.facts import Mode
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import CheckoutRequest, OpenedCheckout, PaymentGateway, Price

_PRICE_TTL: Final = timedelta(minutes=10)


class StripePaymentGateway(PaymentGateway):
    """Asks Stripe. Connects at the first call.

    Args:
        api_key: secret or restricted key.
        api_base: another address than Stripe's own, or None.
        prices: from a plan's name to the id of its price.
        public_base_url: where Stripe sends the customer back to.
        clock: for the age of a price, and for the moment at which a session was read where Stripe does not say it.
        timeout_seconds: for one attempt; there are up to three.
    """

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str | None,
        prices: Mapping[str, str],
        public_base_url: str,
        clock: Clock,
        timeout_seconds: float = 15,
    ) -> None:
        self._stripe = StripeConnection(api_key=api_key, api_base=api_base, timeout_seconds=timeout_seconds)
        self._prices = prices
        self._public_base_url = public_base_url
        self._clock = clock
        self._shown: dict[str, tuple[datetime, Price]] = {}

    async def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Open a checkout; our order's id is on every object that it will create."""
        with bound_contextvars(order_id=request.order_id):  # nobody is told of an order that Stripe did not take
            session = await answer(
                self._stripe.client().v1.checkout.sessions.create_async(
                    self._parameters(request), {"idempotency_key": str(request.order_id)}
                )
            )
        session_id, url = id_of(session), session.get("url")
        if session_id is None or not isinstance(url, str) or not url:
            raise PaymentProviderUnavailable("Stripe opened a session without an id or a page")
        return OpenedCheckout(session_id=session_id, url=url)

    async def read_checkout(self, session_id: str) -> PaymentNotification:
        """What Stripe says of a session now; with its invoice, so that a lost webhook costs no paid time."""
        session, said_at = await answer_at(
            self._stripe.client().v1.checkout.sessions.retrieve_async(session_id, {"expand": ["invoice"]})
        )
        # It may become the moment of payment for good. Where no `Date` can be read (a proxy may drop it), our clock
        # tells it: a customer who paid is let in, and a clock that runs wrong costs at most what it is wrong by.
        read_at = self._clock.now() if said_at is None else said_at
        try:
            return notification_of_session(session, msgspec.json.encode(session), read_at=read_at)
        except InvalidPayload as error:
            raise PaymentProviderUnavailable(f"Stripe's session is malformed: {error.reason}") from error

    async def price_of(self, plan: str) -> Price:
        """What a plan costs; Stripe is asked once in ten minutes."""
        now = self._clock.now()
        shown = self._shown.get(plan)
        if shown is not None and now < shown[0] + _PRICE_TTL:
            return shown[1]
        # Not tried again: a page waits for this, and does without where Stripe is away.
        asked = self._stripe.client().v1.prices.retrieve_async(self._prices[plan], options={"max_network_retries": 0})
        found = await answer(asked)
        try:
            price = _price(found)
        except InvalidPayload as error:
            raise PaymentProviderUnavailable(f"Stripe's price of {plan} is malformed: {error.reason}") from error
        self._shown[plan] = (now, price)
        return price

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        await self._stripe.close()

    def _parameters(self, request: CheckoutRequest) -> SessionCreateParams:
        metadata = {"order_id": str(request.order_id)}
        kept = {
            "plan": request.plan,
            "clickid": request.clickid,
            "telegram_chat_id": request.telegram_chat_id or "",
            "locale": request.locale,
        }
        back = urlencode({name: value for name, value in kept.items() if value})
        parameters: SessionCreateParams = {
            "mode": "payment" if request.mode is Mode.ONE_TIME else "subscription",
            "line_items": [{"price": self._prices[request.plan], "quantity": 1}],
            "customer_email": request.email,
            "client_reference_id": str(request.order_id),
            "metadata": metadata,
            "locale": "ru" if request.locale == "ru" else "en",
            "success_url": f"{self._public_base_url}/pay/success?session_id={{CHECKOUT_SESSION_ID}}&{back}",
            "cancel_url": f"{self._public_base_url}/pay/cancel?{back}",
        }
        if request.mode is Mode.ONE_TIME:
            parameters["payment_intent_data"] = {"metadata": metadata}
            parameters["customer_creation"] = "always"  # so that the buyer can log in to Stripe's customer portal
        else:
            parameters["subscription_data"] = {"metadata": metadata}
        return parameters


def _price(price: dict[str, Any]) -> Price:
    """A price of a fixed amount; one in tiers has none, and nobody may be shown that it is free."""
    recurring = price.get("recurring")
    amount = Money.of(whole(price, "unit_amount"), text(price, "currency"))
    if not isinstance(recurring, Mapping):
        return Price(amount=amount)
    return Price(amount=amount, interval=text(recurring, "interval"), interval_count=whole(recurring, "interval_count"))
