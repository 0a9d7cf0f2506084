"""Checkout sessions: only what is paid grants, whatever the version of the API."""

from typing import Any, Final

import pytest

from adapters.stripe.translate import notification_of, notification_of_session
from paywall_core.errors import InvalidPayload
from paywall_core.events import CheckoutCompleted, CheckoutExpired, CheckoutOpened, PaymentFailed, PaymentSucceeded
from paywall_core.facts import Period
from paywall_core.money import Money
from tests.unit.adapters.stripe.rows import AT, CREATED, EUR, ORDER, OURS, Row, Shape, event, moment, name_of, without


def session(**changes: Any) -> Shape:
    """A one-time checkout session that was paid, as Stripe writes it today."""
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": "pi_1",
        "invoice": None,
        "subscription": None,
        "setup_intent": None,
        "customer": "cus_1",
        "customer_email": None,
        "amount_subtotal": 1500,
        "amount_total": 1500,
        "currency": "eur",
        "metadata": OURS,
        "client_reference_id": str(ORDER),
        "livemode": True,
        **changes,
    }


def subscribed(**changes: Any) -> Shape:
    """A subscription's checkout session that was paid."""
    return session(mode="subscription", payment_intent=None, invoice="in_1", subscription="sub_1", **changes)


def of_2020(shape: Shape) -> Shape:
    """As until November 2021: no `status`, no `invoice`, and the lines in the session."""
    return {**without(shape, "status", "invoice"), "display_items": [{"amount": 1500, "quantity": 1}]}


PAID: Final = PaymentSucceeded(payment_id="pi_1", paid_at=AT, amount=EUR, session_id="cs_1")
SUBSCRIBED: Final = PaymentSucceeded(
    payment_id="in_1", paid_at=AT, amount=EUR, session_id="cs_1", subscription_id="sub_1"
)
WITHOUT_INVOICE: Final = PaymentSucceeded(
    payment_id="cs_1", paid_at=AT, amount=EUR, provisional=True, session_id="cs_1", subscription_id="sub_1"
)
FREE: Final = PaymentSucceeded(
    payment_id="cs_1", paid_at=AT, amount=Money(amount_minor=0, currency="eur"), session_id="cs_1"
)
DELAYED: Final = CheckoutCompleted(session_id="cs_1")
FAILED: Final = PaymentFailed(payment_id="pi_1", session_id="cs_1")
EXPIRED: Final = CheckoutExpired(session_id="cs_1")

ROWS: Final[tuple[Row, ...]] = (
    ("checkout.session.completed", "today", session(), (PAID,)),
    ("checkout.session.completed", "today, delayed", session(payment_status="unpaid"), (DELAYED,)),
    (
        "checkout.session.completed",
        "today, free",
        session(payment_status="no_payment_required", payment_intent=None, amount_total=0),
        (FREE,),
    ),
    ("checkout.session.completed", "today, with an invoice of its own", session(invoice="in_1"), (PAID,)),
    ("checkout.session.completed", "today, subscription", subscribed(), (SUBSCRIBED,)),
    (
        "checkout.session.completed",
        "today, subscription delayed",
        subscribed(payment_status="unpaid"),
        (CheckoutCompleted(session_id="cs_1", subscription_id="sub_1"),),
    ),
    (
        "checkout.session.completed",
        "today, only a card saved",
        session(mode="setup", payment_status="no_payment_required", payment_intent=None, amount_total=None),
        (),
    ),
    ("checkout.session.completed", "2021", of_2020(session()), (PAID,)),
    ("checkout.session.completed", "2021, subscription", of_2020(subscribed()), (WITHOUT_INVOICE,)),
    # No amount, and not a word of the payment: what is not said to be paid is not.
    (
        "checkout.session.completed",
        "early 2020",
        without(of_2020(session()), "payment_status", "amount_total", "amount_subtotal", "currency"),
        (DELAYED,),
    ),
    ("checkout.session.async_payment_succeeded", "today", session(), (PAID,)),
    ("checkout.session.async_payment_succeeded", "2021", of_2020(session()), (PAID,)),
    ("checkout.session.async_payment_failed", "today", session(payment_status="unpaid"), (FAILED,)),
    (
        "checkout.session.async_payment_failed",
        "today, subscription",
        subscribed(payment_status="unpaid"),
        (PaymentFailed(payment_id="in_1", session_id="cs_1", subscription_id="sub_1"),),
    ),
    ("checkout.session.async_payment_failed", "2021", of_2020(session(payment_status="unpaid")), (FAILED,)),
    (
        "checkout.session.expired",
        "today",
        session(status="expired", payment_status="unpaid", payment_intent=None),
        (EXPIRED,),
    ),
    # Until 2022 the payment intent was made with the session, not with the payment.
    ("checkout.session.expired", "2022", session(status="expired", payment_status="unpaid"), (EXPIRED,)),
)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_session_becomes(row: Row) -> None:
    """What the table says; our order is found by our metadata, and the customer is no reference."""
    kind, _, subject, events = row
    notification = notification_of(event(kind, **subject), b"raw")
    assert notification.events == events
    assert (notification.order_id, notification.event_id, notification.payload) == (ORDER, "evt_1", b"raw")
    assert "cs_1" in notification.references
    assert "cus_1" not in notification.references


