"""The simulated Stripe's objects in Stripe's own JSON: the fields that somebody could read, in their present shapes."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .records import Dispute, Invoice, Payment, Purchase, Refund

_CURRENCY: Final = "eur"


def session_json(purchase: "Purchase") -> dict[str, Any]:
    """A checkout session."""
    first = purchase.invoices[0] if purchase.invoices else None
    return {
        "id": purchase.session_id,
        "object": "checkout.session",
        "mode": "subscription" if purchase.is_subscription else "payment",
        "status": purchase.status,
        "payment_status": _payment_status(purchase),
        "amount_total": 1900 if first is None else first.amount,
        "currency": _CURRENCY,
        "client_reference_id": str(purchase.order_id),
        "metadata": _metadata(purchase),
        "payment_intent": purchase.payment.id if purchase.payment else None,
        "subscription": purchase.subscription_id,
        "invoice": first.id if first else None,
    }


def intent_json(payment: "Payment") -> dict[str, Any]:
    """A payment intent; a subscription's does not carry our metadata."""
    return {
        "id": payment.id,
        "object": "payment_intent",
        "amount": payment.amount,
        "currency": _CURRENCY,
        "latest_charge": payment.charge_id,
        "metadata": _metadata(payment.purchase) if payment.invoice is None else {},
    }


def charge_json(payment: "Payment") -> dict[str, Any]:
    """A charge: it names its payment intent, and no invoice."""
    return {
        "id": payment.charge_id,
        "object": "charge",
        "amount": payment.amount,
        "amount_refunded": payment.refunded,
        "currency": _CURRENCY,
        "payment_intent": payment.id,
        "metadata": _metadata(payment.purchase) if payment.invoice is None else {},
    }


def refund_json(refund: "Refund") -> dict[str, Any]:
    """A refund."""
    return {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "currency": _CURRENCY,
        "status": refund.status,
        "charge": refund.payment.charge_id,
        "payment_intent": refund.payment.id,
        "metadata": {},
    }


def dispute_json(dispute: "Dispute") -> dict[str, Any]:
    """A dispute."""
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.payment.amount,
        "currency": _CURRENCY,
        "status": dispute.status,
        "charge": dispute.payment.charge_id,
        "payment_intent": dispute.payment.id,
        "metadata": {},
    }


def invoice_json(invoice: "Invoice") -> dict[str, Any]:
    """A subscription's invoice; what it is for stands in its line."""
    purchase = invoice.purchase
    details = {"subscription": purchase.subscription_id, "metadata": _metadata(purchase)}
    return {
        "id": invoice.id,
        "object": "invoice",
        "status": invoice.status,
        "amount_paid": invoice.amount if invoice.status == "paid" else 0,
        "currency": _CURRENCY,
        "parent": {"type": "subscription_details", "subscription_details": details},
        "status_transitions": {"paid_at": None if invoice.paid_at is None else _seconds(invoice.paid_at)},
        "lines": {
            "data": [
                {
                    "period": {"start": _seconds(invoice.start), "end": _seconds(invoice.end)},
                    "parent": {
                        "type": "subscription_item_details",
                        "subscription_item_details": {"proration": False},
                    },
                }
            ]
        },
    }


def invoice_payment_json(payment: "Payment") -> dict[str, Any]:
    """Which payment intent paid which invoice."""
    return {
        "id": f"inpay_{payment.id}",
        "object": "invoice_payment",
        "invoice": payment.invoice.id if payment.invoice else None,
        "payment": {"type": "payment_intent", "payment_intent": payment.id},
        "status": "paid",
    }


def subscription_json(purchase: "Purchase") -> dict[str, Any]:
    """A subscription."""
    last = purchase.invoices[-1]
    return {
        "id": purchase.subscription_id,
        "object": "subscription",
        "status": purchase.subscription_status,
        "cancel_at": None,
        "cancel_at_period_end": purchase.cancel_at_period_end,
        "ended_at": None if purchase.ended_at is None else _seconds(purchase.ended_at),
        "metadata": _metadata(purchase),
        "items": {"data": [{"current_period_end": _seconds(last.end)}]},
    }


# Until the spring of 2025: a charge named its invoice and carried its refunds, an invoice its payment and subscription.


def older_charge_json(payment: "Payment") -> dict[str, Any]:
    """A charge with its invoice, and with its refunds in it."""
    refunds = {"object": "list", "data": [refund_json(refund) for refund in payment.refunds]}
    return {**charge_json(payment), "invoice": payment.invoice.id if payment.invoice else None, "refunds": refunds}


def older_invoice_json(invoice: "Invoice") -> dict[str, Any]:
    """An invoice with the payment intent that paid it."""
    purchase = invoice.purchase
    document = invoice_json(invoice)
    del document["parent"]
    line = {
        "type": "subscription",
        "proration": False,
        "period": {"start": _seconds(invoice.start), "end": _seconds(invoice.end)},
    }
    return {
        **document,
        "payment_intent": invoice.payment.id if invoice.payment else None,
        "subscription": purchase.subscription_id,
        "subscription_details": {"metadata": _metadata(purchase)},
        "lines": {"data": [line]},
    }


def older_subscription_json(purchase: "Purchase") -> dict[str, Any]:
    """A subscription whose period stands on itself."""
    document = subscription_json(purchase)
    return {**document, "items": {"data": [{}]}, "current_period_end": _seconds(purchase.invoices[-1].end)}


def _payment_status(purchase: "Purchase") -> str:
    if purchase.invoices and not purchase.invoices[0].amount:
        return "no_payment_required"
    first = purchase.invoices[0] if purchase.invoices else purchase.payment
    return "unpaid" if first is None or first.paid_at is None else "paid"


def _metadata(purchase: "Purchase") -> Mapping[str, str]:
    return {"order_id": str(purchase.order_id)}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
