"""Stripe's words into ours: each event that we use, today's shapes and older ones, and whatever JSON there is."""

import contextlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.translate import _TRANSLATIONS, notification_of, notification_of_session
from paywall_core.errors import InvalidPayload
from paywall_core.events import (
    ChargeRefunded,
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    DisputeUpdated,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
)
from paywall_core.facts import DisputeStatus, Period, RefundStatus
from paywall_core.money import Money

ORDER = UUID(int=5)
CREATED = 1_800_000_000
AT = datetime.fromtimestamp(CREATED, UTC)
EUR = Money(amount_minor=1500, currency="eur")


def event(kind: str, **subject: Any) -> dict[str, Any]:
    """One of Stripe's events."""
    return {"id": "evt_1", "object": "event", "type": kind, "created": CREATED, "data": {"object": subject}}


def session(**changes: Any) -> dict[str, Any]:
    """A one-time checkout session that was paid."""
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": "pi_1",
        "invoice": None,
        "subscription": None,
        "customer": "cus_1",
        "amount_total": 1500,
        "currency": "eur",
        "metadata": {"order_id": str(ORDER)},
        "client_reference_id": str(ORDER),
        **changes,
    }


PAID = PaymentSucceeded(payment_id="pi_1", paid_at=AT, amount=EUR, session_id="cs_1")


@pytest.mark.parametrize(
    ("kind", "subject", "events"),
    [
        ("checkout.session.completed", session(), (PAID,)),
        (
            "checkout.session.completed",
            session(payment_status="unpaid"),
            (CheckoutCompleted(session_id="cs_1"),),
        ),
        (
            "checkout.session.completed",
            session(payment_status="no_payment_required", payment_intent=None, amount_total=0),
            (
                PaymentSucceeded(
                    payment_id="cs_1", paid_at=AT, amount=Money(amount_minor=0, currency="eur"), session_id="cs_1"
                ),
            ),
        ),
        ("checkout.session.async_payment_succeeded", session(), (PAID,)),
        (
            "checkout.session.async_payment_failed",
            session(payment_status="unpaid"),
            (PaymentFailed(payment_id="pi_1", session_id="cs_1"),),
        ),
        (
            "checkout.session.expired",
            session(status="expired", payment_status="unpaid", payment_intent=None),
            (CheckoutExpired(session_id="cs_1"),),
        ),
        (
            "checkout.session.completed",
            session(mode="subscription", payment_intent=None, invoice="in_1", subscription={"id": "sub_1"}),
            (PaymentSucceeded(payment_id="in_1", paid_at=AT, amount=EUR, session_id="cs_1", subscription_id="sub_1"),),
        ),
        (
            "checkout.session.completed",
            session(mode="subscription", payment_intent=None, subscription="sub_1"),
            (
                PaymentSucceeded(
                    payment_id="cs_1",
                    paid_at=AT,
                    amount=EUR,
                    provisional=True,
                    session_id="cs_1",
                    subscription_id="sub_1",
                ),
            ),
        ),
    ],
    ids=["paid", "delayed", "free", "delayed paid", "delayed failed", "expired", "subscription", "without invoice"],
)
def test_events_of_a_purchase(kind: str, subject: dict[str, Any], events: tuple[object, ...]) -> None:
    """Only what is paid grants; the order is found by our metadata; the customer is no reference."""
    notification = notification_of(event(kind, **subject), b"raw")
    assert notification.events == events
    assert notification.order_id == ORDER
    assert notification.event_id == "evt_1"
    assert notification.payload == b"raw"
    assert "cs_1" in notification.references
    assert "cus_1" not in notification.references


def test_session_read_by_ourselves_says_the_same() -> None:
    """Open, complete, expired: no event id, and the moment of reading."""
    read = notification_of_session(session(), b"", read_at=AT)
    assert (read.event_id, read.events) == (None, (PAID,))
    opened = notification_of_session(session(status="open", payment_status="unpaid"), b"", read_at=AT)
    assert opened.events == (CheckoutOpened(session_id="cs_1"),)
    assert notification_of_session(session(status="expired"), b"", read_at=AT).events == (
        CheckoutExpired(session_id="cs_1"),
    )


