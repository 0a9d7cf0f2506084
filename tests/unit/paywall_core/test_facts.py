"""The merge's laws: they make the order of arrival and the number of repeats irrelevant."""

from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given

from paywall_core.facts import (
    Charge,
    CheckoutStatus,
    Dispute,
    DisputeStatus,
    Facts,
    Mode,
    OperatorAction,
    OperatorWord,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    SubscriptionOutlook,
    SubscriptionStatus,
    Terms,
    merge,
)

from .strategies import DAY, FOR_LIFE, ONE_TIME, START, eur, facts

ACTIVE, ENDED = SubscriptionStatus.ACTIVE, SubscriptionStatus.ENDED


@given(facts(), facts())
def test_merge_is_commutative(a: Facts, b: Facts) -> None:
    """Which of two facts came first leaves no trace."""
    assert merge(a, b) == merge(b, a)


@given(facts(), facts(), facts())
def test_merge_is_associative(a: Facts, b: Facts, c: Facts) -> None:
    """How facts are grouped leaves no trace."""
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(facts(), facts())
def test_merge_is_idempotent(a: Facts, b: Facts) -> None:
    """A fact that is known already teaches nothing."""
    assert merge(a, a) == a
    assert merge(merge(a, b), b) == merge(a, b)


@given(facts())
def test_to_know_nothing_is_neutral(a: Facts) -> None:
    """`Facts()` is the least element."""
    assert merge(a, Facts()) == a
    assert merge(Facts(), a) == a


@given(facts())
def test_facts_survive_their_stored_form(a: Facts) -> None:
    """What is written to the database is read back equal."""
    assert msgspec.json.decode(msgspec.json.encode(a), type=Facts) == a


@pytest.mark.parametrize(
    ("enumeration", "words"),
    [
        (CheckoutStatus, ["unknown", "open", "expired", "complete"]),
        (PaymentStatus, ["unpaid", "failed", "abandoned", "paid"]),
        (SubscriptionStatus, ["incomplete", "trialing", "paused", "active", "past_due", "unpaid", "ended"]),
        (RefundStatus, ["pending", "succeeded", "failed", "cancelled"]),
        (DisputeStatus, ["inquiry", "inquiry_closed", "open", "prevented", "lost", "won"]),
        (OperatorAction, ["reinstate", "revoke"]),
    ],
)
def test_the_later_word_wins(enumeration: type[CheckoutStatus], words: list[str]) -> None:
    """Each enumeration is ranked as the design's table of facts says."""
    assert [str(word) for word in enumeration] == words
    for early, late in pairwise(words):
        assert enumeration(early).later(enumeration(late)) == late
        assert enumeration(late).later(enumeration(early)) == late


