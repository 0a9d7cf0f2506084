"""What is known about an order, fact by fact; and the law that every order can be explained."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from paywall_core.events import (
    AccessReinstated,
    AccessRevoked,
    ChargeRefunded,
    Event,
    LinkResent,
    PaymentEvent,
    PaymentFailed,
    PaymentSucceeded,
    TokenRedeemed,
    TokenRotated,
)
from paywall_core.explanation import explain
from paywall_core.facts import Charge, DisputeStatus, Facts, Refund, RefundStatus, SubscriptionStatus, Terms, merge
from paywall_core.lifecycle import State
from paywall_core.order import apply

from .lives import (
    OPENED,
    REDEEM,
    REINSTATE,
    REVOKE,
    Life,
    dispute,
    ended,
    live,
    outlook,
    paid,
    place,
    refund,
)
from .strategies import DAY, FOR_LIFE, ONE_TIME, START, SUBSCRIPTION, eur, moments, one_time_events, subscription_events

_R, _D = RefundStatus, DisputeStatus
PROVISIONAL = PaymentSucceeded(payment_id="cs_1", paid_at=START, provisional=True, session_id="cs_1")
SHOWN = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=1500, payment="pi_1")


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        ((OPENED,), "The checkout cs_1 is open."),
        ((paid(),), "The payment pi_1 of 1500 eur (minor units) was made on 2026-01-01 00:00 UTC and covers for life."),
        ((structs.replace(paid(), amount=None),),
         "The payment pi_1 was made on 2026-01-01 00:00 UTC and covers for life."),
        ((PaymentFailed(payment_id="pi_1"),), "The payment pi_1 failed."),
        ((PaymentFailed(payment_id="pi_1", abandoned=True),),
         "The payment pi_1 is not collected any more: it was voided or written off."),
        ((paid(), PROVISIONAL),
         "The payment cs_1 was made on 2026-01-01 00:00 UTC; the invoice that is known since counts in its place."),
        ((paid(), refund(_R.SUCCEEDED)),
         "The payment pi_1 of 1500 eur (minor units) was made on 2026-01-01 00:00 UTC and does not count any more."),
        ((paid(), refund(_R.PENDING, 500)), "The refund re_1 of 500 eur (minor units) for pi_1 is on its way."),
        ((refund(_R.FAILED),), "The refund re_1 of 1500 eur (minor units) for pi_1 failed: the money stayed here."),
        ((structs.replace(refund(_R.CANCELLED), payment=None),),
         "The refund re_1 of 1500 eur (minor units) for ch_1 was cancelled: the money stayed here."),
        ((SHOWN,),
         "The charge ch_1 of 1500 eur (minor units) has shown 1500 eur (minor units) as refunded."),
        ((dispute(_D.INQUIRY),), "The dispute dp_1 about pi_1 is an inquiry only, and changes nothing."),
        ((dispute(_D.INQUIRY_CLOSED),), "The dispute dp_1 about pi_1 was an inquiry only, and is closed."),
        ((dispute(_D.PREVENTED),), "The dispute dp_1 about pi_1 was prevented: the payment stands."),
        ((outlook(1, 30),),
         "The subscription sub_1 was active on 2026-01-02 00:00 UTC and is cancelled for 2026-01-31 00:00 UTC."),
        ((outlook(1, None, SubscriptionStatus.PAST_DUE),),
         "The subscription sub_1 was past_due on 2026-01-02 00:00 UTC and renews."),
        ((outlook(1, None), ended(5)), "The subscription sub_1 ended on 2026-01-06 00:00 UTC: no grace after that."),
        ((paid(), REDEEM, TokenRotated(token_version=2)), "Telegram user 5 redeemed the link (version 1 of 2)."),
        ((paid(), LinkResent(number=2, by="anna", why="lost", at=START)),
         "An operator had the link sent again, 2 times in all."),
        ((paid(), REVOKE, REINSTATE), "bob said reinstate on 2026-01-03 00:00 UTC: a mistake"),
    ],
)  # fmt: skip
def test_each_fact_is_a_sentence(story: tuple[Event, ...], sentence: str) -> None:
    """Whatever is known is said, decisive or not."""
    order, _ = live(Life(name="", terms=FOR_LIFE, story=tuple((0, event) for event in story)))
    assert sentence in [reason.text for reason in explain(order, START).reasons]


def test_subscription_s_unknown_period_and_unlinked_charge_are_said_to_be_so() -> None:
    """What is assumed is not said as if it were known."""
    order, _ = live(Life(name="", terms=SUBSCRIPTION, story=((0, PROVISIONAL),)))
    (checkout, payment) = sorted(explain(order, START).reasons, key=lambda reason: reason.text)
    assert checkout.text == "The checkout cs_1 is complete."
    assert payment.text.endswith("covers until 2026-01-03 00:00 UTC (48 hours, while its period is not known).")


def test_facts_that_say_little_are_told_as_far_as_they_go() -> None:
    """From older records: a refund and a charge without an amount, an end without a subscription's id."""
    order = place(SUBSCRIPTION)
    facts = structs.replace(
        order.facts,
        charges={"ch_1": Charge(refunded_minor=7)},
        refunds={"re_1": Refund(payment="pi_1")},
        subscription_ended_at=START,
    )
    texts = [reason.text for reason in explain(structs.replace(order, facts=facts), START).reasons]
    assert texts == [
        "The subscription ? ended on 2026-01-01 00:00 UTC: no grace after that.",
        "The refund re_1 for pi_1 is on its way.",
        "The charge ch_1 has shown 7 as refunded.",
    ]


