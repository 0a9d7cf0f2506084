"""Stripe's words into ours. Pure: no I/O, no clock, no SDK; a decoded JSON document in, a `PaymentNotification` out.

Both today's shapes and the older ones (2020 to now) are read. An event type that we do not use becomes a notification
without events; a type that we do use, in a shape that it never had, is `InvalidPayload` with the path.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from adapters.stripe.shapes import StripeDocument, id_of, moment, text, whole
from paywall_core.errors import InvalidPayload
from paywall_core.events import (
    ChargeRefunded,
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    DisputeUpdated,
    PaymentEvent,
    PaymentFailed,
    PaymentLinked,
    PaymentNotification,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
)
from paywall_core.facts import DisputeStatus, Period, RefundStatus
from paywall_core.money import Money

_Events: TypeAlias = tuple[PaymentEvent, ...]
_Translation: TypeAlias = Callable[[StripeDocument, datetime], _Events]

_REFUNDS: Final = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELLED,
}
_DISPUTES: Final = {
    "warning_needs_response": DisputeStatus.INQUIRY,
    "warning_under_review": DisputeStatus.INQUIRY,
    "warning_closed": DisputeStatus.INQUIRY_CLOSED,
    "needs_response": DisputeStatus.OPEN,
    "under_review": DisputeStatus.OPEN,
    "charge_refunded": DisputeStatus.OPEN,  # until 2020: refunded to end the dispute; its refund is told separately
    "prevented": DisputeStatus.PREVENTED,
    "lost": DisputeStatus.LOST,
    "won": DisputeStatus.WON,
}
_ENDED_STATUSES: Final = ("canceled", "incomplete_expired")


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
        order_id=_order_id(subject) if translate else None,
        references=_references(subject) if translate else (),
        events=_below("data.object", translate, subject, created) if translate else (),
    )


def notification_of_session(session: StripeDocument, payload: bytes, *, read_at: datetime) -> PaymentNotification:
    """What a checkout session says that we asked for ourselves; `read_at` stands for the moment of payment.

    A webhook may know an earlier moment of the same payment; the earlier one wins the merge. Where the session's
    invoice was asked for too (expanded) and is paid, its period is known at once.

    Raises:
        InvalidPayload: it has a shape that a session never had; the path is the session's own.
    """
    status = session.get("status")
    translate = {"complete": _session_completed, "expired": _session_expired}.get(str(status), _session_opened)
    invoice = session.get("invoice")
    events = translate(session, read_at)
    if isinstance(invoice, Mapping) and invoice.get("status") == "paid":
        events += _below("invoice", _invoice_paid, invoice, read_at)
    return PaymentNotification(
        event_id=None,
        event_type="checkout.session",
        occurred_at=read_at,
        payload=payload,
        order_id=_order_id(session),
        references=_references(session),
        events=events,
    )


def _below(path: str, translate: _Translation, subject: StripeDocument, at: datetime) -> _Events:
    """Translate; an error's path is then the whole event's."""
    try:
        return translate(subject, at)
    except InvalidPayload as error:
        raise InvalidPayload(f"{path}.{error.reason}") from None


def _session_opened(session: StripeDocument, _at: datetime) -> _Events:
    return (CheckoutOpened(session_id=text(session, "id")),)


def _session_expired(session: StripeDocument, _at: datetime) -> _Events:
    return (CheckoutExpired(session_id=text(session, "id")),)


def _session_completed(session: StripeDocument, at: datetime) -> _Events:
    """Grant only what is paid: a delayed method completes the session long before its money comes."""
    if session.get("mode") == "setup":
        return ()  # it only saved a card, and says `no_payment_required` of that: nothing was bought
    session_id = text(session, "id")
    subscription_id = id_of(session.get("subscription"))
    status = session.get("payment_status")
    if status not in ("paid", "no_payment_required"):
        return (CheckoutCompleted(session_id=session_id, subscription_id=subscription_id),)
    payment_id = _payment_of_session(session)
    amount = session.get("amount_total")
    return (
        PaymentSucceeded(
            payment_id=payment_id or session_id,
            paid_at=at,
            amount=None if amount is None else Money.of(whole(session, "amount_total"), text(session, "currency")),
            provisional=session.get("mode") == "subscription" and payment_id is None,
            session_id=session_id,
            subscription_id=subscription_id,
        ),
    )


def _session_failed(session: StripeDocument, _at: datetime) -> _Events:
    session_id = text(session, "id")
    return (
        PaymentFailed(
            payment_id=_payment_of_session(session) or session_id,
            session_id=session_id,
            subscription_id=id_of(session.get("subscription")),
        ),
    )


def _payment_of_session(session: StripeDocument) -> str | None:
    """A subscription is paid by its invoice, a one-time purchase by its payment intent."""
    return id_of(session.get("invoice" if session.get("mode") == "subscription" else "payment_intent"))


def _invoice_paid(invoice: StripeDocument, at: datetime) -> _Events:
    subscription_id = _subscription_of_invoice(invoice)
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
            payment_intent_id=id_of(invoice.get("payment_intent")),
            subscription_id=subscription_id,
        ),
    )


def _invoice_failed(invoice: StripeDocument, _at: datetime) -> _Events:
    subscription_id = _subscription_of_invoice(invoice)
    if subscription_id is None:
        return ()
    return (PaymentFailed(payment_id=text(invoice, "id"), subscription_id=subscription_id),)


def _invoice_payment_paid(link: StripeDocument, _at: datetime) -> _Events:
    payment = link.get("payment")
    payment_intent_id = id_of(payment.get("payment_intent")) if isinstance(payment, Mapping) else None
    invoice_id = id_of(link.get("invoice"))
    if payment_intent_id is None or invoice_id is None:
        return ()
    return (PaymentLinked(payment_intent_id=payment_intent_id, payment_id=invoice_id),)


def _subscription_changed(subscription: StripeDocument, at: datetime) -> _Events:
    """Only its end is a fact for us; a planned cancellation can be undone."""
    if subscription.get("status") not in _ENDED_STATUSES:
        return ()
    ended_at = subscription.get("ended_at")
    return (
        SubscriptionEnded(
            subscription_id=text(subscription, "id"),
            ended_at=at if ended_at is None else moment(ended_at, "ended_at"),
        ),
    )


def _charge_refunded(charge: StripeDocument, _at: datetime) -> _Events:
    charge_id = text(charge, "id")
    shown = ChargeRefunded(
        charge_id=charge_id,
        amount=Money.of(whole(charge, "amount"), text(charge, "currency")),
        refunded_minor=whole(charge, "amount_refunded"),
        payment=_payment_of(charge),
    )
    invoice_id, payment_intent_id = id_of(charge.get("invoice")), id_of(charge.get("payment_intent"))
    if invoice_id is not None and payment_intent_id is not None:  # until 2025 a charge named its invoice
        return (shown, PaymentLinked(payment_intent_id=payment_intent_id, payment_id=invoice_id))
    return (shown,)


def _refund_changed(refund: StripeDocument, _at: datetime) -> _Events:
    status = _REFUNDS.get(str(refund.get("status") or "succeeded"))
    if status is None:
        raise InvalidPayload("status: no status of a refund")
    return (
        RefundUpdated(
            refund_id=text(refund, "id"),
            amount=Money.of(whole(refund, "amount"), text(refund, "currency")),
            status=status,
            payment=_payment_of(refund),
            charge=id_of(refund.get("charge")),
        ),
    )


def _dispute_changed(dispute: StripeDocument, _at: datetime) -> _Events:
    status = _DISPUTES.get(str(dispute.get("status")))
    if status is None:
        raise InvalidPayload("status: no status of a dispute")
    return (
        DisputeUpdated(
            dispute_id=text(dispute, "id"),
            status=status,
            payment=_payment_of(dispute),
            charge=id_of(dispute.get("charge")),
        ),
    )


def _payment_of(subject: StripeDocument) -> str | None:
    """The payment intent of a charge, refund or dispute; an old charge without one is known by its invoice."""
    return id_of(subject.get("payment_intent")) or id_of(subject.get("invoice"))


_TRANSLATIONS: Final[Mapping[str, _Translation]] = {
    "checkout.session.completed": _session_completed,
    "checkout.session.async_payment_succeeded": _session_completed,
    "checkout.session.async_payment_failed": _session_failed,
    "checkout.session.expired": _session_expired,
    "invoice.paid": _invoice_paid,
    "invoice.payment_succeeded": _invoice_paid,
    "invoice.payment_failed": _invoice_failed,
    "invoice.voided": _invoice_failed,
    "invoice.marked_uncollectible": _invoice_failed,
    "invoice_payment.paid": _invoice_payment_paid,
    "customer.subscription.created": _subscription_changed,
    "customer.subscription.updated": _subscription_changed,
    "customer.subscription.deleted": _subscription_changed,
    "customer.subscription.paused": _subscription_changed,
    "customer.subscription.resumed": _subscription_changed,
    "charge.refunded": _charge_refunded,
    "refund.created": _refund_changed,
    "refund.updated": _refund_changed,
    "refund.failed": _refund_changed,
    "charge.refund.updated": _refund_changed,
    "charge.dispute.created": _dispute_changed,
    "charge.dispute.updated": _dispute_changed,
    "charge.dispute.closed": _dispute_changed,
}


def _order_id(subject: StripeDocument) -> UUID | None:
    """Our order's id, wherever Stripe carries it back; an id that is not ours is no id."""
    details = _subscription_details(subject)
    candidates = (
        _metadata(subject).get("order_id"),
        subject.get("client_reference_id"),
        _metadata(details).get("order_id"),
    )
    for candidate in candidates:
        if isinstance(candidate, str):
            try:
                return UUID(candidate)
            except ValueError:
                continue
    return None


def _references(subject: StripeDocument) -> tuple[str, ...]:
    """The ids of everything that the object is about; never the customer's."""
    payment = subject.get("payment")
    found = {
        id_of(subject.get("id")),
        id_of(subject.get("payment_intent")),
        id_of(subject.get("invoice")),
        id_of(subject.get("charge")),
        id_of(subject.get("subscription")),
        _subscription_of_invoice(subject),
        id_of(payment.get("payment_intent")) if isinstance(payment, Mapping) else None,
    }
    return tuple(sorted(reference for reference in found if reference))


def _subscription_of_invoice(invoice: StripeDocument) -> str | None:
    """At `parent.subscription_details` now, on the invoice itself before 2025."""
    return id_of(_subscription_details(invoice).get("subscription")) or id_of(invoice.get("subscription"))


def _subscription_details(invoice: StripeDocument) -> StripeDocument:
    parent = invoice.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, Mapping) else None
    details = details or invoice.get("subscription_details")
    return details if isinstance(details, Mapping) else {}


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


def _metadata(subject: StripeDocument) -> StripeDocument:
    metadata = subject.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
