"""The bodies of the calls, field by field as on the user's page; unknown fields are ignored."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from paywall_core.errors import InvalidInput
from paywall_core.lifecycle import FulfillmentStatus, State

_MAX_DIGITS: Final = 16


class CheckoutBody(Struct, kw_only=True):
    """`clickid` is required and may be empty: an organic customer."""

    mode: str
    plan: str
    email: str
    clickid: str
    locale: str | None = None
    telegram_chat_id: str | None = None


class CheckoutAnswer(Struct, kw_only=True):
    """Where the customer pays."""

    checkout_url: str
    session_id: str
    order_id: UUID


class WebhookAnswer(Struct, kw_only=True, omit_defaults=True):
    """Taken; `duplicate` only for a repeat."""

    received: bool
    duplicate: bool = False


class SessionStatusAnswer(Struct, kw_only=True):
    """How a checkout session stands."""

    payment_status: str
    fulfillment_status: FulfillmentStatus
    access_status: State
    activation_link: str | None


class ActivateBody(Struct, kw_only=True):
    """A token, and who redeems it."""

    activation_token: str
    telegram_user_id: int | str


class ActivateAnswer(Struct, kw_only=True):
    """Access is granted; `access_expires_at` is null for life."""

    access_granted: bool
    order_id: UUID
    plan: str
    access_status: State
    access_expires_at: datetime | None


class AccessStatusBody(Struct, kw_only=True):
    """Who is asked about."""

    telegram_user_id: int | str


class AccessStatusAnswer(Struct, kw_only=True):
    """`is_paid` only while access is good now."""

    is_paid: bool
    order_id: UUID | None
    plan: str | None
    access_status: State | None


class StatusAnswer(Struct, kw_only=True):
    """Alive, or ready."""

    status: str


def telegram_user_id(value: int | str) -> int:
    """A positive integer; a string of digits is taken too.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(value, str):
        digits = value.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
            raise InvalidInput("telegram_user_id", "must be a positive integer")
        value = int(digits)
    if value <= 0:
        raise InvalidInput("telegram_user_id", "must be a positive integer")
    return value
