"""Stripe's events as Stripe sends them, signed: what the load's webhooks say, and what the filled orders were told.

An order of the benchmark has a number, and all its provider's ids end in the number's tag: eleven digits. So whoever
knows the number knows the ids, and a text can be turned from one order's into another's by replacing the tag.
"""

import hashlib
import hmac
import json
import time
from typing import Any, Final
from uuid import UUID

TAG_BASE: Final = 10**10
"""The tag of order 0."""

WEBHOOK_SECRET: Final = "whsec_of_the_benchmark"  # noqa: S105  - made up
FIRST_ORDER_MS: Final = 1_735_689_600_000
"""When order 0 was placed, in milliseconds since 1970; each later one came a millisecond later."""

SESSION_PREFIX: Final = "cs_live_b1mS2lkYfQwJx7vT0nRz5GcHu3pKe8oAq6WtXyV4iNdLs"
INTENT_PREFIX: Final = "pi_3QbenchM2eZvKYlo"
INVOICE_PREFIX: Final = "in_1QbenchM2eZvKYlo"
SUBSCRIPTION_PREFIX: Final = "sub_1QbenchM2eZvKYlo"
REFERENCE_PREFIXES: Final = (SESSION_PREFIX, INTENT_PREFIX, INVOICE_PREFIX, SUBSCRIPTION_PREFIX)
"""What the ids begin with by which an order of the load is found."""

MONTH_SECONDS: Final = 30 * 24 * 3600
_API_VERSION: Final = "2026-05-27.dahlia"


def tag_of(number: int) -> str:
    """The tag of an order."""
    return str(TAG_BASE + number)


def id_of(number: int) -> UUID:
    """The id of an order: of version 7, as a real one, and the same wherever it is worked out."""
    digest = hashlib.md5(f"order-{number}".encode(), usedforsecurity=False).hexdigest()
    return UUID(f"{FIRST_ORDER_MS + number:012x}7{digest[13:16]}8{digest[17:]}")


def checkout_completed(order_id: str, tag: str, at: int) -> dict[str, Any]:
    """A one-time purchase is paid."""
    session: dict[str, Any] = {
        "id": SESSION_PREFIX + tag,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": True},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": 1900,
        "amount_total": 1900,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": "https://pay.example.com/pay/cancel",
        "client_reference_id": order_id,
        "client_secret": None,
        "collected_information": {"shipping_details": None},
        "consent": None,
        "consent_collection": None,
        "created": at - 240,
        "currency": "eur",
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None},
        "customer": None,
        "customer_creation": "if_required",
        "customer_details": {
            "address": {"city": None, "country": "DE", "line1": None, "line2": None, "postal_code": None},
            "email": f"customer-{tag}@example.com",
            "name": "Anna Petrova",
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "customer_email": f"customer-{tag}@example.com",
        "discounts": [],
        "expires_at": at + 86160,
        "invoice": None,
        "invoice_creation": {"enabled": False, "invoice_data": {"metadata": {}}},
        "livemode": True,
        "locale": "ru",
        "metadata": {"order_id": order_id, "plan": "one_time_basic"},
        "mode": "payment",
        "payment_intent": INTENT_PREFIX + tag,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card", "link"],
        "payment_status": "paid",
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "shipping_address_collection": None,
        "shipping_options": [],
        "status": "complete",
        "submit_type": None,
        "subscription": None,
        "success_url": "https://pay.example.com/pay/success?session_id={CHECKOUT_SESSION_ID}",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
        "url": None,
    }
    return _event("checkout.session.completed", f"evt_1QbenchCS{tag}", session, at)


