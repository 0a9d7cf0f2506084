"""The policies, each by its row of the table in `policy.py`."""

from datetime import timedelta

import pytest

from paywall_core.events import (
    AccessRevoked,
    ChargeRefunded,
    CheckoutExpired,
    DisputeUpdated,
    Event,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
)
from paywall_core.facts import Charge, DisputeStatus, Facts, Payment, Period, Refund, RefundStatus, Terms, merge
from paywall_core.lifecycle import FulfillmentStatus, State, fulfillment_of, state_of
from paywall_core.money import Money
from paywall_core.policy import FOREVER, UNKNOWN_PERIOD, entitlement_of, is_void, paid_until_of

from .strategies import DAY, FOR_LIFE, ONE_TIME, START, SUBSCRIPTION, eur

MONTH = Period(start=START, end=START + 30 * DAY)
GRACE = timedelta(hours=72)


def learn(terms: Terms, *events: Event) -> Facts:
    """The facts after these events."""
    facts = Facts(terms=terms)
    for event in events:
        facts = merge(facts, event.facts())
    return facts


BOUGHT = PaymentSucceeded(payment_id="pi_1", paid_at=START, amount=eur(1500), session_id="cs_1")
RENEWED = PaymentSucceeded(
    payment_id="in_1", paid_at=START, amount=eur(900), period=MONTH, payment_intent_id="pi_1", subscription_id="sub_1"
)


def refund(amount_minor: int, status: RefundStatus = RefundStatus.SUCCEEDED, name: str = "re_1") -> RefundUpdated:
    """A refund of the payment intent `pi_1`."""
    return RefundUpdated(refund_id=name, amount=eur(amount_minor), status=status, payment="pi_1", charge="ch_1")


def test_one_time_payment_reaches_for_its_days() -> None:
    """Thirty days from the moment of payment, and no grace."""
    entitlement = entitlement_of(learn(ONE_TIME, BOUGHT))
    assert entitlement.access_until == entitlement.paid_until == START + 30 * DAY
    assert entitlement.first_paid_at == START


@pytest.mark.parametrize("linked", [(), (PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"),)])
def test_invoice_of_a_one_time_purchase_saves_nothing_from_its_refund(linked: tuple[PaymentLinked, ...]) -> None:
    """Stripe writes one if it is told to, and says which payment paid it; the money is the same, and it went back."""
    facts = learn(ONE_TIME, BOUGHT, refund(1500), *linked)
    assert is_void(facts, "pi_1")
    assert entitlement_of(facts).access_until is None


def test_payment_for_life_never_ends() -> None:
    """Without days a one-time payment is for life."""
    assert entitlement_of(learn(FOR_LIFE, BOUGHT)).access_until == FOREVER


def test_subscription_reaches_to_its_period_and_the_grace() -> None:
    """The paid time is the invoice's period; access outlives it by the grace."""
    entitlement = entitlement_of(learn(SUBSCRIPTION, RENEWED))
    assert entitlement.paid_until == MONTH.end
    assert entitlement.access_until == MONTH.end + GRACE


def test_unknown_period_counts_as_48_hours() -> None:
    """Nobody waits for the invoice, and nobody stays for ever."""
    first = PaymentSucceeded(payment_id="cs_1", paid_at=START, provisional=True, session_id="cs_1")
    assert entitlement_of(learn(SUBSCRIPTION, first)).access_until == START + UNKNOWN_PERIOD


def test_provisional_payment_stops_counting_once_a_real_one_is_known() -> None:
    """A refund of the real one is not outlived by the assumption that stood in for it."""
    first = PaymentSucceeded(payment_id="cs_1", paid_at=START, provisional=True, session_id="cs_1")
    facts = learn(SUBSCRIPTION, first, RENEWED, refund(900))
    assert state_of(facts, START + timedelta(hours=1)) is State.REVOKED


@pytest.mark.parametrize(
    ("ended_at", "access_until"),
    [
        (START + 10 * DAY, MONTH.end),
        (MONTH.end + timedelta(hours=5), MONTH.end + timedelta(hours=5)),
        (MONTH.end + 10 * DAY, MONTH.end + GRACE),
    ],
    ids=["within the paid time", "within the grace", "after all"],
)
def test_ended_subscription_has_no_grace_but_keeps_the_paid_time(ended_at: object, access_until: object) -> None:
    """Its end takes the grace away, never what was paid for."""
    assert isinstance(ended_at, type(START))
    facts = learn(SUBSCRIPTION, RENEWED, SubscriptionEnded(subscription_id="sub_1", ended_at=ended_at))
    assert entitlement_of(facts).access_until == access_until


@pytest.mark.parametrize(
    ("events", "void"),
    [
        ([refund(1500)], True),
        ([refund(1499)], False),
        ([refund(700), refund(800, name="re_2")], True),
        ([refund(1500, RefundStatus.PENDING)], True),
        ([refund(1500, RefundStatus.FAILED)], False),
        ([refund(1500, RefundStatus.CANCELLED)], False),
        ([ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=1500, payment="pi_1")], True),
        ([ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=500, payment="pi_1")], False),
        (
            [
                ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=1500, payment="pi_1"),
                refund(1500, RefundStatus.FAILED),
            ],
            False,
        ),
        (
            [
                RefundUpdated(
                    refund_id="re_1",
                    amount=Money.of(1500, "USD"),
                    status=RefundStatus.SUCCEEDED,
                    payment="pi_1",
                )
            ],
            False,
        ),
        (
            [
                refund(1500),
                RefundUpdated(refund_id="x", amount=Money.of(1, "usd"), status=RefundStatus.PENDING, payment="pi_1"),
            ],
            False,
        ),
    ],
    ids=[
        "full",
        "partial",
        "in two parts",
        "pending counts",
        "failed",
        "cancelled",
        "charge shows it full",
        "charge shows a part",
        "charge showed it, then it failed",
        "another currency is not compared",
        "two currencies are not added",
    ],
)
def test_refund_voids_exactly_when_all_of_it_went_back(events: list[Event], *, void: bool) -> None:
    """A full refund voids, a partial one does not, and a failed one gives back."""
    assert is_void(learn(ONE_TIME, BOUGHT, *events), "pi_1") is void


