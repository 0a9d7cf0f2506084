"""What an operator's commands say: each event, each effect and each stage of a delivery has words of its own."""

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest

from entrypoints.cli.event_words import delivery_words, effect_words, event_words, owed_since
from entrypoints.cli.orders_words import terms_words
from paywall_core.effects import (
    Effect,
    ForwardTrackedEvent,
    LookUpEvent,
    NoticeChannel,
    NoticeKind,
    OrderEffect,
    ReportSale,
    SendAccessEmail,
    SendActivationMessage,
    SendNotice,
    SendRestoreCode,
)
from paywall_core.events import (
    AccessReinstated,
    AccessRevoked,
    ChargeRefunded,
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    DisputeUpdated,
    Event,
    LinkResent,
    PaymentEvent,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
    SubscriptionUpdated,
    TimePassed,
    TokenRedeemed,
    TokenRotated,
)
from paywall_core.facts import DisputeStatus, Mode, Period, RefundStatus, SubscriptionStatus, Terms
from paywall_core.money import Money
from paywall_core.ports.operations import OutboxLine
from paywall_core.ports.unit_of_work import DeliveryStatus

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
ORDER = UUID("5b3c1d7e-0000-4000-8000-000000000001")
PRICE = Money.of(1900, "eur")

EVENTS: list[tuple[Event, str]] = [
    (CheckoutOpened(session_id="cs_1"), "the checkout cs_1 was opened"),
    (CheckoutCompleted(session_id="cs_1"), "the checkout cs_1 is complete, its money not there yet"),
    (CheckoutExpired(session_id="cs_1"), "the checkout cs_1 ran out"),
    (PaymentSucceeded(payment_id="pi_1", paid_at=AT), "the payment pi_1 came"),
    (
        PaymentSucceeded(payment_id="in_1", paid_at=AT, amount=PRICE, period=Period(start=AT, end=AT)),
        "the payment in_1 of 1900 eur (minor units) came, for the time until 2026-11-01 12:00:00",
    ),
    (PaymentFailed(payment_id="in_1"), "the payment in_1 failed"),
    (PaymentFailed(payment_id="in_1", abandoned=True), "the payment in_1 was given up: nobody tries any more"),
    (
        PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"),
        "the payment intent pi_1 turned out to pay the invoice in_1",
    ),
    (
        RefundUpdated(refund_id="re_1", amount=PRICE, status=RefundStatus.FAILED, charge="ch_1"),
        "the refund re_1 of 1900 eur (minor units) for ch_1 is failed",
    ),
    (
        ChargeRefunded(charge_id="ch_1", amount=PRICE, refunded_minor=900),
        "the charge ch_1 of 1900 eur (minor units) shows 900 as refunded",
    ),
    (
        DisputeUpdated(dispute_id="du_1", status=DisputeStatus.OPEN, payment="pi_1"),
        "the dispute du_1 about pi_1 is open",
    ),
    (
        SubscriptionUpdated(subscription_id="sub_1", as_of=AT, status=SubscriptionStatus.PAST_DUE),
        "the subscription sub_1 is past_due and renews",
    ),
    (
        SubscriptionUpdated(subscription_id="sub_1", as_of=AT, status=SubscriptionStatus.ACTIVE, cancels_at=AT),
        "the subscription sub_1 is active and is to end on 2026-11-01 12:00:00",
    ),
    (
        SubscriptionEnded(subscription_id="sub_1", ended_at=AT),
        "the subscription sub_1 ended on 2026-11-01 12:00:00",
    ),
    (TokenRedeemed(token_version=2, telegram_user_id=7), "Telegram user 7 redeemed the link (version 2)"),
    (TokenRotated(token_version=2), "the link has a new version, 2; older ones are worthless"),
    (AccessRevoked(number=1, by="kate", why="fraud", at=AT), "kate revoked access: fraud"),
    (AccessReinstated(number=2, by="kate", why="sorry", at=AT), "kate took the revocation back: sorry"),
    (LinkResent(number=1, by="kate", why="lost", at=AT), "kate had the link sent again: lost"),
    (TimePassed(), "time passed"),
]
EFFECTS: list[tuple[Effect, str]] = [
    (SendAccessEmail(order_id=ORDER, token_version=1), "the e-mail with the link"),
    (SendActivationMessage(order_id=ORDER, token_version=1), "the Telegram message with the button"),
    (ReportSale(order_id=ORDER), "the sale's report to MobiSлон"),
    (
        SendNotice(order_id=ORDER, kind=NoticeKind.REFUNDED, channel=NoticeChannel.EMAIL, cause="re_1"),
        "the notice 'refunded' by e-mail",
    ),
    (
        SendNotice(order_id=ORDER, kind=NoticeKind.ENDED, channel=NoticeChannel.CHAT, cause="1"),
        "the notice 'ended' in Telegram",
    ),
    (LookUpEvent(event_id="evt_1"), "the search for the order of evt_1"),
    (SendRestoreCode(challenge_id=ORDER), "the e-mail with a one-time code"),
    (ForwardTrackedEvent(attempt_id=ORDER), "an event for a tracker"),
]


