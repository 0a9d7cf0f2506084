"""Stripe's errors as ours. Reasons name the kind, Stripe's code, the parameter's name and the request: no values.

Stripe's own message is never repeated: it may quote what was sent, an address or the end of a key.
"""

from typing import Final

import stripe

from paywall_core.errors import PaymentProviderUnavailable

_RETRY_AFTER_SECONDS: Final = 5
_RETRY_AFTER_BUSY_SECONDS: Final = 30
_LONGEST_RETRY_AFTER_SECONDS: Final = 300
_OURS: Final = (
    stripe.AuthenticationError,
    stripe.PermissionError,
    stripe.InvalidRequestError,
    stripe.IdempotencyError,
)


def unavailable(error: stripe.StripeError) -> PaymentProviderUnavailable:
    """Whatever Stripe's client raised, in our words."""
    status = f"{error.http_status or 'no answer'}"
    details = [type(error).__name__, status, error.code, getattr(error, "param", None)]
    known = " ".join(str(detail) for detail in details if detail)
    return PaymentProviderUnavailable(
        f"{known} (request {error.request_id or 'none'})", retry_after_seconds=_retry_after_seconds(error)
    )


def needs_operator(error: stripe.StripeError) -> bool:
    """Whether waiting cannot help: a wrong key, a missing right, a price that does not exist."""
    return isinstance(error, _OURS)


def _retry_after_seconds(error: stripe.StripeError) -> int:
    """Stripe's own word, within reason; else longer when it is busy."""
    wait = {name.lower(): value for name, value in (error.headers or {}).items()}.get("retry-after", "")
    if wait.isascii() and wait.isdigit() and len(wait) < len(str(10**9)):
        return max(1, min(int(wait), _LONGEST_RETRY_AFTER_SECONDS))
    return _RETRY_AFTER_BUSY_SECONDS if isinstance(error, stripe.RateLimitError) else _RETRY_AFTER_SECONDS
