"""What a customer is told: once for each cause, on both channels, and never what is not true any more."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from paywall_core.effects import NoticeChannel, NoticeKind, SendNotice
from paywall_core.events import ChargeRefunded, PaymentEvent
from paywall_core.facts import DisputeStatus, PaymentStatus, Period, RefundStatus, SubscriptionStatus, Terms
from paywall_core.lifecycle import State
from paywall_core.notices import unwanted_because
from paywall_core.order import Order, apply
from paywall_core.policy import FOREVER, ExpectedEnd, expected_end_of

from .life_table import LIVES
from .lives import (
    ORDER_ID,
    REVOKE,
    Life,
    dispute,
    ended,
    failed,
    invoice,
    live,
    name_of,
    on,
    outlook,
    paid,
    place,
    refund,
)
from .strategies import DAY, FOR_LIFE, ONE_TIME, START, SUBSCRIPTION, eur, moments, one_time_events, subscription_events

by_name = pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
MOVES = (NoticeKind.ENDED, NoticeKind.RESTORED)


def wanted(order: Order, owed: list[SendNotice]) -> set[str]:
    """Those that still say the truth."""
    return {name_of(notice) for notice in owed if unwanted_because(notice, order.facts, order.state) is None}


@by_name
def test_each_life_tells_what_its_line_says_on_both_channels(life: Life) -> None:
    """The table by hand; each cause that is owed again has the key that it had."""
    order, owed = live(life)
    for channel in NoticeChannel:
        assert Counter(name_of(n) for n in owed if n.channel is channel) == Counter(life.told)
    assert wanted(order, owed) == set(life.wanted)
    assert len({notice.key for notice in owed}) == 2 * len(set(life.told))


@by_name
def test_repeats_tell_nothing_twice(life: Life) -> None:
    """Each event three times over."""
    assert live(life, times=3) == live(life)


@by_name
def test_a_life_told_backwards_ends_with_the_same_standing_truth(life: Life) -> None:
    """All of it late and in the wrong order: whatever stands is told, and nothing that is untrue."""
    last = life.story[-1][0]
    provider_s = [event for _, event in life.story if isinstance(event, PaymentEvent)]
    backwards = structs.replace(life, story=tuple((last, event) for event in reversed(provider_s)))
    order, owed = live(backwards)
    if REVOKE not in [event for _, event in life.story]:
        moves = tuple(f"{kind}:" for kind in MOVES)
        standing = {name for name in life.wanted if not name.startswith(moves)}
        assert {name for name in wanted(order, owed) if not name.startswith(moves)} == standing
    assert all(is_true(notice, order) for notice in owed if unwanted_because(notice, order.facts, order.state) is None)


def test_refund_that_names_only_its_charge_is_told() -> None:
    """Once the charge's payment is known; before that nobody knows whose money it is."""
    back = structs.replace(refund(RefundStatus.SUCCEEDED), payment=None)
    charge = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=0, payment="pi_1")
    _, early = live(Life(name="", terms=ONE_TIME, story=((0, paid()), (1, back))))
    assert "refunded:re_1" not in map(name_of, early)
    order, owed = live(Life(name="", terms=ONE_TIME, story=((0, paid()), (1, back), (1, charge))))
    assert "refunded:re_1" in wanted(order, owed)


def is_true(notice: SendNotice, order: Order) -> bool:
    """What a notice says, read off the facts in other words than the code's."""
    facts, entitlement, has_access = order.facts, order.entitlement, order.state in (State.TOKEN_ISSUED, State.ACTIVE)
    match notice.kind:
        case NoticeKind.PAYMENT_FAILED:
            return facts.payments[notice.cause].status is PaymentStatus.FAILED and facts.subscription_ended_at is None
        case NoticeKind.ENDS_SOON:
            end = datetime.fromisoformat(notice.cause)
            plan = facts.subscription and facts.subscription.cancels_at
            ends = order.terms == ONE_TIME or facts.subscription_ended_at or (plan and plan <= end)
            return bool(has_access and entitlement.paid_until == end and ends)
        case NoticeKind.ENDED:
            return order.state is State.EXPIRED and entitlement.first_paid_at is not None
        case NoticeKind.REFUNDED:
            return facts.refunds[notice.cause].status in (RefundStatus.PENDING, RefundStatus.SUCCEEDED)
        case NoticeKind.SUSPENDED:
            return facts.disputes[notice.cause].status is DisputeStatus.OPEN and order.state is State.REVOKED
        case NoticeKind.RESTORED:
            return has_access


@settings(max_examples=300)
@given(
    st.one_of(
        st.tuples(st.sampled_from([ONE_TIME, FOR_LIFE]), st.lists(one_time_events(), max_size=10)),
        st.tuples(st.just(SUBSCRIPTION), st.lists(subscription_events(), max_size=12)),
    ),
    st.lists(moments(), min_size=12, max_size=12),
)
def test_whatever_comes_when_nothing_untrue_is_still_wanted(
    world: tuple[Terms, list[PaymentEvent]], times: list[datetime]
) -> None:
    """Any events in any order, the clock going anywhere: what has become untrue is not sent when its turn comes."""
    order, owed = place(world[0]), list[SendNotice]()
    for event, now in zip(world[1], times, strict=False):
        change = apply(order, event, now=now, cause="test")
        order = change.order
        owed += [effect for effect in change.effects if isinstance(effect, SendNotice)]
    assert all(is_true(notice, order) for notice in owed if unwanted_because(notice, order.facts, order.state) is None)


