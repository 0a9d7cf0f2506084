"""Stripe's errors as ours. The reason names the kind and the request, never a key or what was sent."""

import stripe

from paywall_core.errors import PaymentProviderUnavailable


def unavailable(error: stripe.StripeError) -> PaymentProviderUnavailable:
    """Whatever Stripe's client raised, in our words."""
    busy = isinstance(error, stripe.RateLimitError)
    reason = f"{type(error).__name__} {error.code or ''} (request {error.request_id or 'none'})"
    return PaymentProviderUnavailable(reason, retry_after_seconds=30 if busy else 5)