def invoice_paid(order_id: str, tag: str, at: int, *, month: int = 0) -> dict[str, Any]:
    """A month of a subscription is paid; 0 is its first, whose invoice's id ends in the tag."""
    invoice_id = INVOICE_PREFIX + (f"{month:02}x" if month else "") + tag
    subscription = {"metadata": {"order_id": order_id}, "subscription": SUBSCRIPTION_PREFIX + tag}
    line = {
        "id": f"il_1Qbench{month:02}x{tag}",
        "object": "line_item",
        "amount": 900,
        "currency": "eur",
        "description": "1 × Monthly access (at €9.00 / month)",
        "discounts": [],
        "invoice": invoice_id,
        "livemode": True,
        "metadata": {"order_id": order_id},
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {"proration": False, "subscription": SUBSCRIPTION_PREFIX + tag},
        },
        "period": {"start": at, "end": at + MONTH_SECONDS},
        "pricing": {"type": "price_details", "price_details": {"price": "price_2"}, "unit_amount_decimal": "900"},
        "quantity": 1,
        "taxes": [],
    }
    invoice = {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "DE",
        "account_name": "Paywall",
        "amount_due": 900,
        "amount_overpaid": 0,
        "amount_paid": 900,
        "amount_remaining": 0,
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": False,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_reason": "subscription_cycle" if month else "subscription_create",
        "collection_method": "charge_automatically",
        "created": at,
        "currency": "eur",
        "customer": f"cus_bench{tag}",
        "customer_email": f"customer-{tag}@example.com",
        "customer_tax_exempt": "none",
        "default_payment_method": None,
        "discounts": [],
        "effective_at": at,
        "ending_balance": 0,
        "hosted_invoice_url": "https://invoice.stripe.com/i/acct_1/live_YWNjdF8x",
        "lines": {"object": "list", "data": [line], "has_more": False, "total_count": 1},
        "livemode": True,
        "metadata": {},
        "number": f"B1-{tag}-{month:04}",
        "parent": {"type": "subscription_details", "quote_details": None, "subscription_details": subscription},
        "period_end": at,
        "period_start": at,
        "status": "paid",
        "status_transitions": {"finalized_at": at, "marked_uncollectible_at": None, "paid_at": at, "voided_at": None},
        "subtotal": 900,
        "total": 900,
        "total_discount_amounts": [],
        "total_taxes": [],
    }
    return _event("invoice.paid", f"evt_1QbenchIN{month:02}x{tag}", invoice, at)


def refund_created(tag: str, at: int) -> dict[str, Any]:
    """All the money of a one-time purchase goes back."""
    refund = {
        "id": f"re_3QbenchM2eZvKYlo{tag}",
        "object": "refund",
        "amount": 1900,
        "charge": None,
        "created": at,
        "currency": "eur",
        "metadata": {},
        "payment_intent": INTENT_PREFIX + tag,
        "reason": "requested_by_customer",
        "status": "succeeded",
    }
    return _event("refund.created", f"evt_1QbenchRE{tag}", refund, at)


def session_expired(order_id: str, tag: str, at: int) -> dict[str, Any]:
    """Nobody paid in time."""
    session = {
        "id": SESSION_PREFIX + tag,
        "object": "checkout.session",
        "metadata": {"order_id": order_id},
        "mode": "payment",
        "payment_status": "unpaid",
        "status": "expired",
    }
    return _event("checkout.session.expired", f"evt_1QbenchEX{tag}", session, at)


def encode(event: dict[str, Any]) -> bytes:
    """The body, laid out as Stripe does it."""
    return json.dumps(event, indent=2, ensure_ascii=False).encode()


def sign(body: bytes, at: int | None = None) -> str:
    """The `Stripe-Signature` header over a body."""
    moment = int(time.time()) if at is None else at
    mac = hmac.new(WEBHOOK_SECRET.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
    return f"t={moment},v1={mac}"


def _event(event_type: str, event_id: str, subject: dict[str, Any], at: int) -> dict[str, Any]:
    return {
        "id": event_id,
        "object": "event",
        "api_version": _API_VERSION,
        "created": at,
        "data": {"object": subject},
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": event_type,
    }