@pytest.mark.parametrize(("event", "words"), EVENTS)
def test_event_is_said_in_words(event: Event, words: str) -> None:
    """With Stripe's ids, and of an operator's act who and why."""
    assert event_words(event) == words


@pytest.mark.parametrize(("effect", "words"), EFFECTS)
def test_effect_is_said_in_words(effect: Effect, words: str) -> None:
    """What is owed."""
    assert effect_words(effect) == words


def test_nothing_is_without_words() -> None:
    """The two tables above name every event and every effect that there is."""
    events = {*get_args(PaymentEvent), *get_args(Event)}
    assert {type(event) for event, _ in EVENTS} == events
    assert {type(effect) for effect, _ in EFFECTS} == {*get_args(OrderEffect), *get_args(Effect)}


def line(status: DeliveryStatus, *, attempts: int = 0, due: datetime = AT, error: str | None = None) -> OutboxLine:
    """A row of the outbox."""
    return OutboxLine(
        key="access_email:1:1",
        effect=SendAccessEmail(order_id=ORDER, token_version=1),
        status=status,
        attempts=attempts,
        created_at=AT,
        due_at=due,
        settled_at=AT,
        error=error,
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (line(DeliveryStatus.DELIVERED, attempts=1), "delivered 2026-11-01 12:00:00"),
        (line(DeliveryStatus.SKIPPED, error="mail is off"), "not sent, because mail is off"),
        (line(DeliveryStatus.DEAD, attempts=8, error="SMTP 550"), "given up after 8 tries: SMTP 550"),
        (line(DeliveryStatus.DEAD, attempts=1), "given up after 1 try: nobody knows why"),
        (line(DeliveryStatus.PENDING), "due since 2026-11-01 12:00:00, after 0 tries"),
        (
            line(DeliveryStatus.PENDING, attempts=2, due=AT + timedelta(hours=2), error="SMTP 451"),
            "next 2026-11-01 14:00:00, after 2 tries: SMTP 451",
        ),
        (line(DeliveryStatus.PENDING, due=AT + timedelta(days=1)), "planned for 2026-11-02 12:00:00"),
    ],
)
def test_delivery_is_said_in_words(row: OutboxLine, words: str) -> None:
    """How far it is, what went wrong, and when it is tried next."""
    assert delivery_words(row, AT + timedelta(hours=1)) == words


def test_notice_of_later_is_owed_since_then() -> None:
    """Not since it was written."""
    later = AT + timedelta(days=27)
    notice = SendNotice(
        order_id=ORDER, kind=NoticeKind.ENDS_SOON, channel=NoticeChannel.EMAIL, cause="end", not_before=later
    )
    row = OutboxLine(
        key=notice.key, effect=notice, status=DeliveryStatus.PENDING, attempts=0, created_at=AT, due_at=later
    )
    assert owed_since(row) == later
    assert owed_since(line(DeliveryStatus.DEAD)) == AT


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(mode=Mode.ONE_TIME), "paid once, for life"),
        (Terms(mode=Mode.ONE_TIME, duration_days=30), "paid once, for 30 days"),
        (Terms(mode=Mode.SUBSCRIPTION, grace_seconds=259_200), "a subscription, with a grace of 72 hours"),
    ],
)
def test_terms_are_said_in_words(terms: Terms, words: str) -> None:
    """What was bought."""
    assert terms_words(terms) == words
