"""The transition table, pair by pair, against an expectation written by hand; and the state that facts ask for."""

from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paywall_core.effects import NoticeKind, OrderEffect, SendNotice
from paywall_core.errors import IllegalTransition
from paywall_core.events import EventType, PaymentEvent, TimePassed
from paywall_core.facts import CheckoutStatus, Facts, Payment, PaymentStatus, Terms
from paywall_core.lifecycle import TRANSITIONS, FulfillmentStatus, State, check_move, diagram, fulfillment_of, state_of
from paywall_core.notices import notices_owed, unwanted_because
from paywall_core.order import Order, apply

from .strategies import FOR_LIFE, ONE_TIME, START, SUBSCRIPTION, moments, one_time_events, subscription_events

# One line per event; a column per state the order is in; in it the states it may come to (P pending, T token_issued,
# A active, E expired, R revoked), and "-" where the event is illegal.
EXPECTED = """
                       P      T      A      E      R
checkout_opened        P      T      A      E      R
checkout_completed     P      T      A      PE     R
checkout_expired       PE     T      A      E      R
payment_succeeded      TER    TER    AER    TAER   TAER
payment_failed         P      T      A      PE     R
payment_linked         P      TER    AER    ER     TAER
refund_made            P      TER    AER    ER     R
refund_failed          P      T      A      TAE    TAER
dispute_opened         P      TER    AER    ER     R
dispute_lost           P      TER    AER    ER     R
dispute_ended_well     P      T      A      TAE    TAER
subscription_updated   P      T      A      E      R
subscription_ended     P      TER    AER    E      R
token_redeemed         -      A      A      -      -
token_rotated          -      T      A      -      -
access_revoked         R      R      R      R      R
access_reinstated      -      -      -      -      PTAER
link_resent            -      T      A      -      -
time_passed            -      ER     ER     TA     TA
"""

LETTERS = {
    "P": State.PENDING,
    "T": State.TOKEN_ISSUED,
    "A": State.ACTIVE,
    "E": State.EXPIRED,
    "R": State.REVOKED,
}


def expected_targets() -> dict[tuple[State, EventType], frozenset[State]]:
    """The hand-written table, read."""
    header, *rows = EXPECTED.strip().splitlines()
    states = [LETTERS[letter] for letter in header.split()]
    table: dict[tuple[State, EventType], frozenset[State]] = {}
    for row in rows:
        event, *cells = row.split()
        for state, cell in zip(states, cells, strict=True):
            table[state, EventType(event)] = frozenset(LETTERS[letter] for letter in cell if letter != "-")
    return table


PAIRS = [(state, event) for state in State for event in EventType]


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=str)
def test_each_pair_leads_where_the_table_by_hand_says(state: State, event: EventType) -> None:
    """Every pair (state, event) allows exactly the moves that a person wrote down."""
    allowed = expected_targets()[state, event]
    for target in State:
        if target in allowed:
            check_move(state, event, target)
        else:
            with pytest.raises(IllegalTransition) as raised:
                check_move(state, event, target)
            assert (raised.value.state, raised.value.event, raised.value.target) == (state, event, target)


def test_every_state_has_a_row() -> None:
    """A state without a row would raise the wrong error."""
    assert set(TRANSITIONS) == set(State)
    assert len(expected_targets()) == len(State) * len(EventType)


def test_the_diagram_shows_every_arrow_between_states() -> None:
    """The drawing is made from the table."""
    drawn = diagram()
    assert "pending --> token_issued: payment_succeeded" in drawn
    assert "token_issued --> active: token_redeemed" in drawn
    arrows = {(s, t) for s, row in TRANSITIONS.items() for targets in row.values() for t in targets if s is not t}
    assert drawn.count("-->") == len(arrows) + 1


def test_the_diagram_in_the_docs_is_today_s() -> None:
    """`paywall lifecycle` was run after the last change of the table."""
    docs = Path(__file__).parents[3] / "docs" / "lifecycle.md"
    assert diagram() in docs.read_text(encoding="utf-8")


def place(terms: Terms) -> Order:
    """A fresh order under these terms."""
    return Order.place(
        order_id=UUID(int=1),
        email="anna@example.com",
        plan="plan",
        terms=terms,
        clickid="click",
        locale="ru",
        telegram_chat_id="42",
        now=START,
    )


