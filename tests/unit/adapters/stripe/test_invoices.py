"""Invoices: a paid one grants the period of its lines, to the subscription that it names, wherever it names it."""

from typing import Any, Final

import pytest

from adapters.stripe.translate import notification_of
from paywall_core.errors import InvalidPayload
from paywall_core.events import PaymentFailed, PaymentLinked, PaymentSucceeded
from paywall_core.facts import Period
from paywall_core.money import Money
from tests.unit.adapters.stripe.rows import AT, CREATED, EUR, ORDER, OURS, Row, Shape, event, moment, name_of, without


def line(start: int, end: int, *, proration: bool = False) -> Shape:
    """A subscription's line today."""
    return {
        "id": "il_1",
        "object": "line_item",
        "amount": 1500,
        "period": {"start": CREATED + start, "end": CREATED + end},
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {"subscription": "sub_1", "proration": proration},
        },
    }


def old_line(start: int, end: int, *, proration: bool = False, kind: str = "subscription") -> Shape:
    """A line before 2025."""
    return {
        "id": "il_1",
        "object": "line_item",
        "amount": 1500,
        "type": kind,
        "proration": proration,
        "subscription": "sub_1",
        "period": {"start": CREATED + start, "end": CREATED + end},
    }


def linked(intent_id: str, status: str = "paid") -> Shape:
    """One of an invoice's payments today, where they were asked for."""
    payment = {"type": "payment_intent", "payment_intent": intent_id}
    return {"object": "invoice_payment", "invoice": "in_1", "status": status, "payment": payment}


def invoice(*lines: Shape, **changes: Any) -> Shape:
    """A renewal that was paid, as Stripe writes it today. Its own period looks back."""
    return {
        "id": "in_1",
        "object": "invoice",
        "status": "paid",
        "billing_reason": "subscription_cycle",
        "amount_due": 1500,
        "amount_paid": 1500,
        "currency": "eur",
        "customer": "cus_1",
        "period_start": CREATED - 99,
        "period_end": CREATED,
        "status_transitions": {"finalized_at": CREATED - 9, "paid_at": CREATED - 5, "voided_at": None},
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {"subscription": "sub_1", "metadata": OURS},
        },
        "lines": {"object": "list", "data": list(lines or (line(0, 10),)), "has_more": False},
        "metadata": {},
        **changes,
    }


def old(*lines: Shape, **changes: Any) -> Shape:
    """The same until 2025: the subscription, the charge and the payment intent are named outright."""
    shape = without(invoice(*(lines or (old_line(0, 10),))), "parent")
    return {**shape, "subscription": "sub_1", "payment_intent": "pi_1", "charge": "ch_1", "paid": True, **changes}


def paid(**changes: Any) -> PaymentSucceeded:
    """What a paid one becomes."""
    fields = {
        "payment_id": "in_1",
        "paid_at": moment(-5),
        "amount": EUR,
        "period": Period(start=AT, end=moment(10)),
        "subscription_id": "sub_1",
        **changes,
    }
    return PaymentSucceeded(**fields)


FAILED: Final = PaymentFailed(payment_id="in_1", subscription_id="sub_1")
ABANDONED: Final = PaymentFailed(payment_id="in_1", subscription_id="sub_1", abandoned=True)
LINKED: Final = PaymentLinked(payment_intent_id="pi_1", payment_id="in_1")
ONE_OFF: Final = {**line(0, 0), "parent": {"type": "invoice_item_details", "invoice_item_details": {}}}