def test_the_latest_operator_word_wins_whatever_it_says() -> None:
    """Words are numbered, and the number decides."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    revoke = OperatorWord(number=1, action=OperatorAction.REVOKE, by="anna", why="fraud", at=at)
    relent = OperatorWord(number=2, action=OperatorAction.REINSTATE, by="bob", why="mistake", at=at)
    assert revoke.join(relent) == relent
    assert relent.join(revoke) == relent


def test_a_paid_payment_without_its_moment_is_refused() -> None:
    """Paid and `paid_at` go together, so that every paid payment reaches somewhere."""
    with pytest.raises(ValueError, match="paid_at"):
        Payment(status=PaymentStatus.PAID)
    with pytest.raises(ValueError, match="paid_at"):
        Payment(paid_at=START)


def test_the_largest_refunded_amount_on_a_charge_is_kept() -> None:
    """A stale snapshot of a charge does not shrink what was refunded."""
    large = Charge(payment="pi", amount=eur(900), refunded_minor=900)
    stale = Charge(payment="pi", amount=eur(900), refunded_minor=400)
    assert large.join(stale) == stale.join(large) == large


@pytest.mark.parametrize(
    ("known", "field"),
    [
        *((Charge(payment="pi", amount=eur(9), refunded_minor=5), field) for field in ("payment", "amount")),
        *((Refund(payment="pi", charge="ch", amount=eur(9)), field) for field in ("payment", "charge", "amount")),
        *((Dispute(payment="pi", charge="ch"), field) for field in ("payment", "charge")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_one_word_leaves_open_the_other_fills_in(known: Charge, field: str) -> None:
    """A notification that names only the charge takes nothing from one that named the payment."""
    silent = msgspec.structs.replace(known, **{field: None})
    assert known.join(silent) == silent.join(known) == known


def test_payment_whose_invoice_is_known_is_provisional_no_more() -> None:
    """Whichever of the two words came first."""
    provisional = Payment(status=PaymentStatus.PAID, paid_at=START, provisional=True)
    real = Payment(status=PaymentStatus.PAID, paid_at=START)
    assert provisional.join(real) == real.join(provisional) == real


def test_terms_are_kept_and_of_two_the_same_are_kept_in_any_order() -> None:
    """They are set once, when the order is placed; two that differ would still leave one answer."""
    bought = Facts(terms=ONE_TIME)
    assert merge(Facts(), bought) == merge(bought, Facts()) == bought
    shorter = Facts(terms=Terms(mode=Mode.ONE_TIME, duration_days=7))
    assert merge(bought, shorter) == merge(shorter, bought) == bought


def test_what_a_stored_row_leaves_out_is_read_as_it_was_meant() -> None:
    """Defaults are not stored: were one changed, the rows of earlier releases would say something else."""
    stored = (
        b'{"terms":{"mode":"one_time","duration_days":null},"payments":{"pi_1":{"status":"paid","paid_at":'
        b'"2026-01-01T00:00:00Z"},"pi_2":{}},"charges":{"ch_1":{}},"refunds":{"re_1":{}},"disputes":{"dp_1":{}}}'
    )
    facts = msgspec.json.decode(stored, type=Facts)
    assert facts.terms == FOR_LIFE
    assert facts.terms.grace_seconds == 0
    assert not facts.payments["pi_1"].provisional
    assert facts.payments["pi_2"].status is PaymentStatus.UNPAID
    assert facts.charges["ch_1"].refunded_minor == 0
    assert facts.refunds["re_1"].status is RefundStatus.PENDING
    assert facts.disputes["dp_1"].status is DisputeStatus.INQUIRY
    assert (facts.checkout, facts.token_version, facts.links_resent) == (CheckoutStatus.UNKNOWN, 1, 0)


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        (SubscriptionOutlook(as_of=START, status=ENDED), SubscriptionOutlook(as_of=START + DAY, status=ACTIVE)),
        (SubscriptionOutlook(as_of=START, status=ACTIVE), SubscriptionOutlook(as_of=START, status=ENDED)),
        (
            SubscriptionOutlook(as_of=START, status=ACTIVE),
            SubscriptionOutlook(as_of=START, status=ACTIVE, cancels_at=START + DAY),
        ),
        (
            SubscriptionOutlook(as_of=START, status=ACTIVE, cancels_at=START + 2 * DAY),
            SubscriptionOutlook(as_of=START, status=ACTIVE, cancels_at=START + DAY),
        ),
        (
            SubscriptionOutlook(as_of=START, status=ACTIVE, cancels_at=START + DAY),
            SubscriptionOutlook(as_of=START + DAY, status=ACTIVE),
        ),
    ],
    ids=["the newer", "of one second the later word", "a plan to end", "the sooner end", "a plan undone since"],
)
def test_the_newer_outlook_wins_and_a_tie_lets_go_sooner(
    weaker: SubscriptionOutlook, stronger: SubscriptionOutlook
) -> None:
    """Whole seconds tie; then the word that is the later one in a subscription's life is believed."""
    assert weaker.join(stronger) == stronger.join(weaker) == stronger


def test_a_payment_that_was_given_up_and_comes_after_all_is_paid() -> None:
    """Nothing is stronger than money."""
    given_up = Payment(status=PaymentStatus.ABANDONED)
    paid = Payment(status=PaymentStatus.PAID, paid_at=START, amount=eur(900))
    assert given_up.join(paid) == paid.join(given_up) == paid
    assert given_up.join(Payment(status=PaymentStatus.FAILED)) == given_up
