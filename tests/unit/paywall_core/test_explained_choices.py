"""Of several payments, refunds and charges, the explanation names the one that decides, and each fact its own ids."""

import pytest
from msgspec import structs

from paywall_core.events import ChargeRefunded, Event, PaymentLinked, PaymentSucceeded
from paywall_core.explanation import Explanation, explain
from paywall_core.facts import DisputeStatus, Payment, RefundStatus, Terms
from paywall_core.lifecycle import State

from .lives import OPENED, Life, dispute, invoice, live, outlook, paid, place, refund
from .strategies import DAY, FOR_LIFE, ONE_TIME, START, SUBSCRIPTION, eur

_R, _D = RefundStatus, DisputeStatus
PROVISIONAL = PaymentSucceeded(payment_id="cs_1", paid_at=START, provisional=True, session_id="cs_1")
SHOWN = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=1500, payment="pi_1")
LATER = structs.replace(paid(), paid_at=START + 5 * DAY)
OF_ITS_CHARGE = structs.replace(refund(_R.SUCCEEDED), payment=None)
SECOND = structs.replace(refund(_R.SUCCEEDED, payment="pi_2"), refund_id="re_2", charge="ch_2")
SECOND_SHOWN = structs.replace(SHOWN, charge_id="ch_2", payment="pi_2")


def said(terms: Terms, *story: Event, day: int = 0) -> Explanation:
    """The explanation on that day of an order to which all that happened."""
    order, _ = live(Life(name="", terms=terms, story=tuple((0, event) for event in story)))
    return explain(order, START + day * DAY)


@pytest.mark.parametrize(
    ("terms", "story", "day", "sentence"),
    [
        # Of payments that stand: the one that reaches furthest; of two that reach as far, the last by its id.
        (ONE_TIME, (LATER, paid(2)), 6, "the payment pi_1 covers until 2026-02-05 00:00 UTC; "),
        (FOR_LIFE, (paid(), paid(2)), 1, "the payment pi_2 covers for life; "),
        (ONE_TIME, (LATER, paid(2)), 40, "the time that the payment pi_1 bought ended on 2026-02-05 00:00 UTC"),
        (ONE_TIME, (paid(), paid(2)), 40, "the time that the payment pi_2 bought ended on 2026-01-31 00:00 UTC"),
        # A payment that stands, never a void one, though that reaches further or as far.
        (ONE_TIME, (LATER, paid(2), refund(_R.SUCCEEDED)), 6, "the payment pi_2 covers until 2026-01-31 00:00 UTC; "),
        (ONE_TIME, (paid(), paid(2), SECOND), 40, "the time that the payment pi_1 bought ended on "),
        # What withdrew it: refunds and charges of that payment, and none that failed.
        (FOR_LIFE, (paid(), paid(2), refund(_R.SUCCEEDED), SECOND), 1, "the payment pi_2 was refunded in full (re_2)"),
        (FOR_LIFE, (paid(), paid(2), SHOWN, SECOND_SHOWN), 1, "the payment pi_2 was refunded in full (ch_2)"),
        (FOR_LIFE, (paid(2), SECOND, refund(_R.FAILED, payment="pi_2")), 1,
         "the payment pi_2 was refunded in full (re_2)"),
        (FOR_LIFE, (paid(2), structs.replace(SECOND, amount=eur(700)), refund(_R.SUCCEEDED, 800, "pi_2")), 1,
         "the payment pi_2 was refunded in full (re_1, re_2)"),
        (FOR_LIFE, (paid(), SHOWN, OF_ITS_CHARGE), 1, "the payment pi_1 was refunded in full (re_1)"),
        (FOR_LIFE, (paid(1, 1), structs.replace(SHOWN, amount=eur(1), refunded_minor=1)), 1,
         "the payment pi_1 was refunded in full (ch_1)"),
    ],
)  # fmt: skip
def test_verdict_names_what_decides(terms: Terms, story: tuple[Event, ...], day: int, sentence: str) -> None:
    """And nothing else that is known of the order."""
    explanation = said(terms, *story, day=day)
    if sentence.endswith(" "):
        assert explanation.because.startswith(sentence)
    else:
        assert explanation.because == sentence


def test_payment_that_is_only_begun_is_not_said_to_have_failed() -> None:
    """Nor does it decide."""
    order, _ = live(Life(name="", terms=ONE_TIME, story=((0, OPENED),)))
    order = structs.replace(order, facts=structs.replace(order.facts, payments={"pi_1": Payment()}))
    explanation = explain(order, START)
    assert explanation.state is State.PENDING
    assert explanation.because == "nothing was paid: the checkout cs_1 is open"
    assert explanation.reasons[-1].text == "The payment pi_1 is not paid yet."
    assert not explanation.reasons[-1].decisive


@pytest.mark.parametrize(
    ("terms", "story", "references"),
    [
        (FOR_LIFE, (paid(), SHOWN, OF_ITS_CHARGE), ("re_1", "pi_1")),
        (FOR_LIFE, (paid(), refund(_R.SUCCEEDED)), ("re_1", "pi_1")),
        (FOR_LIFE, (paid(), SHOWN), ("ch_1", "pi_1")),
        (FOR_LIFE, (paid(), dispute(_D.OPEN)), ("dp_1", "pi_1")),
        (FOR_LIFE, (SHOWN, structs.replace(dispute(_D.OPEN), payment=None)), ("dp_1", "pi_1")),
        (SUBSCRIPTION, (outlook(1, None),), ("sub_1",)),
        (
            SUBSCRIPTION,
            (
                invoice(0),
                invoice(1),
                PaymentLinked(payment_intent_id="pi_0", payment_id="in_0"),
                PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"),
            ),
            ("in_0", "pi_0"),
        ),
    ],
)
def test_fact_names_its_own_ids(terms: Terms, story: tuple[Event, ...], references: tuple[str, ...]) -> None:
    """First that of the fact, then what it is about; never what belongs to another one."""
    reasons = [one for one in said(terms, *story).reasons if one.references[:1] == references[:1]]
    *_, fact = reasons
    assert fact.references == references


def test_payment_that_an_invoice_has_replaced_names_itself() -> None:
    """Beside the checkout, whose id it has."""
    (replaced,) = [one for one in said(SUBSCRIPTION, PROVISIONAL, invoice(0)).reasons if "in its place" in one.text]
    assert replaced.references == ("cs_1",)


@pytest.mark.parametrize("about", [OF_ITS_CHARGE, structs.replace(dispute(_D.OPEN), payment=None)])
def test_fact_that_names_a_charge_only_is_told_about_its_payment(about: Event) -> None:
    """Once the charge's payment is known."""
    (text,) = [one.text for one in said(FOR_LIFE, SHOWN, about).reasons if one.references[0] in ("re_1", "dp_1")]
    assert "pi_1" in text
    assert "ch_1" not in text


def test_order_of_which_nothing_is_known_has_no_reasons() -> None:
    """Only the verdict."""
    assert explain(place(ONE_TIME), START).reasons == ()
