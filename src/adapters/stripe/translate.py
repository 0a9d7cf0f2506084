"""Stripe's words into ours. Pure: no I/O, no clock, no SDK; a decoded JSON document in, a `PaymentNotification` out.

Both today's shapes and the older ones (2020 to now) are read. An event type that we do not use becomes a notification
without events; a type that we do use, in a shape that it never had, is `InvalidPayload` with the path. What each object
means is in `sessions.py`, `invoices.py`, `subscriptions.py` and `money_back.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from adapters.stripe.invoices import invoice_abandoned, invoice_failed, invoice_paid, invoice_payment_paid
from adapters.stripe.money_back import charge_refunded, dispute_changed, refund_changed
from adapters.stripe.references import order_id_of, references_of
from adapters.stripe.sessions import session_completed, session_expired, session_failed, session_opened
from adapters.stripe.shapes import StripeDocument, Translation, below, moment, text
from adapters.stripe.subscriptions import subscription_changed
from paywall_core.errors import InvalidPayload
from paywall_core.notification import PaymentNotification

_TRANSLATIONS: Final[Mapping[str, Translation]] = {
    "checkout.session.completed": session_completed,
    "checkout.session.async_payment_succeeded": session_completed,
    "checkout.session.async_payment_failed": session_failed,
    "checkout.session.expired": session_expired,
    "invoice.paid": invoice_paid,
    "invoice.payment_succeeded": invoice_paid,
    "invoice.payment_failed": invoice_failed,
    "invoice.payment_action_required": invoice_failed,
    "invoice.voided": invoice_abandoned,
    "invoice.marked_uncollectible": invoice_abandoned,
    "invoice_payment.paid": invoice_payment_paid,
    "customer.subscription.created": subscription_changed,
    "customer.subscription.updated": subscription_changed,
    "customer.subscription.deleted": subscription_changed,
    "customer.subscription.paused": subscription_changed,
    "customer.subscription.resumed": subscription_changed,
    "charge.refunded": charge_refunded,
    "refund.created": refund_changed,
    "refund.updated": refund_changed,
    "refund.failed": refund_changed,
    "charge.refund.updated": refund_changed,
    "charge.dispute.created": dispute_changed,
    "charge.dispute.updated": dispute_changed,
    "charge.dispute.closed": dispute_changed,
}

_SESSIONS: Final[Mapping[str, Translation]] = {
    "open": session_opened,
    "complete": session_completed,
    "expired": session_expired,
}
"""What a session means that we asked for; by its status."""

USED_EVENT_TYPES: Final = tuple(sorted(_TRANSLATIONS))
"""The types that a webhook endpoint has to be subscribed to, and that are read from Stripe's list."""


def notification_of(event: StripeDocument, payload: bytes) -> PaymentNotification:
    """What one of Stripe's events means to us.

    Raises:
        InvalidPayload: it is no event, or an event that we use has a shape that it never had.
    """
    event_id, event_type = text(event, "id"), text(event, "type")
    created = moment(event.get("created"), "created")
    data = event.get("data")
    subject = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(subject, Mapping):
        raise InvalidPayload("data.object: must be an object")
    translate = _TRANSLATIONS.get(event_type)
    return PaymentNotification(
        event_id=event_id,
        event_type=event_type,
        occurred_at=created,
        payload=payload,
        order_id=order_id_of(subject) if translate else None,
        references=references_of(subject) if translate else (),
        events=below("data.object", translate, subject, created) if translate else (),
    )


def notification_of_session(session: StripeDocument, payload: bytes, *, read_at: datetime) -> PaymentNotification:
    """What a checkout session says that we asked for ourselves; `read_at` stands for the moment of payment.

    `read_at` is told by Stripe's clock, as every other moment here. A webhook may know an earlier one of the same
    payment; the earlier one wins the merge, so that one of a clock that runs behind would stay. Where the session's
    invoice was asked for too (expanded) and is paid, its period is known at once.

    Raises:
        InvalidPayload: it has a shape that a session never had; the path is the session's own.
    """
    translate = _SESSIONS.get(str(session.get("status")))
    if translate is None:
        raise InvalidPayload("status: no status of a checkout session")
    invoice = session.get("invoice")
    events = translate(session, read_at)
    if isinstance(invoice, Mapping) and invoice.get("status") == "paid":
        events += below("invoice", invoice_paid, invoice, read_at)
    return PaymentNotification(
        event_id=None,
        event_type="checkout.session",
        occurred_at=read_at,
        payload=payload,
        order_id=order_id_of(session),
        references=references_of(session),
        events=events,
    )
