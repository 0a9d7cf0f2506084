"""Lives of one order, each a set of six members at most. What each word means is written beside it, by hand."""

from datetime import UTC, datetime, timedelta
from typing import Final

from paywall_core.events import (
    ChargeRefunded,
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    DisputeUpdated,
    PaymentEvent,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
)
from paywall_core.facts import DisputeStatus, Mode, Period, RefundStatus, Terms
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification

from .house import ORDER_ID
from .members import Member, Script, redeems, reinstates, restores, revokes, said, sweeps, time_passes
from .truth import (
    Bounces,
    Completes,
    Disputes,
    Ends,
    Fails,
    GivesBack,
    Meaning,
    Pays,
    RunsOut,
    Wins,
    Word,
)

PAID_AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
WITHIN: Final = PAID_AT + timedelta(hours=1)
END: Final = PAID_AT + timedelta(days=30)
IN_GRACE: Final = END + timedelta(hours=5)
GRACE: Final = timedelta(hours=72)
AFTER: Final = END + timedelta(days=20)
LATER_END: Final = END + timedelta(days=30)
AFTER_ALL: Final = LATER_END + timedelta(days=20)

ONCE: Final = Terms(mode=Mode.ONE_TIME, duration_days=30)
MONTHLY: Final = Terms(mode=Mode.SUBSCRIPTION, grace_seconds=int(GRACE.total_seconds()))
PRICE: Final = Money.of(1500, "eur")

ANNA: Final = 701
BORIS: Final = 702
STRANGER: Final = 709


def _word(
    name: str, references: tuple[str, ...], events: tuple[PaymentEvent, ...], *means: Meaning, names_order: bool = False
) -> Member:
    notification = PaymentNotification(
        event_id=f"evt_{name.replace(' ', '_')}",
        event_type=name,
        occurred_at=PAID_AT,
        payload=b"{}",
        order_id=ORDER_ID if names_order else None,
        references=references,
        events=events,
    )
    return said(name, Word(notification=notification, means=means))


OPENED: Final = _word("session opened", ("cs_1",), (CheckoutOpened(session_id="cs_1"),), names_order=True)
PAID: Final = _word(
    "session paid",
    ("cs_1", "pi_1"),
    (PaymentSucceeded(payment_id="pi_1", paid_at=PAID_AT, amount=PRICE, session_id="cs_1"),),
    Completes(),
    Pays(payment="pi_1", until=END, grace_until=END),
    names_order=True,
)
CHARGE_REFUNDED: Final = _word(
    "charge.refunded",
    ("ch_1", "pi_1"),
    (ChargeRefunded(charge_id="ch_1", amount=PRICE, refunded_minor=1500, payment="pi_1"),),
    GivesBack(refund="re_1", payment="pi_1", told_of=False),
)


def _refund(name: str, status: RefundStatus, *means: Meaning, payment: str | None) -> Member:
    return _word(
        name,
        ("re_1", "ch_1") if payment is None else ("re_1", "ch_1", payment),
        (RefundUpdated(refund_id="re_1", amount=PRICE, status=status, payment=payment, charge="ch_1"),),
        *means,
    )


REFUNDED: Final = _refund(
    "refund.created", RefundStatus.SUCCEEDED, GivesBack(refund="re_1", payment="pi_1"), payment="pi_1"
)
REFUND_BOUNCED: Final = _refund("refund.failed", RefundStatus.FAILED, Bounces(refund="re_1"), payment="pi_1")
REFUNDED_BY_CHARGE: Final = _refund(
    "refund.created by its charge", RefundStatus.PENDING, GivesBack(refund="re_1", payment="pi_1"), payment=None
)


def _dispute(name: str, status: DisputeStatus, *means: Meaning) -> Member:
    event = DisputeUpdated(dispute_id="du_1", status=status, payment="pi_1", charge="ch_1")
    return _word(name, ("du_1", "ch_1", "pi_1"), (event,), *means)


DISPUTED: Final = _dispute("dispute.created", DisputeStatus.OPEN, Disputes(dispute="du_1", payment="pi_1"))
DISPUTE_WON: Final = _dispute("dispute.closed won", DisputeStatus.WON, Wins(dispute="du_1"))

COMPLETED_UNPAID: Final = _word(
    "session completed unpaid", ("cs_1", "pi_1"), (CheckoutCompleted(session_id="cs_1"),), Completes(), names_order=True
)
ASYNC_FAILED: Final = _word(
    "async payment failed",
    ("cs_1", "pi_1"),
    (PaymentFailed(payment_id="pi_1", session_id="cs_1"),),
    Completes(),
    Fails(payment="pi_1"),
    names_order=True,
)
RAN_OUT: Final = _word("session expired", ("cs_1",), (CheckoutExpired(session_id="cs_1"),), RunsOut(), names_order=True)

