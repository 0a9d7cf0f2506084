"""Refunds, charges that show one, and disputes: each names the payment, or the charge that leads to it."""

from typing import Any, Final

import pytest

from adapters.stripe.translate import notification_of
from paywall_core.errors import InvalidPayload
from paywall_core.events import ChargeRefunded, DisputeUpdated, PaymentLinked, RefundUpdated
from paywall_core.facts import DisputeStatus, RefundStatus
from paywall_core.money import Money
from tests.unit.adapters.stripe.rows import CREATED, EUR, Row, Shape, event, name_of, without

PART: Final = Money(amount_minor=500, currency="eur")


def refund(**changes: Any) -> Shape:
    """Of the whole, done, today."""
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 1500,
        "charge": "ch_1",
        "created": CREATED,
        "currency": "eur",
        "payment_intent": "pi_1",
        "status": "succeeded",
        **changes,
    }


def charge(**changes: Any) -> Shape:
    """With a third refunded, today: it carries no refunds, and names no invoice."""
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 1500,
        "amount_refunded": 500,
        "currency": "eur",
        "customer": "cus_1",
        "payment_intent": "pi_1",
        "refunded": False,
        "metadata": {},
        **changes,
    }


def dispute(status: str, **changes: Any) -> Shape:
    """Today."""
    return {
        "id": "dp_1",
        "object": "dispute",
        "amount": 1500,
        "charge": "ch_1",
        "currency": "eur",
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": status,
        **changes,
    }


def refunded(status: str, amount: Money = EUR, payment: str | None = "pi_1") -> RefundUpdated:
    """What a refund becomes."""
    return RefundUpdated(refund_id="re_1", amount=amount, status=RefundStatus(status), payment=payment, charge="ch_1")


def disputed(status: str, payment: str | None = "pi_1") -> DisputeUpdated:
    """What a dispute becomes."""
    return DisputeUpdated(dispute_id="dp_1", status=DisputeStatus(status), payment=payment, charge="ch_1")


SHOWN: Final = ChargeRefunded(charge_id="ch_1", amount=EUR, refunded_minor=500, payment="pi_1")
LINKED: Final = PaymentLinked(payment_intent_id="pi_1", payment_id="in_1")
CARRIED: Final = {"data": [without(refund(amount=500), "charge")]}
BY_CHARGE: Final = {"payment_intent": None}  # before payment intents, and for charges that were made without

ROWS: Final[tuple[Row, ...]] = (
    ("charge.refunded", "today", charge(), (SHOWN,)),
    ("charge.refunded", "2025, names its invoice", charge(invoice="in_1"), (SHOWN, LINKED)),
    ("charge.refunded", "2022, carries its refunds", charge(refunds=CARRIED), (SHOWN, refunded("succeeded", PART))),
    (
        "charge.refunded",
        "2020, all of it",
        charge(refunds={"data": [refund(amount=500, payment_intent=None, status=None)]}, invoice="in_1"),
        (SHOWN, refunded("succeeded", PART), LINKED),
    ),
    (
        "charge.refunded",
        "2020, without a payment intent",
        charge(invoice="in_1", **BY_CHARGE),
        (ChargeRefunded(charge_id="ch_1", amount=EUR, refunded_minor=500, payment="in_1"),),
    ),
    ("refund.created", "today", refund(), (refunded("succeeded"),)),
    ("refund.created", "today, by bank", refund(status="pending"), (refunded("pending"),)),
    ("refund.created", "today, by the customer", refund(status="requires_action"), (refunded("pending"),)),
    ("refund.created", "2020, only a charge", refund(**BY_CHARGE), (refunded("succeeded", payment=None),)),
    ("refund.updated", "today", refund(), (refunded("succeeded"),)),
    ("refund.updated", "today, taken back", refund(status="canceled"), (refunded("cancelled"),)),
    (
        "refund.updated",
        "2020, expanded",
        refund(charge={"id": "ch_1"}, payment_intent={"id": "pi_1"}),
        (refunded("succeeded"),),
    ),
    ("refund.failed", "today", refund(status="failed"), (refunded("failed"),)),
    ("refund.failed", "2020, only a charge", refund(status="failed", **BY_CHARGE), (refunded("failed", payment=None),)),
    ("charge.refund.updated", "today", refund(status="failed"), (refunded("failed"),)),
    (
        "charge.refund.updated",
        "2020",
        without(refund(), "payment_intent", "status"),
        (refunded("succeeded", payment=None),),
    ),
    ("charge.dispute.created", "today", dispute("needs_response"), (disputed("open"),)),
    ("charge.dispute.created", "today, inquiry", dispute("warning_needs_response"), (disputed("inquiry"),)),
    (
        "charge.dispute.created",
        "2020, only a charge",
        dispute("needs_response", **BY_CHARGE),
        (disputed("open", None),),
    ),
    ("charge.dispute.updated", "today", dispute("under_review"), (disputed("open"),)),
    ("charge.dispute.updated", "today, inquiry", dispute("warning_under_review"), (disputed("inquiry"),)),
    ("charge.dispute.updated", "2020, expanded", dispute("under_review", charge={"id": "ch_1"}), (disputed("open"),)),
    ("charge.dispute.closed", "today, won", dispute("won"), (disputed("won"),)),
    ("charge.dispute.closed", "today", dispute("lost"), (disputed("lost"),)),
    ("charge.dispute.closed", "today, prevented", dispute("prevented"), (disputed("prevented"),)),
    ("charge.dispute.closed", "today, inquiry", dispute("warning_closed"), (disputed("inquiry_closed"),)),
    ("charge.dispute.closed", "2020, inquiry refunded", dispute("charge_refunded"), (disputed("inquiry_closed"),)),
)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_money_back_becomes(row: Row) -> None:
    """What the table says; the charge and the payment intent are references, where there are any."""
    kind, _, subject, events = row
    notification = notification_of(event(kind, **subject), b"")
    assert notification.events == events
    assert {"ch_1", *(["pi_1"] if subject.get("payment_intent") else [])} <= set(notification.references)
    assert "cus_1" not in notification.references


@pytest.mark.parametrize(
    ("kind", "subject", "path"),
    [
        ("refund.updated", refund(status="lost in the post"), "status"),
        ("refund.updated", refund(status=""), "status"),
        ("refund.updated", refund(status=[]), "status"),
        ("refund.updated", refund(id=7), "id"),
        ("refund.updated", refund(amount=True), "amount"),
        ("charge.refunded", charge(amount=-1), "amount"),
        ("charge.refunded", charge(amount_refunded=None), "amount_refunded"),
        ("charge.refunded", charge(id="ch\0"), "id"),
        ("charge.refunded", charge(refunds={"data": [refund(currency="")]}), r"refunds\.data\.currency"),
        ("charge.dispute.updated", dispute("odd"), "status"),
        ("charge.dispute.updated", dispute("lost", id=None), "id"),
    ],
)
def test_broken_money_back_names_its_path(kind: str, subject: Shape, path: str) -> None:
    """Signed, but nothing that ever was."""
    with pytest.raises(InvalidPayload, match=rf"^data\.object\.{path}:"):
        notification_of(event(kind, **subject), b"")