ROWS: Final[tuple[Row, ...]] = (
    ("invoice.paid", "today", invoice(), (paid(),)),
    (
        "invoice.paid",
        "today, with its payments",
        invoice(payments={"data": [linked("pi_0", "canceled"), linked("pi_1")]}),
        (paid(payment_intent_id="pi_1"),),
    ),
    (
        "invoice.paid",
        "today, paid by something else",
        invoice(payments={"data": [{"status": "paid", "payment": {"type": "charge", "charge": "ch_1"}}]}),
        (paid(),),
    ),
    ("invoice.paid", "today, beside a proration", invoice(line(0, 10), line(0, 99, proration=True)), (paid(),)),
    ("invoice.paid", "today, beside a one-off", invoice(ONE_OFF, line(0, 10)), (paid(),)),
    (
        "invoice.paid",
        "today, only prorations",
        invoice(line(0, 7, proration=True), line(0, 9, proration=True)),
        (paid(period=Period(start=AT, end=moment(9))),),
    ),
    (
        "invoice.paid",
        "today, a trial",
        invoice(amount_paid=0, amount_due=0),
        (paid(amount=Money(amount_minor=0, currency="eur")),),
    ),
    ("invoice.paid", "today, nobody's subscription", invoice(parent=None), ()),
    ("invoice.paid", "2025", old(), (paid(payment_intent_id="pi_1"),)),
    (
        "invoice.paid",
        "2023, with the subscription's metadata",
        old(subscription_details={"metadata": OURS}),
        (paid(payment_intent_id="pi_1"),),
    ),
    (
        "invoice.paid",
        "2020, beside a proration and a one-off",
        old(old_line(0, 10), old_line(0, 99, proration=True), old_line(0, 99, kind="invoiceitem")),
        (paid(payment_intent_id="pi_1"),),
    ),
    (
        "invoice.paid",
        "2020, expanded",
        old(subscription={"id": "sub_1"}, payment_intent={"id": "pi_1"}, status_transitions=None),
        (paid(payment_intent_id="pi_1", paid_at=AT),),
    ),
    ("invoice.payment_succeeded", "today", invoice(), (paid(),)),
    ("invoice.payment_succeeded", "2025", old(), (paid(payment_intent_id="pi_1"),)),
    ("invoice.payment_failed", "today", invoice(status="open", amount_paid=0), (FAILED,)),
    ("invoice.payment_failed", "today, nobody's subscription", invoice(parent=None), ()),
    ("invoice.payment_failed", "2025", old(status="open", paid=False), (FAILED,)),
    ("invoice.payment_action_required", "today", invoice(status="open", amount_paid=0), (FAILED,)),
    ("invoice.payment_action_required", "2025", old(status="open", paid=False), (FAILED,)),
    ("invoice.voided", "today", invoice(status="void"), (ABANDONED,)),
    ("invoice.voided", "2025", old(status="void", paid=False), (ABANDONED,)),
    ("invoice.voided", "2025, nobody's subscription", old(status="void", subscription=None), ()),
    ("invoice.marked_uncollectible", "today", invoice(status="uncollectible"), (ABANDONED,)),
    ("invoice.marked_uncollectible", "2025", old(status="uncollectible", paid=False), (ABANDONED,)),
    ("invoice_payment.paid", "today", {"id": "inpay_1", **linked("pi_1")}, (LINKED,)),
    # The object is of 2025: it has no older shape.
    (
        "invoice_payment.paid",
        "2025, expanded",
        {"id": "inpay_1", **linked("pi_1"), "invoice": {"id": "in_1"}},
        (LINKED,),
    ),
    (
        "invoice_payment.paid",
        "today, not by a payment intent",
        {"id": "inpay_1", "invoice": "in_1", "payment": {"type": "payment_record", "payment_record": "prec_1"}},
        (),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_invoice_becomes(row: Row) -> None:
    """What the table says; the customer is no reference."""
    kind, _, subject, events = row
    notification = notification_of(event(kind, **subject), b"")
    assert notification.events == events
    assert "in_1" in notification.references
    assert "cus_1" not in notification.references


@pytest.mark.parametrize("lines", [None, {"data": None}, {"data": []}, {"data": [{"period": None}, 7]}])
def test_invoice_without_lines_has_no_period(lines: object) -> None:
    """It is paid all the same; until somebody says more, the core counts an unknown end."""
    assert notification_of(event("invoice.paid", **invoice(lines=lines)), b"").events == (paid(period=None),)


def test_order_is_found_where_the_invoice_says_it() -> None:
    """On its parent now, in its subscription's details from 2023 on; before, by the subscription's id."""
    orders = [
        notification_of(event("invoice.paid", **shape), b"").order_id
        for shape in (invoice(), old(subscription_details={"metadata": OURS}), old())
    ]
    assert orders == [ORDER, ORDER, None]


@pytest.mark.parametrize(
    ("subject", "path"),
    [
        (invoice(id=None), "id"),
        (invoice(amount_paid=None), "amount_paid"),
        (invoice(amount_paid=1.5), "amount_paid"),
        (invoice(currency=7), "currency"),
        (invoice(status_transitions={"paid_at": "now"}), r"status_transitions\.paid_at"),
        (invoice({**line(0, 1), "period": {"start": 1, "end": "soon"}}), r"lines\.data\.period\.end"),
        (old({**old_line(0, 1), "period": {"start": None, "end": 1}}), r"lines\.data\.period\.start"),
    ],
)
def test_broken_invoice_names_its_path(subject: Shape, path: str) -> None:
    """Signed, but no invoice that ever was."""
    with pytest.raises(InvalidPayload, match=rf"^data\.object\.{path}:"):
        notification_of(event("invoice.paid", **subject), b"")
