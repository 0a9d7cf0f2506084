"""How the seller's own things look: the account, a portal configuration, a webhook endpoint. Pure builders."""

from typing import Any, Final

import msgspec

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.params import PortalConfigurationCreate
from entrypoints.sandbox.stripe.world import API_VERSION, World

_FEATURES: Final[dict[str, dict[str, Any]]] = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": False, "options": []},
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}


def account(world: World, account_id: str) -> Document:
    """The seller's account."""
    return {
        "id": account_id,
        "object": "account",
        "business_type": "company",
        "charges_enabled": True,
        "country": "DE",
        "created": world.now(),
        "default_currency": "eur",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


def portal_configuration(
    world: World, params: PortalConfigurationCreate, *, login_base: str, is_default: bool
) -> Document:
    """A configuration of the customer portal; with its login page on, the page has an address."""
    asked = msgspec.to_builtins(params.features)
    features = {name: {**usual, **(asked[name] or {})} for name, usual in _FEATURES.items() if name in asked}
    enabled = params.login_page is not None and params.login_page.enabled
    profile = msgspec.to_builtins(params.business_profile) if params.business_profile else {}
    return {
        "id": world.ids.new("bpc"),
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {
            "headline": None,
            "privacy_policy_url": None,
            "terms_of_service_url": None,
            **profile,
        },
        "created": world.now(),
        "default_return_url": params.default_return_url,
        "features": {**_FEATURES, **features},
        "is_default": is_default,
        "livemode": False,
        "login_page": {
            "enabled": enabled,
            "url": f"{login_base}/stripe/portal/login/test_{world.ids.text(16)}" if enabled else None,
        },
        "metadata": params.metadata,
        "name": params.name,
        "updated": world.now(),
    }


def webhook_endpoint(
    world: World,
    *,
    url: str,
    enabled_events: list[str],
    api_version: str | None = API_VERSION,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Document:
    """Where events are sent; its secret is shown once, at creation."""
    return {
        "id": world.ids.new("we"),
        "object": "webhook_endpoint",
        "api_version": api_version,
        "application": None,
        "created": world.now(),
        "description": description,
        "enabled_events": enabled_events,
        "livemode": False,
        "metadata": metadata or {},
        "status": "enabled",
        "url": url,
    }
