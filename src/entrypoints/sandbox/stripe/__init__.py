"""A stateful Stripe on loopback: API, hosted checkout page, signed webhooks. See `sandbox.StripeSandbox`."""

from entrypoints.sandbox.stripe.catalogue import SandboxPrice
from entrypoints.sandbox.stripe.checkout import TestCard
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.sandbox import StripeSandbox
from entrypoints.sandbox.stripe.webhooks import Attempt, WebhookDispatcher, WebhookTiming

__all__ = [
    "Attempt",
    "SandboxPrice",
    "StripeRefusal",
    "StripeSandbox",
    "TestCard",
    "WebhookDispatcher",
    "WebhookTiming",
]
