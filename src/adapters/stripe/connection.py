"""The way to Stripe's API that the clients of this package share: opened at the first call, answers as plain data."""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final

import stripe
import structlog

from adapters.stripe.errors import needs_operator, unavailable
from adapters.stripe.shapes import moment
from paywall_core.errors import InvalidPayload, PaymentProviderUnavailable

_MAX_NETWORK_RETRIES: Final = 2
_NOT_FOUND: Final = 404
_MISSING: Final = "resource_missing"
_log = structlog.stdlib.get_logger("paywall.stripe")


class StripeConnection:
    """Stripe's SDK, set up once.

    Args:
        api_key: secret or restricted key.
        api_base: another address than Stripe's own, or None.
        timeout_seconds: for one attempt. The SDK's own 80 is longer than any customer waits.
        max_network_retries: further attempts, after what may pass by itself.
    """

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str | None,
        timeout_seconds: float,
        max_network_retries: int = _MAX_NETWORK_RETRIES,
    ) -> None:
        self._api_key = api_key
        self._api_base = api_base
        self._timeout_seconds = timeout_seconds
        self._max_network_retries = max_network_retries
        self._opened: tuple[stripe.StripeClient, stripe.HTTPXClient] | None = None

    def client(self) -> stripe.StripeClient:
        """The client; made at the first call."""
        if self._opened is None:
            http = stripe.HTTPXClient(timeout=self._timeout_seconds)
            client = stripe.StripeClient(
                self._api_key,
                base_addresses={"api": self._api_base} if self._api_base else {},
                http_client=http,
                max_network_retries=self._max_network_retries,
            )
            self._opened = (client, http)
        return self._opened[0]

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[1].close_async()  # type: ignore[no-untyped-call]  # the SDK did not annotate it


async def answer(call: Awaitable[object]) -> dict[str, Any]:
    """Stripe's answer as plain data.

    Raises:
        PaymentProviderUnavailable: whatever went wrong; it is logged once.
    """
    document, _ = await answer_at(call)
    return document


async def answer_at(call: Awaitable[object]) -> tuple[dict[str, Any], datetime | None]:
    """As `answer`, and when it was given, by Stripe's clock, to the second; None: the answer does not say it.

    Raises:
        PaymentProviderUnavailable: as `answer` does.
    """
    try:
        found = await call
    except stripe.StripeError as error:
        ours = unavailable(error)
        if needs_operator(error):
            _log.error("stripe.refused", reason=ours.reason)
        else:
            _log.warning("stripe.unavailable", reason=ours.reason)
        raise ours from None  # Stripe's message may quote what was sent: no traceback of it anywhere
    if not isinstance(found, stripe.StripeObject):
        raise PaymentProviderUnavailable("Stripe answered something that is no object")
    response = found.last_response
    return found.to_dict(), None if response is None else date_of(response.headers)


async def answer_or_none(call: Awaitable[object]) -> dict[str, Any] | None:
    """As `answer`; None when Stripe has no such object, which is no error and is not logged.

    A 404 that says something else (a wrong `STRIPE_API_BASE`) is an error like any other.
    """

    async def asked() -> object:
        try:
            return await call
        except stripe.InvalidRequestError as error:
            if error.http_status == _NOT_FOUND and error.code == _MISSING:
                raise _NotThereError from None
            raise

    try:
        return await answer(asked())
    except _NotThereError:
        return None


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was given, by Stripe's clock; None: there is no `Date`, or none of the one form that may be sent.

    That is RFC 9110's IMF-fixdate (section 5.6.7): written again, it must read the same. The parser is an e-mail's, and
    forgives what leaves doubt about the moment: no time zone, or two headers in one.
    """
    value = {name.lower(): value for name, value in headers.items()}.get("date", "")
    try:
        found = parsedate_to_datetime(value)
        return moment(int(found.timestamp()), "Date") if format_datetime(found, usegmt=True) == value else None
    except (ValueError, OverflowError, InvalidPayload):
        return None


class _NotThereError(Exception):
    """Stripe knows no object of this id."""