SUBSCRIBED: Final = _word(
    "subscription session paid",
    ("cs_1", "sub_1", "in_1"),
    (
        PaymentSucceeded(
            payment_id="cs_1",
            paid_at=PAID_AT,
            amount=PRICE,
            provisional=True,
            session_id="cs_1",
            subscription_id="sub_1",
        ),
    ),
    Completes(),
    Pays(
        payment="cs_1",
        until=PAID_AT + timedelta(hours=48),
        grace_until=PAID_AT + timedelta(hours=48),
        provisional=True,
    ),
    names_order=True,
)


def _invoice(number: int, start: datetime, end: datetime) -> Member:
    payment = PaymentSucceeded(
        payment_id=f"in_{number}",
        paid_at=start,
        amount=PRICE,
        period=Period(start=start, end=end),
        subscription_id="sub_1",
    )
    means = Pays(payment=f"in_{number}", until=end, grace_until=end + GRACE)
    return _word(f"invoice {number} paid", (f"in_{number}", "sub_1"), (payment,), means)


FIRST_INVOICE: Final = _invoice(1, PAID_AT, END)
RENEWED: Final = _invoice(2, END, LATER_END)
RENEWAL_FAILED: Final = _word(
    "renewal failed",
    ("in_2", "sub_1"),
    (PaymentFailed(payment_id="in_2", subscription_id="sub_1"),),
    Fails(payment="in_2"),
)
DELETED: Final = _word(
    "subscription deleted",
    ("sub_1",),
    (SubscriptionEnded(subscription_id="sub_1", ended_at=END + timedelta(hours=2)),),
    Ends(at=END + timedelta(hours=2)),
)
LINKED: Final = _word(
    "invoice_payment.paid", ("in_1", "pi_1"), (PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"),)
)
INVOICE_CHARGE_REFUNDED: Final = _word(
    "charge.refunded of an invoice",
    ("ch_1", "pi_1"),
    (ChargeRefunded(charge_id="ch_1", amount=PRICE, refunded_minor=1500, payment="pi_1"),),
    GivesBack(refund="re_1", payment="in_1", told_of=False),
)
INVOICE_REFUND_BOUNCED: Final = _refund(
    "refund.failed by its charge", RefundStatus.FAILED, Bounces(refund="re_1"), payment=None
)

SCRIPTS: Final = (
    Script(
        name="a refund that bounced",
        terms=ONCE,
        clocks=(WITHIN, AFTER),
        members=(OPENED, PAID, CHARGE_REFUNDED, REFUNDED, REFUND_BOUNCED, redeems(ANNA)),
    ),
    Script(
        name="a refund that names only its charge",
        terms=ONCE,
        clocks=(WITHIN, AFTER),
        members=(OPENED, PAID, REFUNDED_BY_CHARGE, CHARGE_REFUNDED, redeems(ANNA), redeems(BORIS)),
    ),
    Script(
        name="a dispute that was won",
        terms=ONCE,
        clocks=(WITHIN, AFTER),
        members=(PAID, DISPUTED, DISPUTE_WON, redeems(ANNA), restores(BORIS), redeems(ANNA, version=2)),
    ),
    Script(
        name="a restored link and a refund",
        terms=ONCE,
        clocks=(WITHIN, AFTER),
        members=(OPENED, PAID, redeems(ANNA), restores(None), redeems(BORIS, version=2), CHARGE_REFUNDED),
    ),
    Script(
        name="a delayed payment",
        terms=ONCE,
        clocks=(WITHIN, AFTER),
        members=(OPENED, COMPLETED_UNPAID, ASYNC_FAILED, RAN_OUT, PAID, redeems(ANNA)),
    ),
    Script(
        name="the paid time runs out",
        terms=ONCE,
        clocks=(WITHIN,),
        members=(PAID, redeems(ANNA), time_passes(AFTER), sweeps(), REFUNDED, restores(BORIS)),
    ),
    Script(
        name="an operator's word",
        terms=ONCE,
        clocks=(WITHIN, AFTER),
        members=(PAID, redeems(ANNA), revokes(), reinstates(), DISPUTED, DISPUTE_WON),
    ),
    Script(
        name="a subscription that ends",
        terms=MONTHLY,
        clocks=(WITHIN, IN_GRACE, AFTER_ALL),
        members=(SUBSCRIBED, FIRST_INVOICE, RENEWAL_FAILED, RENEWED, DELETED, redeems(ANNA)),
    ),
    Script(
        name="a subscription's refund finds its invoice",
        terms=MONTHLY,
        clocks=(WITHIN, IN_GRACE),
        members=(SUBSCRIBED, FIRST_INVOICE, LINKED, INVOICE_CHARGE_REFUNDED, INVOICE_REFUND_BOUNCED, redeems(ANNA)),
    ),
    Script(
        name="a subscription lapses between its payments",
        terms=MONTHLY,
        clocks=(WITHIN,),
        members=(FIRST_INVOICE, SUBSCRIBED, time_passes(AFTER), sweeps(), RENEWED, redeems(ANNA)),
    ),
)