@pytest.mark.parametrize(
    ("subject", "events"),
    [
        (session(), (PAID,)),
        (session(status="open", payment_status="unpaid"), (CheckoutOpened(session_id="cs_1"),)),
        (session(status="expired", payment_status="unpaid"), (EXPIRED,)),
        (session(mode="setup", payment_status="no_payment_required"), ()),
    ],
)
def test_session_read_by_ourselves_says_the_same(subject: Shape, events: tuple[object, ...]) -> None:
    """Open, complete, expired: no event id, and the moment of reading."""
    read = notification_of_session(subject, b"", read_at=AT)
    assert (read.event_id, read.occurred_at, read.events) == (None, AT, events)


def test_session_read_with_its_invoice_knows_the_period() -> None:
    """Lost webhooks cost no paid time: the invoice that was asked for too says it all; an unpaid one says nothing."""
    details = {"type": "subscription_item_details", "subscription_item_details": {"proration": False}}
    invoice = {
        "id": "in_1",
        "status": "paid",
        "amount_paid": 1500,
        "currency": "eur",
        "status_transitions": {"paid_at": CREATED - 5},
        "parent": {"subscription_details": {"subscription": "sub_1"}},
        "lines": {"data": [{"period": {"start": CREATED, "end": CREATED + 10}, "parent": details}]},
    }
    completed, paid = notification_of_session({**subscribed(), "invoice": invoice}, b"", read_at=AT).events
    assert completed == SUBSCRIBED
    assert isinstance(paid, PaymentSucceeded)
    assert (paid.payment_id, paid.paid_at) == ("in_1", moment(-5))
    assert paid.period == Period(start=AT, end=moment(10))
    unpaid = {**subscribed(payment_status="unpaid"), "invoice": {**invoice, "status": "open"}}
    assert notification_of_session(unpaid, b"", read_at=AT).events == (
        CheckoutCompleted(session_id="cs_1", subscription_id="sub_1"),
    )
    with pytest.raises(InvalidPayload, match=r"^invoice\.amount_paid:"):
        notification_of_session({**subscribed(), "invoice": {**invoice, "amount_paid": "1"}}, b"", read_at=AT)


@pytest.mark.parametrize("status", ["lost", 7, ["complete"], None])
def test_session_of_no_status_is_an_error(status: object) -> None:
    """Read by ourselves, it always has one."""
    with pytest.raises(InvalidPayload, match=r"^status:"):
        notification_of_session(session(status=status), b"", read_at=AT)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"payment_status": "perhaps"}, "payment_status"),
        ({"payment_status": ["paid"]}, "payment_status"),
        ({"amount_total": "many"}, "amount_total"),
        ({"amount_total": -1}, "amount_total"),
        ({"currency": None}, "currency"),
        ({"id": None}, "id"),
    ],
)
def test_broken_session_names_its_path(changes: Shape, path: str) -> None:
    """Signed, but no session that ever was."""
    with pytest.raises(InvalidPayload, match=rf"^data\.object\.{path}:"):
        notification_of(event("checkout.session.completed", **session(**changes)), b"")