def deliver(order: Order, events: list[PaymentEvent], now: datetime) -> tuple[Order, list[OrderEffect]]:
    """Apply events one by one, and collect what is owed."""
    effects: list[OrderEffect] = []
    for event in events:
        change = apply(order, event, now=now, cause="test")
        effects.extend(change.effects)
        order = change.order
    return order, effects


def standing_keys(order: Order, effects: list[OrderEffect]) -> set[str]:
    """The keys of what is owed because something stands in the facts, and is still true at the end."""
    return {
        effect.key
        for effect in effects
        if isinstance(effect, SendNotice)
        and effect.kind not in (NoticeKind.ENDED, NoticeKind.RESTORED)  # owed for a move
        and unwanted_because(effect, order.facts, order.state) is None
    }


@settings(max_examples=300)
@given(
    st.one_of(
        st.tuples(st.sampled_from([ONE_TIME, FOR_LIFE]), st.lists(one_time_events(), max_size=10)),
        st.tuples(st.just(SUBSCRIPTION), st.lists(subscription_events(), max_size=12)),
    ),
    moments(),
    st.data(),
)
def test_any_order_and_any_repeats_end_the_same(
    world: tuple[Terms, list[PaymentEvent]], now: datetime, data: st.DataObject
) -> None:
    """The theorem: the same events, in any order and however often, end in the same facts, state and notices."""
    terms, events = world
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    shuffled = data.draw(st.permutations(events + repeats))
    straight, straight_effects = deliver(place(terms), events, now)
    other, effects = deliver(place(terms), list(shuffled), now)
    assert other.facts == straight.facts
    assert other.state is straight.state
    if straight.state is State.TOKEN_ISSUED:
        ways = {effect.key.split(":")[0] for effect in effects}
        assert ways - {"notice"} == {"access_email", "activation_message", "mobi_slon"}
    at_once = notices_owed(other.id, (Facts(terms=terms), State.PENDING), (other.facts, other.state), TimePassed())
    owed = standing_keys(other, list(at_once))
    assert standing_keys(other, effects) == standing_keys(straight, straight_effects) == owed


@settings(max_examples=300)
@given(
    st.sampled_from([ONE_TIME, FOR_LIFE, SUBSCRIPTION]),
    st.lists(st.tuples(subscription_events() | one_time_events(), moments()), max_size=12),
)
def test_the_state_on_record_is_the_state_of_the_facts(
    terms: Terms, story: list[tuple[PaymentEvent, datetime]]
) -> None:
    """At each step, at any time (the clock may even run back), the recorded state is what the facts ask for."""
    order = place(terms)
    for event, now in story:
        change = apply(order, event, now=now, cause="test")
        assert change.order.state is state_of(change.order.facts, now)
        assert [entry.sequence for entry in change.history] == list(range(order.version + 1, change.order.version + 1))
        order = change.order


@pytest.mark.parametrize(
    ("checkout", "payment", "fulfillment"),
    [
        (CheckoutStatus.OPEN, None, FulfillmentStatus.PENDING),
        (CheckoutStatus.EXPIRED, None, FulfillmentStatus.FAILED),
        (CheckoutStatus.COMPLETE, None, FulfillmentStatus.PENDING),
        (CheckoutStatus.COMPLETE, PaymentStatus.UNPAID, FulfillmentStatus.PENDING),
        (CheckoutStatus.COMPLETE, PaymentStatus.FAILED, FulfillmentStatus.FAILED),
        (CheckoutStatus.COMPLETE, PaymentStatus.ABANDONED, FulfillmentStatus.FAILED),
        (CheckoutStatus.OPEN, PaymentStatus.FAILED, FulfillmentStatus.PENDING),
    ],
)
def test_delayed_payment_is_awaited_until_it_fails(
    checkout: CheckoutStatus, payment: PaymentStatus | None, fulfillment: FulfillmentStatus
) -> None:
    """A checkout that is complete says nothing of its money; an attempt that failed in an open one may be repeated."""
    payments = {} if payment is None else {"pi_1": Payment(status=payment)}
    assert fulfillment_of(Facts(checkout=checkout, payments=payments)) is fulfillment