def test_saving_a_card_grants_nothing() -> None:
    """A session of mode `setup` says `no_payment_required`, but nobody bought anything."""
    subject = session(mode="setup", payment_status="no_payment_required", payment_intent=None, amount_total=None)
    assert notification_of(event("checkout.session.completed", **subject), b"").events == ()
    assert notification_of_session(subject, b"", read_at=AT).events == ()


def test_session_read_with_its_invoice_knows_the_period() -> None:
    """Lost webhooks cost no paid time: the invoice that was asked for too says it all; an unpaid one says nothing."""
    invoice = {
        "id": "in_1",
        "status": "paid",
        "amount_paid": 1500,
        "currency": "eur",
        "status_transitions": {"paid_at": CREATED - 5},
        "parent": {"subscription_details": {"subscription": "sub_1"}},
        "lines": {"data": [line(0, 10)]},
    }
    subject = session(mode="subscription", payment_intent=None, invoice=invoice, subscription="sub_1")
    completed, paid = notification_of_session(subject, b"", read_at=AT).events
    assert isinstance(completed, PaymentSucceeded)
    assert (completed.payment_id, completed.provisional, completed.session_id) == ("in_1", False, "cs_1")
    assert isinstance(paid, PaymentSucceeded)
    assert (paid.payment_id, paid.period) == (
        "in_1",
        Period(start=AT, end=datetime.fromtimestamp(CREATED + 10, UTC)),
    )
    unpaid = session(
        mode="subscription", payment_status="unpaid", payment_intent=None, invoice={**invoice, "status": "open"}
    )
    assert notification_of_session(unpaid, b"", read_at=AT).events == (CheckoutCompleted(session_id="cs_1"),)


def test_prorations_count_only_where_there_is_nothing_else() -> None:
    """An upgrade's invoice has only prorations: then they say what was paid for."""
    invoice = {
        "id": "in_1",
        "amount_paid": 5,
        "currency": "eur",
        "subscription": "sub_1",
        "lines": {"data": [line(0, 7, proration=True), line(0, 9, proration=True, old=True)]},
    }
    (paid,) = notification_of(event("invoice.payment_succeeded", **invoice), b"").events
    assert isinstance(paid, PaymentSucceeded)
    assert paid.period == Period(start=AT, end=datetime.fromtimestamp(CREATED + 9, UTC))
    assert paid.paid_at == AT


def line(start: int, end: int, *, proration: bool = False, old: bool = False) -> dict[str, Any]:
    """A line of an invoice, in today's shape or the older one."""
    period = {"period": {"start": CREATED + start, "end": CREATED + end}}
    if old:
        return {**period, "type": "subscription", "proration": proration}
    return {
        **period,
        "parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": proration}},
    }


@pytest.mark.parametrize("old", [False, True], ids=["today", "before 2025"])
def test_paid_invoice_grants_the_period_of_its_lines(*, old: bool) -> None:
    """Its own period looks back; prorations are passed over; the subscription is where it is or where it was."""
    place: dict[str, Any] = (
        {"subscription": "sub_1", "payment_intent": "pi_1", "charge": "ch_1", "subscription_details": None}
        if old
        else {
            "parent": {
                "type": "subscription_details",
                "subscription_details": {"subscription": "sub_1", "metadata": {"order_id": str(ORDER)}},
            }
        }
    )
    invoice = {
        "id": "in_1",
        "amount_paid": 1500,
        "currency": "EUR",
        "status_transitions": {"paid_at": CREATED - 5},
        "period_start": 1,
        "period_end": 1,
        "lines": {"data": [line(0, 10, old=old), line(0, 99, proration=True, old=old), {"period": None}, 7]},
        **place,
    }
    notification = notification_of(event("invoice.paid", **invoice), b"")
    (paid,) = notification.events
    assert isinstance(paid, PaymentSucceeded)
    assert paid.period == Period(start=AT, end=datetime.fromtimestamp(CREATED + 10, UTC))
    assert paid.paid_at == datetime.fromtimestamp(CREATED - 5, UTC)
    assert (paid.amount, paid.subscription_id) == (EUR, "sub_1")
    assert paid.payment_intent_id == ("pi_1" if old else None)
    assert {"in_1", "sub_1"} <= set(notification.references)
    assert notification.order_id == (None if old else ORDER)