PAID_ONCE = (0, paid())
MONTH = (0, invoice(0))


@pytest.mark.parametrize(
    ("kind", "cause", "life", "reason"),
    [
        (NoticeKind.PAYMENT_FAILED, "in_1", ((30, failed(1)), (31, invoice(1))), "the payment came"),
        (NoticeKind.PAYMENT_FAILED, "in_1", ((30, failed(1)), (31, failed(1, abandoned=True))), "the payment came"),
        (NoticeKind.PAYMENT_FAILED, "in_1", ((30, failed(1)), (31, ended(31))), "the payment came"),
        (NoticeKind.ENDS_SOON, on(30), ((5, outlook(5, 30)), (30, invoice(1))), "it was renewed"),
        (NoticeKind.ENDS_SOON, on(30), ((5, outlook(5, 30)), (6, outlook(6, None))), "it was renewed"),
        (NoticeKind.ENDS_SOON, on(30), ((5, outlook(5, 30)), (6, REVOKE)), "it was renewed, or is over"),
        (NoticeKind.ENDED, on(33), ((34, invoice(1)),), "the order is token_issued"),
        (NoticeKind.REFUNDED, "re_1", ((1, refund(RefundStatus.CANCELLED, payment="in_0")),), "the refund failed"),
        (NoticeKind.SUSPENDED, "dp_1", ((2, dispute(DisputeStatus.WON, "in_0")),), "the dispute is decided"),
        (NoticeKind.SUSPENDED, "dp_1", ((2, dispute(DisputeStatus.OPEN, "in_0")), (2, invoice(1))), "the dispute is"),
        (NoticeKind.RESTORED, "dp_1", ((2, dispute(DisputeStatus.LOST, "in_0")),), "the order is revoked"),
    ],
    ids=lambda value: value.value if isinstance(value, NoticeKind) else "",
)
def test_notice_is_unwanted_once_the_world_has_moved_on(
    kind: NoticeKind, cause: str, life: tuple[tuple[int, PaymentEvent], ...], reason: str
) -> None:
    """For each kind, what makes it moot, said for the operator."""
    order, _ = live(Life(name="", terms=SUBSCRIPTION, story=(MONTH, *life)))
    notice = SendNotice(order_id=ORDER_ID, kind=kind, channel=NoticeChannel.CHAT, cause=cause)
    assert (unwanted_because(notice, order.facts, order.state) or "").startswith(reason)


@pytest.mark.parametrize(
    ("life", "end"),
    [
        ([ONE_TIME, PAID_ONCE], (30, 27 * DAY)),
        ([structs.replace(ONE_TIME, duration_days=1), PAID_ONCE], (1, timedelta(hours=12))),
        ([structs.replace(ONE_TIME, duration_days=6), PAID_ONCE], (6, 3 * DAY)),
        ([FOR_LIFE, PAID_ONCE], None),
        ([ONE_TIME], None),
        ([ONE_TIME, PAID_ONCE, (1, refund(RefundStatus.SUCCEEDED))], None),
        ([ONE_TIME, PAID_ONCE, (1, REVOKE)], None),
        ([SUBSCRIPTION, MONTH], None),
        ([SUBSCRIPTION, MONTH, (1, outlook(1, None))], None),
        ([SUBSCRIPTION, MONTH, (1, outlook(1, 30, SubscriptionStatus.TRIALING))], (30, 27 * DAY)),
        ([SUBSCRIPTION, MONTH, (1, outlook(1, 12))], (30, 27 * DAY)),
        ([SUBSCRIPTION, MONTH, (1, outlook(1, 31))], None),
        ([SUBSCRIPTION, MONTH, (1, outlook(1, 30)), (30, invoice(1))], None),
        ([SUBSCRIPTION, MONTH, (1, ended(1))], (30, 27 * DAY)),
        ([SUBSCRIPTION, (0, structs.replace(invoice(0), period=None)), (1, ended(1))], None),
        (
            [SUBSCRIPTION, (0, structs.replace(invoice(0), period=Period(start=START, end=START + 2 * DAY))),
             (1, ended(1))],
            (2, DAY),
        ),
    ],
    ids=[
        "three days before", "the second half of a day", "six days", "for life", "nothing paid", "refunded", "revoked",
        "renews", "nothing planned", "planned", "planned within what is paid", "planned for after a renewal",
        "planned before a renewal", "ended",
        "the period is not known", "a short trial",
    ],
)  # fmt: skip
def test_word_before_the_end_comes_three_days_before_it_or_half_way(
    life: list[object], end: tuple[int, timedelta] | None
) -> None:
    """Of a short plan the second half; and only where nothing renews it."""
    terms, *story = life
    order, _ = live(Life(name="", terms=terms, story=tuple(story)))  # type: ignore[arg-type]  # a line of the table
    expected = None if end is None else ExpectedEnd(at=START + end[0] * DAY, tell_at=START + end[1])
    assert expected_end_of(order.facts) == expected
    assert expected is None or expected.at < FOREVER
