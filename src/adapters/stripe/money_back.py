"""What refunds, charges that show a refund, and disputes mean to us. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from adapters.stripe.shapes import Events, StripeDocument, below, id_of, text, whole
from paywall_core.errors import InvalidPayload
from paywall_core.events import ChargeRefunded, DisputeUpdated, PaymentLinked, RefundUpdated
from paywall_core.facts import DisputeStatus, RefundStatus
from paywall_core.money import Money

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
    "charge_refunded": DisputeStatus.INQUIRY_CLOSED,  # until 2020; a dispute proper cannot end so. The refund voids
    "prevented": DisputeStatus.PREVENTED,
    "lost": DisputeStatus.LOST,
    "won": DisputeStatus.WON,
}


def charge_refunded(charge: StripeDocument, at: datetime) -> Events:
    """A charge shows a refunded amount; until 2022 it carried its refunds, too."""
    charge_id = text(charge, "id")
    payment = _payment_of(charge)
    shown = ChargeRefunded(
        charge_id=charge_id,
        amount=Money.of(whole(charge, "amount"), text(charge, "currency")),
        refunded_minor=whole(charge, "amount_refunded"),
        payment=payment,
    )
    events: Events = (shown, *_carried_refunds(charge, at))
    invoice_id, payment_intent_id = id_of(charge.get("invoice")), id_of(charge.get("payment_intent"))
    if invoice_id is not None and payment_intent_id is not None:  # until 2025 a charge named its invoice
        events = (*events, PaymentLinked(payment_intent_id=payment_intent_id, payment_id=invoice_id))
    return events


def _carried_refunds(charge: StripeDocument, at: datetime) -> Events:
    """The refunds in a charge (API versions before 2022-11-15); each names the charge, not always the payment."""
    refunds = charge.get("refunds")
    data = refunds.get("data") if isinstance(refunds, Mapping) else None
    carried = [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []
    payment = _payment_of(charge)
    named = [{"charge": charge["id"], "payment_intent": payment, **_set(one)} for one in carried]
    return tuple(event for one in named for event in below("refunds.data", refund_changed, one, at))


def _set(document: StripeDocument) -> StripeDocument:
    """Only what has a value."""
    return {name: value for name, value in document.items() if value is not None}


def refund_changed(refund: StripeDocument, _at: datetime) -> Events:
    """A refund as it stands; the oldest had no status, and were done at once."""
    said = refund.get("status")
    status = _REFUNDS.get("succeeded" if said is None else str(said))
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


def dispute_changed(dispute: StripeDocument, _at: datetime) -> Events:
    """A dispute as it stands."""
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
