"""Stripe's own customer portal: the login page on which Stripe proves an address by a code of its own.

We only ever hand out that page. A portal session made through the API would open the portal for whoever names an
address, so nothing here makes one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from stripe.params.billing_portal import ConfigurationCreateParams, ConfigurationListParams

from adapters.stripe.connection import StripeConnection, answer
from adapters.stripe.shapes import StripeDocument, id_of
from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import CustomerPortal

_KNOWN_FOR: Final = timedelta(hours=1)
_ASK_AGAIN_AFTER: Final = timedelta(minutes=1)
_PAGE_SIZE: Final = 100
_MAX_PAGES: Final = 10
_KEY_WINDOW_SECONDS: Final = 600
_OURS: Final = ("paywall", "customer_portal")

_CONFIGURATION: Final[ConfigurationCreateParams] = {
    "name": "Paywall: login page",
    "features": {
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        # What is paid for stays: the core promises access to the paid end.
        "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
    },
    "login_page": {"enabled": True},
    "metadata": dict([_OURS]),
}
"""What is made where an account has no login page. Headline and terms are the account's own."""


class StripeCustomerPortal(CustomerPortal):
    """Finds the portal's login page, or sees to it that there is one. Connects at the first call.

    A page that is switched on is taken as it is: the default configuration's, which an operator manages in Stripe's
    dashboard, before ours, before any other. Where there is none, ours is switched on, or made. The address is asked
    for once an hour, and outlives an outage of Stripe.

    Args:
        api_key: secret or restricted key; a restricted one needs the right to write the customer portal.
        api_base: another address than Stripe's own, or None.
        clock: for the age of the address.
        timeout_seconds: for one attempt; there are up to three.
    """

    def __init__(self, *, api_key: str, api_base: str | None, clock: Clock, timeout_seconds: float = 15) -> None:
        self._stripe = StripeConnection(api_key=api_key, api_base=api_base, timeout_seconds=timeout_seconds)
        self._clock = clock
        self._known: str | None = None
        self._ask_at: datetime | None = None

    async def login_page(self) -> str:
        """The page's address."""
        now = self._clock.now()
        if self._known is not None and self._ask_at is not None and now < self._ask_at:
            return self._known
        try:
            self._known = await self._ask(now)
        except PaymentProviderUnavailable:
            if self._known is None:
                raise
            self._ask_at = now + _ASK_AGAIN_AFTER  # it is logged; an address that was good an hour ago is better
        else:
            self._ask_at = now + _KNOWN_FOR
        return self._known

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        await self._stripe.close()

    async def _ask(self, now: datetime) -> str:
        configurations = await self._configurations()
        page = _best_page(configurations)
        if page is None:
            ours = next((one for one in configurations if _is_ours(one)), None)
            page = _page_of(await (self._create(now) if ours is None else self._switch_on(ours)))
        if page is None:
            raise PaymentProviderUnavailable("Stripe's customer portal has no login page")
        return page

    async def _configurations(self) -> list[StripeDocument]:
        """All of the account, newest first; the inactive too, as ours may be among them."""
        found: list[StripeDocument] = []
        parameters: ConfigurationListParams = {"limit": _PAGE_SIZE}
        for _ in range(_MAX_PAGES):
            page = await answer(self._stripe.client().v1.billing_portal.configurations.list_async(parameters))
            data = page.get("data")
            if not isinstance(data, list) or not all(isinstance(one, Mapping) for one in data):
                raise PaymentProviderUnavailable("Stripe's list of portal configurations is malformed")
            found += data
            last = id_of(data[-1]) if data and page.get("has_more") is True else None
            if last is None:
                break
            parameters = {"limit": _PAGE_SIZE, "starting_after": last}
        return found

    async def _create(self, now: datetime) -> dict[str, Any]:
        """Make ours; processes that do it at the same time make one.

        Stripe answers a key for a day with what it answered first, a refusal too: the key changes with the time, so
        that an operator who has mended the account does not wait for a day.
        """
        content = hashlib.sha256(msgspec.json.encode(_CONFIGURATION, order="sorted")).hexdigest()[:16]
        key = f"paywall-customer-portal-{content}-{int(now.timestamp()) // _KEY_WINDOW_SECONDS}"
        configurations = self._stripe.client().v1.billing_portal.configurations
        return await answer(configurations.create_async(_CONFIGURATION, {"idempotency_key": key}))

    async def _switch_on(self, ours: StripeDocument) -> dict[str, Any]:
        """The rest stays as it is: the operator may have changed it."""
        configuration_id = id_of(ours)
        if configuration_id is None:
            raise PaymentProviderUnavailable("Stripe's portal configuration has no id")
        configurations = self._stripe.client().v1.billing_portal.configurations
        return await answer(
            configurations.update_async(configuration_id, {"active": True, "login_page": {"enabled": True}})
        )


def _best_page(configurations: Sequence[StripeDocument]) -> str | None:
    """The login page to send customers to; of several, the newest configuration's."""
    ranked = sorted(configurations, key=lambda one: (one.get("is_default") is not True, not _is_ours(one)))
    return next((page for page in map(_page_of, ranked) if page is not None), None)


def _page_of(configuration: StripeDocument) -> str | None:
    """The address of a configuration's login page, where it is on."""
    page = configuration.get("login_page")
    if configuration.get("active") is not True or not isinstance(page, Mapping) or page.get("enabled") is not True:
        return None
    url = page.get("url")
    return url if isinstance(url, str) and _is_address(url) else None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()


def _is_ours(configuration: StripeDocument) -> bool:
    metadata = configuration.get("metadata")
    name, value = _OURS
    return isinstance(metadata, Mapping) and metadata.get(name) == value
