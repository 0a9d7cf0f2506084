"""How a checkout session, a subscription, an invoice and their parts look when they are made. Pure builders."""

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.intervals import after
from entrypoints.sandbox.stripe.params import SessionCreate
from entrypoints.sandbox.stripe.world import World, as_list

_NO_TAX = {"enabled": False, "liability": None}


def checkout_session(
    world: World, params: SessionCreate, *, url: str, session_id: str, items: list[Document], expires_at: int
) -> Document:
    """An open session of the hosted page; its line items are kept beside it, as Stripe shows them only when asked."""
    total = sum(item["amount_total"] for item in items)
    is_payment = params.mode == "payment"
    return {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {**_NO_TAX, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": params.cancel_url,
        "client_reference_id": params.client_reference_id,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": world.now(),
        "currency": items[0]["currency"],
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": params.customer,
        "customer_account": None,
        "customer_creation": (params.customer_creation or "if_required")
        if is_payment and not params.customer
        else None,
        "customer_details": _customer_details(params.customer_email) if params.customer_email else None,
        "customer_email": params.customer_email,
        "discounts": [],
        "expires_at": expires_at,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": params.locale,
        "metadata": params.metadata,
        "mode": params.mode,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": None if is_payment else params.payment_method_collection or "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": list(params.payment_method_types or ("card", "sepa_debit")),
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": params.success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": url,
        "wallet_options": None,
    }


def _customer_details(email: str) -> Document:
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


def completed_customer_details(email: str) -> Document:
    """Whom the customer said to be."""
    return {**_customer_details(email), "tax_ids": []}


def session_item(world: World, price: Document, product: Document, quantity: int) -> Document:
    """A line of a checkout."""
    amount = price["unit_amount"] * quantity
    return {
        "id": world.ids.new("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def subscription(
    world: World,
    *,
    customer_id: str,
    items: list[Document],
    metadata: dict[str, str],
    description: str | None,
    status: str,
    trial_days: int | None,
    missing_payment_method: str = "create_invoice",
    payment_method: str | None,
) -> Document:
    """A subscription from now on; the period is on its items. `missing_payment_method`: what its trial then ends in."""
    now, subscription_id = world.now(), world.ids.new("sub")
    trial_end = now + trial_days * 86_400 if trial_days else None
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {**_NO_TAX, "disabled_reason": None},
        "billing_cycle_anchor": trial_end or now,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": items[0]["currency"],
        "customer": customer_id,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": payment_method,
        "default_source": None,
        "default_tax_rates": [],
        "description": description,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": as_list(
            [_subscription_item(world, subscription_id, item, now, trial_end) for item in items],
            f"/v1/subscription_items?subscription={subscription_id}",
        ),
        "latest_invoice": None,
        "livemode": False,
        "metadata": metadata,
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": status,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": missing_payment_method}},
        "trial_start": now if trial_end else None,
    }


def _subscription_item(
    world: World, subscription_id: str, item: Document, start: int, trial_end: int | None
) -> Document:
    recurring = item["price"]["recurring"]
    end = trial_end or after(start, recurring["interval"], recurring["interval_count"])
    return {
        "id": world.ids.new("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": start,
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": {},
        "price": item["price"],
        "quantity": item["quantity"],
        "subscription": subscription_id,
        "tax_rates": [],
    }


def invoice(world: World, sub: Document, customer: Document, *, reason: str, free: bool) -> Document:
    """A draft invoice for the current period of a subscription's items; `free` in a trial."""
    now, invoice_id = world.now(), world.ids.new("in")
    lines = [_line(world, invoice_id, sub, item, free=free) for item in sub["items"]["data"]]
    total = sum(line["amount"] for line in lines)
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "DE",
        "account_name": "Sandbox",
        "account_tax_ids": None,
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {**_NO_TAX, "disabled_reason": None, "provider": None, "status": None},
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": now,
        "currency": sub["currency"],
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": None,
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": as_list(lines, f"/v1/invoices/{invoice_id}/lines"),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": dict(sub["metadata"]), "subscription": sub["id"]},
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        # Of an invoice the period looks back: at its first it is a point. What is paid for is on the lines.
        "period_end": now,
        "period_start": now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": None,
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }


def _line(world: World, invoice_id: str, sub: Document, item: Document, *, free: bool) -> Document:
    price = item["price"]
    unit = 0 if free else price["unit_amount"]
    return {
        "id": world.ids.new("il"),
        "object": "line_item",
        "amount": unit * item["quantity"],
        "currency": price["currency"],
        "description": f"{item['quantity']} × {price['id']}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": dict(sub["metadata"]),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": sub["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": str(unit),
        },
        "quantity": item["quantity"],
        "subscription": sub["id"],
        "subtotal": unit * item["quantity"],
        "taxes": [],
    }


def invoice_payment(world: World, bill: Document, intent: Document) -> Document:
    """The link between an invoice and the payment intent that pays it."""
    return {
        "id": world.ids.new("inpay"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": bill["amount_due"],
        "created": world.now(),
        "currency": bill["currency"],
        "invoice": bill["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
