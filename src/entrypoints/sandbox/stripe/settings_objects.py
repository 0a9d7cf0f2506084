"""How the seller's own things look: the account, a portal configuration, a webhook endpoint. Pure builders."""

from typing import Any, Final

import msgspec

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.params import PortalConfigurationCreate, PortalConfigurationUpdate
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
        "login_page": _login_page(world, login_base, enabled=enabled),
        "metadata": params.metadata,
        "name": params.name,
        "updated": world.now(),
    }


def change_portal_configuration(
    world: World, configuration: Document, params: PortalConfigurationUpdate, *, login_base: str
) -> None:
    """Change what is named. A login page switched off loses its address; switched on again, it has a new one."""
    for name in ("active", "default_return_url", "name"):
        if getattr(params, name) is not None:
            configuration[name] = getattr(params, name)
    if params.business_profile is not None:
        configuration["business_profile"] |= _given(msgspec.to_builtins(params.business_profile))
    features = _given(msgspec.to_builtins(params.features)) if params.features else {}
    for name, changes in features.items():
        configuration["features"][name] = {**configuration["features"][name], **_given(changes)}
    if params.login_page is not None and params.login_page.enabled != configuration["login_page"]["enabled"]:
        configuration["login_page"] = _login_page(world, login_base, enabled=params.login_page.enabled)
    merged = {**configuration["metadata"], **params.metadata}
    configuration["metadata"] = {name: value for name, value in merged.items() if value}
    configuration["updated"] = world.now()


def _given(fields: Document) -> Document:
    return {name: value for name, value in fields.items() if value is not None}


def _login_page(world: World, login_base: str, *, enabled: bool) -> Document:
    url = f"{login_base}/stripe/portal/login/test_{world.ids.text(16)}" if enabled else None
    return {"enabled": enabled, "url": url}


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