@pytest.mark.parametrize(
    ("kind", "subject", "events"),
    [
        ("invoice.paid", {"id": "in_1", "amount_paid": 5, "currency": "eur"}, ()),
        ("invoice.payment_failed", {"id": "in_1", "currency": "eur"}, ()),
        (
            "invoice.payment_failed",
            {"id": "in_1", "subscription": "sub_1"},
            (PaymentFailed(payment_id="in_1", subscription_id="sub_1"),),
        ),
        (
            "invoice_payment.paid",
            {"id": "inpay_1", "invoice": "in_1", "payment": {"type": "payment_intent", "payment_intent": "pi_1"}},
            (PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"),),
        ),
        ("invoice_payment.paid", {"id": "inpay_1", "invoice": "in_1", "payment": {"type": "charge"}}, ()),
        ("customer.subscription.updated", {"id": "sub_1", "status": "active", "cancel_at_period_end": True}, ()),
        (
            "customer.subscription.deleted",
            {"id": "sub_1", "status": "canceled", "ended_at": CREATED},
            (SubscriptionEnded(subscription_id="sub_1", ended_at=AT),),
        ),
        (
            "customer.subscription.updated",
            {"id": "sub_1", "status": "incomplete_expired", "ended_at": None},
            (SubscriptionEnded(subscription_id="sub_1", ended_at=AT),),
        ),
        (
            "charge.refunded",
            {"id": "ch_1", "amount": 1500, "amount_refunded": 500, "currency": "eur", "payment_intent": "pi_1"},
            (ChargeRefunded(charge_id="ch_1", amount=EUR, refunded_minor=500, payment="pi_1"),),
        ),
        (
            "charge.refunded",
            {
                "id": "ch_1",
                "amount": 1500,
                "amount_refunded": 500,
                "currency": "eur",
                "payment_intent": "pi_1",
                "invoice": "in_1",
            },
            (
                ChargeRefunded(charge_id="ch_1", amount=EUR, refunded_minor=500, payment="pi_1"),
                PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"),
            ),
        ),
        (
            "refund.failed",
            {"id": "re_1", "amount": 1500, "currency": "eur", "status": "failed", "payment_intent": "pi_1"},
            (RefundUpdated(refund_id="re_1", amount=EUR, status=RefundStatus.FAILED, payment="pi_1"),),
        ),
        (
            "charge.dispute.created",
            {"id": "dp_1", "status": "warning_needs_response", "charge": "ch_1", "payment_intent": "pi_1"},
            (DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.INQUIRY, payment="pi_1", charge="ch_1"),),
        ),
        (
            "charge.dispute.closed",
            {"id": "dp_1", "status": "won", "charge": {"id": "ch_1"}, "payment_intent": None},
            (DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.WON, charge="ch_1"),),
        ),
        (
            "charge.dispute.closed",
            {"id": "dp_1", "status": "warning_closed", "charge": "ch_1"},
            (DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.INQUIRY_CLOSED, charge="ch_1"),),
        ),
        (
            "charge.dispute.closed",
            {"id": "dp_1", "status": "prevented", "charge": "ch_1"},
            (DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.PREVENTED, charge="ch_1"),),
        ),
        (
            "invoice.voided",
            {"id": "in_1", "subscription": "sub_1"},
            (PaymentFailed(payment_id="in_1", subscription_id="sub_1"),),
        ),
        ("customer.subscription.paused", {"id": "sub_1", "status": "paused"}, ()),
        ("plan.created", {"id": "price_1"}, ()),
    ],
)
def test_events_of_the_life_after(kind: str, subject: dict[str, Any], events: tuple[object, ...]) -> None:
    """Renewals, ends, refunds and disputes; what grants nothing says nothing."""
    assert notification_of(event(kind, **subject), b"").events == events


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "id"),
        ({"id": "evt_1", "type": "x", "created": "now"}, "created"),
        ({"id": "evt_1", "type": "x", "created": 1, "data": {}}, "data.object"),
        (event("checkout.session.completed", payment_status="paid"), "id"),
        (event("checkout.session.completed", **session(amount_total="many")), "amount_total"),
        (event("refund.updated", id="re_1", status="lost in the post"), "status"),
        (event("charge.dispute.updated", id="dp_1", status="odd"), "status"),
        (event("charge.refunded", id="ch_1", amount=-1, currency="eur"), r"^data\.object\.amount:"),
        (event("charge.refunded", id="ch\0", amount=1, currency="eur"), r"^data\.object\.id:"),
        ({**event("plan.created"), "id": "evt\0"}, "^id:"),
        ({**event("plan.created"), "type": "a\ud800b"}, "^type:"),
        (
            event(
                "invoice.paid",
                id="in_1",
                subscription="sub_1",
                amount_paid=1,
                currency="eur",
                lines={"data": [{"type": "subscription", "period": {"start": 1, "end": "soon"}}]},
            ),
            r"^data\.object\.lines\.data\.period\.end:",
        ),
    ],
)
def test_broken_shape_names_its_path(document: dict[str, Any], path: str) -> None:
    """Signed, but no event: an error that says where."""
    with pytest.raises(InvalidPayload, match=path):
        notification_of(document, b"")


