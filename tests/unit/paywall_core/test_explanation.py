"""Why an order gives access, or why not: the true reason, with the provider's ids."""

import pytest
from msgspec import Struct, structs

from paywall_core.events import (
    ChargeRefunded,
    CheckoutCompleted,
    Event,
    PaymentFailed,
    PaymentSucceeded,
)
from paywall_core.explanation import explain
from paywall_core.facts import DisputeStatus, RefundStatus, Terms
from paywall_core.lifecycle import State

from .lives import (
    COMPLETED,
    EXPIRED,
    LINK,
    OPENED,
    REDEEM,
    REINSTATE,
    REVOKE,
    Life,
    dispute,
    ended,
    failed,
    invoice,
    live,
    paid,
    refund,
)
from .strategies import DAY, FOR_LIFE, ONE_TIME, START, SUBSCRIPTION, eur

_R, _D = RefundStatus, DisputeStatus
PROVISIONAL = PaymentSucceeded(payment_id="cs_1", paid_at=START, provisional=True, session_id="cs_1")
SHOWN = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=1500, payment="pi_1")
BOOKED = structs.replace(invoice(0), payment_intent_id="pi_0")


class Case(Struct, frozen=True):
    """An order that was bought on day 0: what happened to it, and what is to be said of it on that day."""

    name: str
    terms: Terms
    story: tuple[Event, ...]
    day: int
    state: State
    because: str
    references: tuple[str, ...] = ()


