"""The merge's laws: they make the order of arrival and the number of repeats irrelevant."""

from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given

from paywall_core.facts import (
    Charge,
    CheckoutStatus,
    DisputeStatus,
    Facts,
    OperatorAction,
    OperatorWord,
    Payment,
    PaymentStatus,
    RefundStatus,
    SubscriptionOutlook,
    SubscriptionStatus,
    merge,
)

from .strategies import DAY, START, eur, facts

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