def test_decisive_facts_come_first_and_an_operator_s_word_decides_alone() -> None:
    """What the provider said explains nothing then."""
    order, _ = live(Life(name="", terms=FOR_LIFE, story=((0, OPENED), (0, paid()), (1, REVOKE))))
    reasons = explain(order, START + DAY).reasons
    assert [(reason.text.split()[0], reason.decisive) for reason in reasons] == [
        ("anna", True),
        ("The", False),
        ("The", False),
    ]


def ids_in(facts: Facts) -> set[str]:
    """Every id of the provider's that the facts hold."""
    named = {facts.checkout_session_id, facts.subscription_id, *facts.links, *facts.links.values()}
    named |= {*facts.payments, *facts.charges, *facts.refunds, *facts.disputes}
    named |= {charge.payment for charge in facts.charges.values()}
    named |= {one for refund in facts.refunds.values() for one in (refund.payment, refund.charge)}
    named |= {one for dispute in facts.disputes.values() for one in (dispute.payment, dispute.charge)}
    return {one for one in named if one is not None}


OPERATORS = st.sampled_from(
    [REVOKE, REINSTATE, REDEEM, LinkResent(number=1, by="anna", why="lost", at=START), TokenRotated(token_version=2)]
)


@settings(max_examples=400)
@given(
    st.one_of(
        st.tuples(st.sampled_from([ONE_TIME, FOR_LIFE]), st.lists(one_time_events(), max_size=10)),
        st.tuples(st.just(SUBSCRIPTION), st.lists(subscription_events(), max_size=12)),
    ),
    st.lists(OPERATORS, max_size=3),
    moments(),
)
def test_every_order_can_be_explained_and_no_id_is_invented(
    world: tuple[Terms, list[PaymentEvent]],
    people: list[AccessRevoked | AccessReinstated | TokenRedeemed | LinkResent | TokenRotated],
    now: datetime,
) -> None:
    """The law: it never raises, its state is the order's at that moment, and its ids are in the facts."""
    order = place(world[0])
    for event in world[1]:
        order = apply(order, event, now=now, cause="test").order
    for word in people:
        order = structs.replace(order, facts=merge(order.facts, word.facts()))
    said = explain(order, now)
    assert said.state is order.state_at(now)
    assert said.has_access is (said.state is State.ACTIVE)
    assert {ref for reason in said.reasons for ref in reason.references} <= ids_in(order.facts)
    assert set(said.references) <= ids_in(order.facts)
    assert said.because
    assert all(reason.text for reason in said.reasons)