def test_free_payment_cannot_be_refunded() -> None:
    """A trial's zero is not fully refunded by nothing."""
    free = PaymentSucceeded(payment_id="pi_1", paid_at=START, amount=eur(0))
    shown = ChargeRefunded(charge_id="ch_1", amount=eur(0), refunded_minor=0, payment="pi_1")
    assert not is_void(learn(ONE_TIME, free, shown), "pi_1")


def test_refund_waits_for_the_charge_s_amount_when_the_payment_s_is_unknown() -> None:
    """Without any whole to compare with, a refund voids nothing yet."""
    unknown = PaymentSucceeded(payment_id="pi_1", paid_at=START)
    assert not is_void(learn(ONE_TIME, unknown, refund(1500)), "pi_1")
    shown = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=1500, payment="pi_1")
    assert is_void(learn(ONE_TIME, unknown, refund(1500), shown), "pi_1")


def test_refund_finds_its_payment_by_the_charge_alone() -> None:
    """A refund that names only its charge is about the charge's payment, once that is known."""
    back = RefundUpdated(refund_id="re_1", amount=eur(1500), status=RefundStatus.SUCCEEDED, charge="ch_1")
    assert not is_void(learn(ONE_TIME, BOUGHT, back), "pi_1")
    charge = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=0, payment="pi_1")
    assert is_void(learn(ONE_TIME, BOUGHT, back, charge), "pi_1")


def test_money_back_for_one_payment_voids_no_other() -> None:
    """Two payments of one order, each with a charge of its own: what went back on one stays with that one."""
    again = PaymentSucceeded(payment_id="pi_2", paid_at=START, amount=eur(1500))
    back = ChargeRefunded(charge_id="ch_2", amount=eur(1500), refunded_minor=1500, payment="pi_2")
    facts = learn(ONE_TIME, BOUGHT, again, back)
    assert is_void(facts, "pi_2")
    assert not is_void(facts, "pi_1")


def test_amount_that_is_not_known_is_not_counted() -> None:
    """A refund and a charge without their amounts stand beside those that have one, and change nothing."""
    facts = learn(ONE_TIME, BOUGHT, refund(1500))
    unknown = Facts(refunds={"re_2": Refund(payment="pi_1")}, charges={"ch_1": Charge(payment="pi_1")})
    assert is_void(merge(facts, unknown), "pi_1")
    assert not is_void(merge(learn(ONE_TIME, BOUGHT), unknown), "pi_1")


def test_one_cent_can_be_refunded_whole() -> None:
    """The smallest payment is a payment like any other."""
    cent = PaymentSucceeded(payment_id="pi_1", paid_at=START, amount=eur(1))
    assert is_void(learn(ONE_TIME, cent, refund(1)), "pi_1")


