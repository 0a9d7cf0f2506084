"""Stripe's webhooks: is it Stripe's, is it fresh, and what does it say. No I/O.

The signature is checked over the raw bytes before anything is decoded, in constant time, against every secret listed:
a caller who cannot sign gets one answer, whatever he sends. Scheme: https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from adapters.stripe.translate import notification_of
from paywall_core.errors import InvalidPayload, InvalidSignature
from paywall_core.notification import PaymentNotification
from paywall_core.ports.payments import PaymentWebhook

TOLERANCE_SECONDS: Final = 300
_MAX_TIMESTAMP_DIGITS: Final = 12


class StripeWebhook(PaymentWebhook):
    """Reads what Stripe pushes.

    Args:
        secrets: the endpoint's signing secrets (`whsec_…`), newest first; any of them may have signed. None: every
            delivery is refused.

    Raises:
        ValueError: a secret is empty, and anybody could sign with that; or one text was given for the list.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if isinstance(secrets, str):  # a text is a sequence too: each of its letters would be a secret
            raise ValueError("the webhook's secrets must be a list")  # noqa: TRY004  - one error for every bad setting
        if not all(secret.strip() for secret in secrets):
            raise ValueError("a webhook secret is empty")
        self._secrets = tuple(secret.encode() for secret in secrets)

    def read(self, body: bytes, signature: str, *, now: datetime) -> PaymentNotification:
        """Check and translate one delivery."""
        self._verify(body, signature, now)
        try:
            event = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidPayload("the body is not JSON") from error
        if not isinstance(event, dict) or event.get("object") != "event":
            raise InvalidPayload("the body is no event")
        return notification_of(event, body)

    def _verify(self, body: bytes, signature: str, now: datetime) -> None:
        timestamp, candidates = _parse(signature)
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
            raise InvalidSignature
        signed = timestamp.encode() + b"." + body
        genuine = False
        for secret in self._secrets:
            expected = hmac.new(secret, signed, "sha256").hexdigest().encode()
            for candidate in candidates:
                genuine |= hmac.compare_digest(expected, candidate)
        if not genuine:
            raise InvalidSignature


def _parse(signature: str) -> tuple[str, list[bytes]]:
    """The time and the `v1` signatures of a header; other schemes are ignored, as Stripe asks."""
    timestamp, candidates = "", []
    for part in signature.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            timestamp = value
        elif name == "v1":
            candidates.append(value.encode("utf-8", "surrogatepass"))
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_TIMESTAMP_DIGITS):
        raise InvalidSignature
    return timestamp, candidates