def test_order_id_that_is_not_ours_is_passed_over() -> None:
    """Another product's metadata on the same account is no error."""
    subject = session(metadata={"order_id": "1001"}, client_reference_id="cart-7")
    assert notification_of(event("checkout.session.completed", **subject), b"").order_id is None


NAMES = st.sampled_from(
    [
        "id",
        "status",
        "payment_status",
        "payment_intent",
        "invoice",
        "charge",
        "subscription",
        "amount",
        "amount_total",
        "amount_paid",
        "currency",
        "lines",
        "data",
        "period",
        "start",
        "end",
        "parent",
        "subscription_details",
        "metadata",
        "order_id",
        "payment",
        "ended_at",
        "mode",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=12,
)


@given(st.sampled_from(sorted(_TRANSLATIONS)), st.dictionaries(NAMES, JSON, max_size=12))
def test_any_json_is_an_event_or_a_clear_error(kind: str, subject: dict[str, Any]) -> None:
    """However hostile, it never crashes the translation."""
    try:
        notification = notification_of(event(kind, **subject), b"")
    except InvalidPayload as error:
        assert error.reason  # noqa: PT017  - either outcome is right; this one must say why
    else:
        assert notification.event_type == kind


@given(JSON | st.dictionaries(NAMES | st.sampled_from(["type", "created", "object"]), JSON, max_size=6))
def test_any_json_as_a_whole_event_or_session(document: object) -> None:
    """The frame around the object is as hostile as the object; so is a session that we read ourselves."""
    subject = document if isinstance(document, dict) else {"id": document}
    with contextlib.suppress(InvalidPayload):
        notification_of(subject, b"")
    try:
        notification = notification_of_session({"id": "cs_1", "status": "complete", **subject}, b"", read_at=AT)
    except InvalidPayload as error:
        assert ": " in error.reason  # noqa: PT017  - either outcome is right; this one must name a path
    else:
        assert all(reference.isprintable() for reference in notification.references)