@pytest.mark.parametrize(
    ("status", "void"),
    [
        (DisputeStatus.INQUIRY, False),
        (DisputeStatus.INQUIRY_CLOSED, False),
        (DisputeStatus.OPEN, True),
        (DisputeStatus.PREVENTED, False),
        (DisputeStatus.LOST, True),
        (DisputeStatus.WON, False),
    ],
)
def test_dispute_voids_while_open_and_when_lost(status: DisputeStatus, *, void: bool) -> None:
    """An inquiry changes nothing, an open dispute suspends, won restores, lost revokes."""
    dispute = DisputeUpdated(dispute_id="dp_1", status=status, payment="pi_1")
    assert is_void(learn(ONE_TIME, BOUGHT, dispute), "pi_1") is void


def test_dispute_finds_its_payment_by_the_charge_alone() -> None:
    """A dispute that names only its charge is about the charge's payment, once that is known."""
    dispute = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, charge="ch_1")
    assert not is_void(learn(ONE_TIME, BOUGHT, dispute), "pi_1")
    charge = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=0, payment="pi_1")
    assert is_void(learn(ONE_TIME, BOUGHT, dispute, charge), "pi_1")


def test_refund_of_an_invoice_waits_for_the_link() -> None:
    """A subscription's refund names a payment intent; the link leads to the invoice, whichever comes first."""
    paid = PaymentSucceeded(payment_id="in_1", paid_at=START, amount=eur(900), period=MONTH)
    link = PaymentLinked(payment_intent_id="pi_1", payment_id="in_1")
    assert not is_void(learn(SUBSCRIPTION, paid, refund(900)), "in_1")
    assert is_void(learn(SUBSCRIPTION, paid, refund(900), link), "in_1")
    assert is_void(learn(SUBSCRIPTION, link, refund(900), paid), "in_1")


def test_older_payment_carries_access_past_a_refunded_renewal() -> None:
    """What was paid for January stays paid when February is refunded."""
    february = PaymentSucceeded(
        payment_id="in_2", paid_at=MONTH.end, amount=eur(900), period=Period(start=MONTH.end, end=MONTH.end + 28 * DAY)
    )
    back = RefundUpdated(refund_id="re_2", amount=eur(900), status=RefundStatus.SUCCEEDED, payment="in_2")
    facts = learn(SUBSCRIPTION, RENEWED, february, back)
    assert state_of(facts, MONTH.end - DAY) is State.TOKEN_ISSUED
    assert state_of(facts, MONTH.end + 10 * DAY) is State.REVOKED


def test_time_that_a_standing_payment_covered_too_was_used_up() -> None:
    """Paid twice for the same month and one of it refunded: at its end access is over, not withdrawn."""
    twice = PaymentSucceeded(payment_id="in_2", paid_at=START, amount=eur(900), period=MONTH)
    back = RefundUpdated(refund_id="re_2", amount=eur(900), status=RefundStatus.SUCCEEDED, payment="in_2")
    facts = learn(SUBSCRIPTION, RENEWED, twice, back)
    assert not entitlement_of(facts).withdrawn
    assert state_of(facts, MONTH.end + GRACE) is State.EXPIRED


def test_unpaid_order_is_withdrawn_by_the_operator_s_word_alone() -> None:
    """Without it, there was nothing to withdraw."""
    revoked = AccessRevoked(number=1, by="ops", why="fraud", at=START)
    assert not entitlement_of(learn(ONE_TIME)).withdrawn
    assert entitlement_of(learn(ONE_TIME, revoked)).withdrawn


def test_what_is_not_known_reaches_nowhere() -> None:
    """Asking for the reach of an unpaid payment, or under no terms, is a mistake of the caller's."""
    with pytest.raises(ValueError, match="paid payment"):
        paid_until_of(Facts(terms=ONE_TIME), Payment())
    with pytest.raises(ValueError, match="terms"):
        entitlement_of(learn(ONE_TIME, BOUGHT).__class__(payments=BOUGHT.facts().payments))


def test_fulfillment_follows_the_payment() -> None:
    """Pending, then failed or fulfilled; a later payment wins over a failure."""
    failed = PaymentFailed(payment_id="pi_1", session_id="cs_1")
    assert fulfillment_of(learn(ONE_TIME)) is FulfillmentStatus.PENDING
    assert fulfillment_of(learn(ONE_TIME, failed)) is FulfillmentStatus.FAILED
    abandoned = PaymentFailed(payment_id="pi_1", session_id="cs_1", abandoned=True)
    assert fulfillment_of(learn(ONE_TIME, abandoned)) is FulfillmentStatus.FAILED
    assert fulfillment_of(learn(ONE_TIME, PaymentFailed(payment_id="in_1"))) is FulfillmentStatus.PENDING
    assert fulfillment_of(learn(ONE_TIME, CheckoutExpired(session_id="cs_1"))) is FulfillmentStatus.FAILED
    assert fulfillment_of(learn(ONE_TIME, failed, BOUGHT)) is FulfillmentStatus.FULFILLED
