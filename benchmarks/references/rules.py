"""What both references answer, beside their SQL: the rules of the three calls, in as few words as they take."""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from benchmarks import settings, stripe_events

LINK_WINDOW: Final = timedelta(hours=1)
_TOLERANCE_SECONDS: Final = 300
_HELD: Final = ("token_issued", "active")
_LINK: Final = f"https://t.me/{settings.BOT_USERNAME}?start="
_MAC_BYTES: Final = 30


def access_state(state: str, access_until: datetime | None, now: datetime, *, redeemed: bool) -> str:
    """The gate's word for an order, now."""
    if access_until is not None and now < access_until:
        return "active" if redeemed else "token_issued"
    return "expired" if state in _HELD else state


def session_state(state: str, access_until: datetime | None, now: datetime) -> str:
    """The success page's word for an order, now."""
    lapsed = access_until is not None and access_until <= now
    return "expired" if lapsed and state in _HELD else state


def activation_link(order_id: UUID, token_version: int) -> str:
    """The link of an order."""
    message = order_id.bytes + token_version.to_bytes(4, "big")
    mac = hmac.digest(settings.TOKEN_SECRET.encode(), message, "sha256")[:_MAC_BYTES]
    return _LINK + urlsafe_b64encode(order_id.bytes + mac).rstrip(b"=").decode("ascii")


def is_genuine(body: bytes, signature: str) -> bool:
    """Whether Stripe signed it, lately."""
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    moment, given = parts.get("t", "0"), parts.get("v1", "")
    expected = hmac.new(stripe_events.WEBHOOK_SECRET.encode(), moment.encode() + b"." + body, "sha256").hexdigest()
    return hmac.compare_digest(expected, given) and abs(time.time() - int(moment)) <= _TOLERANCE_SECONDS


def order_of(event: Mapping[str, Any]) -> UUID:
    """Whose a paid session or invoice is."""
    subject = event["data"]["object"]
    parent = subject.get("parent")
    metadata = subject["metadata"] if parent is None else parent["subscription_details"]["metadata"]
    return UUID(metadata["order_id"])


def paid_until(event: Mapping[str, Any]) -> datetime:
    """To when the payment lasts."""
    return datetime.fromtimestamp(event["created"] + stripe_events.MONTH_SECONDS).astimezone()


def effects_of(order_id: UUID) -> tuple[tuple[str, str], tuple[str, str]]:
    """The keys and texts of the two outbox rows that a payment writes: the customer's mail, and the sale's report."""
    return (
        (
            f"access_email:{order_id}:1",
            f'{{"effect":"access_email","order_id":"{order_id}","token_version":1,"resend":0}}',
        ),
        (f"mobi_slon:pay_success:{order_id}", f'{{"effect":"report_sale","order_id":"{order_id}"}}'),
    )
