"""What an invoice and its payments mean to us. Pure."""

from collections.abc import Mapping
from datetime import datetime

from adapters.stripe.references import subscription_of_invoice
from adapters.stripe.shapes import Events, StripeDocument, id_of, moment, text, whole
from paywall_core.events import PaymentFailed, PaymentLinked, PaymentSucceeded
from paywall_core.facts import Period
from paywall_core.money import Money


def invoice_paid(invoice: StripeDocument, at: datetime) -> Events:
    """A subscription's period is paid for; a trial by nothing."""
    subscription_id = subscription_of_invoice(invoice)
    if subscription_id is None:
        return ()  # an invoice that somebody wrote by hand grants nothing
    transitions = invoice.get("status_transitions")
    paid_at = transitions.get("paid_at") if isinstance(transitions, Mapping) else None
    return (
        PaymentSucceeded(
            payment_id=text(invoice, "id"),
            paid_at=at if paid_at is None else moment(paid_at, "status_transitions.paid_at"),
            amount=Money.of(whole(invoice, "amount_paid"), text(invoice, "currency")),
            period=_period_of(invoice),
            payment_intent_id=_intent_of(invoice),
            subscription_id=subscription_id,
        ),
    )


def invoice_failed(invoice: StripeDocument, _at: datetime) -> Events:
    """An attempt to collect it failed, or the customer has to confirm it first."""
    subscription_id = subscription_of_invoice(invoice)
    if subscription_id is None:
        return ()
    return (PaymentFailed(payment_id=text(invoice, "id"), subscription_id=subscription_id),)


def invoice_abandoned(invoice: StripeDocument, _at: datetime) -> Events:
    """It was voided or written off: nobody asks for its money any more."""
    subscription_id = subscription_of_invoice(invoice)
    if subscription_id is None:
        return ()
    return (PaymentFailed(payment_id=text(invoice, "id"), subscription_id=subscription_id, abandoned=True),)


def invoice_payment_paid(link: StripeDocument, _at: datetime) -> Events:
    """Which payment intent paid which invoice."""
    payment = link.get("payment")
    payment_intent_id = id_of(payment.get("payment_intent")) if isinstance(payment, Mapping) else None
    invoice_id = id_of(link.get("invoice"))
    if payment_intent_id is None or invoice_id is None:
        return ()
    return (PaymentLinked(payment_intent_id=payment_intent_id, payment_id=invoice_id),)


def _period_of(invoice: StripeDocument) -> Period | None:
    """What the invoice's subscription lines pay for; its own `period_*` look back, not ahead."""
    lines = invoice.get("lines")
    data = lines.get("data") if isinstance(lines, Mapping) else None
    items = [line for line in data if isinstance(line, Mapping)] if isinstance(data, list) else []
    lasting = [line for line in items if _is_subscription_line(line) and not _is_proration(line)]
    periods = [line["period"] for line in lasting or items if isinstance(line.get("period"), Mapping)]
    if not periods:
        return None
    last = max(periods, key=_end_of)
    return Period(start=moment(last.get("start"), "lines.data.period.start"), end=_end_of(last))


def _end_of(period: StripeDocument) -> datetime:
    return moment(period.get("end"), "lines.data.period.end")


def _is_subscription_line(line: StripeDocument) -> bool:
    parent = line.get("parent")
    if isinstance(parent, Mapping):
        return parent.get("type") == "subscription_item_details"
    return line.get("type") == "subscription"


def _is_proration(line: StripeDocument) -> bool:
    parent = line.get("parent")
    details = parent.get("subscription_item_details") if isinstance(parent, Mapping) else None
    return bool((details if isinstance(details, Mapping) else line).get("proration"))


def _intent_of(invoice: StripeDocument) -> str | None:
    """The payment intent that paid an invoice: on itself before 2025, in `payments` now where that was asked for."""
    direct = id_of(invoice.get("payment_intent"))
    payments = invoice.get("payments")
    data = payments.get("data") if isinstance(payments, Mapping) else None
    for link in data if direct is None and isinstance(data, list) else ():
        payment = link.get("payment") if isinstance(link, Mapping) and link.get("status") == "paid" else None
        direct = id_of(payment.get("payment_intent")) if isinstance(payment, Mapping) else None
        if direct is not None:
            break
    return direct