_P, _T, _A, _E, _RV = State
CASES = (
    Case("never opened", ONE_TIME, (), 0, _P, "the checkout was never opened at the provider, or its answer was lost"),
    Case("open", ONE_TIME, (OPENED,), 0, _P, "nothing was paid: the checkout cs_1 is open", ("cs_1",)),
    Case("ran out", ONE_TIME, (OPENED, EXPIRED), 1, _E, "the checkout cs_1 ran out unpaid", ("cs_1",)),
    Case(
        "a delayed payment is on its way", ONE_TIME, (CheckoutCompleted(session_id="cs_1"),), 1, _P,
        "the checkout cs_1 is complete, but its money has not come yet", ("cs_1",),
    ),
    Case(
        "a delayed payment failed", ONE_TIME, (PaymentFailed(payment_id="pi_1", session_id="cs_1"),), 3, _P,
        "the payment pi_1 failed, and none came since", ("pi_1",),
    ),
    Case(
        "a first invoice was given up", SUBSCRIPTION, (failed(0, abandoned=True),), 3, _P,
        "the payment in_0 failed, and none came since", ("in_0",),
    ),
    Case(
        "paid once", ONE_TIME, (paid(),), 1, _T,
        "the payment pi_1 covers until 2026-01-31 00:00 UTC; nobody has redeemed the link yet", ("pi_1",),
    ),
    Case(
        "paid once, redeemed", ONE_TIME, (paid(), REDEEM), 1, _A,
        "the payment pi_1 covers until 2026-01-31 00:00 UTC; Telegram user 5 redeemed the link", ("pi_1",),
    ),
    Case(
        "paid for life", FOR_LIFE, (paid(), REDEEM), 4000, _A,
        "the payment pi_1 covers for life; Telegram user 5 redeemed the link", ("pi_1",),
    ),
    Case(
        "used up", ONE_TIME, (paid(), REDEEM), 30, _E,
        "the time that the payment pi_1 bought ended on 2026-01-31 00:00 UTC", ("pi_1",),
    ),
    Case(
        "paid after the checkout ran out", ONE_TIME, (OPENED, EXPIRED, paid()), 1, _T,
        "the payment pi_1 covers until 2026-01-31 00:00 UTC; nobody has redeemed the link yet", ("pi_1",),
    ),
    Case(
        "subscribed, its invoice not known yet", SUBSCRIPTION, (PROVISIONAL,), 1, _T,
        "the payment cs_1 covers until 2026-01-03 00:00 UTC; nobody has redeemed the link yet", ("cs_1",),
    ),
    Case(
        "subscribed, its invoice never came", SUBSCRIPTION, (PROVISIONAL,), 2, _E,
        "the time that the payment cs_1 bought ended on 2026-01-03 00:00 UTC", ("cs_1",),
    ),
    Case(
        "subscribed", SUBSCRIPTION, (PROVISIONAL, BOOKED, REDEEM), 1, _A,
        "the payment in_0 covers until 2026-01-31 00:00 UTC, and the grace until 2026-02-03 00:00 UTC; "
        "Telegram user 5 redeemed the link", ("in_0", "pi_0"),
    ),
    Case(
        "renewed", SUBSCRIPTION, (invoice(0), invoice(1), REDEEM), 31, _A,
        "the payment in_1 covers until 2026-03-02 00:00 UTC, and the grace until 2026-03-05 00:00 UTC; "
        "Telegram user 5 redeemed the link", ("in_1",),
    ),
    Case(
        "in the grace", SUBSCRIPTION, (invoice(0), failed(1)), 32, _T,
        "the payment in_0 covers until 2026-01-31 00:00 UTC, and the grace until 2026-02-03 00:00 UTC; "
        "nobody has redeemed the link yet", ("in_0",),
    ),
    Case(
        "a renewal was not paid", SUBSCRIPTION, (invoice(0), failed(1)), 33, _E,
        "the time that the payment in_0 bought ended on 2026-01-31 00:00 UTC, its grace on 2026-02-03 00:00 UTC; "
        "the renewal in_1 was not paid", ("in_0", "in_1"),
    ),
    Case(
        "a renewal never came", SUBSCRIPTION, (COMPLETED, invoice(0)), 33, _E,
        "the time that the payment in_0 bought ended on 2026-01-31 00:00 UTC, its grace on 2026-02-03 00:00 UTC",
        ("in_0",),
    ),
    Case(
        "cancelled, still paid for", SUBSCRIPTION, (invoice(0), ended(5)), 6, _T,
        "the payment in_0 covers until 2026-01-31 00:00 UTC; nobody has redeemed the link yet", ("in_0",),
    ),
    Case(
        "cancelled, and over", SUBSCRIPTION, (invoice(0), ended(5)), 30, _E,
        "the time that the payment in_0 bought ended on 2026-01-31 00:00 UTC; "
        "the subscription sub_1 ended on 2026-01-06 00:00 UTC", ("in_0", "sub_1"),
    ),
    Case(
        "given up by the provider", SUBSCRIPTION, (invoice(0), failed(1, abandoned=True), ended(31)), 31, _E,
        "the time that the payment in_0 bought ended on 2026-01-31 00:00 UTC; "
        "the subscription sub_1 ended on 2026-02-01 00:00 UTC; the renewal in_1 was not paid",
        ("in_0", "in_1", "sub_1"),
    ),
    Case(
        "refunded in full", ONE_TIME, (paid(), refund(_R.SUCCEEDED)), 1, _RV,
        "the payment pi_1 was refunded in full (re_1)", ("pi_1", "re_1"),
    ),
    Case(
        "refunded, as its charge shows", ONE_TIME, (paid(), SHOWN), 1, _RV,
        "the payment pi_1 was refunded in full (ch_1)", ("pi_1", "ch_1"),
    ),
    Case(
        "refunded in parts of which one is not known", ONE_TIME, (paid(), refund(_R.SUCCEEDED, 500), SHOWN), 1, _RV,
        "the payment pi_1 was refunded in full (ch_1)", ("pi_1", "ch_1"),
    ),
    Case(
        "an invoice was refunded", SUBSCRIPTION, (invoice(0), LINK, refund(_R.PENDING, 900)), 1, _RV,
        "the payment in_0 was refunded in full (re_1)", ("in_0", "pi_1", "re_1"),
    ),
    Case(
        "refunded in part", FOR_LIFE, (paid(), refund(_R.SUCCEEDED, 500)), 1, _T,
        "the payment pi_1 covers for life; nobody has redeemed the link yet", ("pi_1",),
    ),
    Case(
        "a refund failed", FOR_LIFE, (paid(), refund(_R.FAILED)), 1, _T,
        "the payment pi_1 covers for life; nobody has redeemed the link yet", ("pi_1",),
    ),
    Case(
        "refunded, and bought again", FOR_LIFE, (paid(), refund(_R.SUCCEEDED), paid(2)), 1, _T,
        "the payment pi_2 covers for life; nobody has redeemed the link yet", ("pi_2",),
    ),
    Case(
        "a renewal was refunded, the month before is over", SUBSCRIPTION,
        (invoice(0), invoice(1), refund(_R.SUCCEEDED, 900, "in_1")), 40, _RV,
        "the payment in_1 was refunded in full (re_1)", ("in_1", "re_1"),
    ),
    Case(
        "disputed", FOR_LIFE, (paid(), dispute(_D.OPEN)), 1, _RV,
        "the payment pi_1 is under the dispute dp_1, which is open", ("pi_1", "dp_1"),
    ),
    Case(
        "a dispute was lost", FOR_LIFE, (paid(), dispute(_D.LOST)), 1, _RV,
        "the payment pi_1 is under the dispute dp_1, which is lost", ("pi_1", "dp_1"),
    ),
    Case(
        "a dispute was won", FOR_LIFE, (paid(), REDEEM, dispute(_D.WON)), 1, _A,
        "the payment pi_1 covers for life; Telegram user 5 redeemed the link", ("pi_1",),
    ),
    Case(
        "revoked by an operator", FOR_LIFE, (paid(), REDEEM, REVOKE), 1, _RV,
        "anna revoked access on 2026-01-02 00:00 UTC: abuse",
    ),
    Case(
        "revoked before it was paid", FOR_LIFE, (REVOKE,), 1, _RV, "anna revoked access on 2026-01-02 00:00 UTC: abuse"
    ),
    Case(
        "reinstated", FOR_LIFE, (paid(), REVOKE, REINSTATE), 2, _T,
        "the payment pi_1 covers for life; nobody has redeemed the link yet", ("pi_1",),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_is_the_true_reason_with_the_ids_that_decide(case: Case) -> None:
    """The table by hand: state, sentence, ids."""
    order, _ = live(Life(name=case.name, terms=case.terms, story=tuple((0, event) for event in case.story)))
    said = explain(order, START + case.day * DAY)
    assert (said.state, said.has_access) == (case.state, case.state is State.ACTIVE)
    assert said.because == case.because
    assert said.references == case.references
