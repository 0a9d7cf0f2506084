"""Notices whose turn comes when nobody wants them any more: skipped with a reason, and due again if they are wanted."""

import pytest
from msgspec import Struct

from paywall_core.effects import NoticeKind
from paywall_core.events import PaymentEvent, PaymentSucceeded
from paywall_core.facts import DisputeStatus, Period, RefundStatus
from paywall_core.lifecycle import State
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.use_cases.deliver_outbox import DeliverOutbox
from paywall_core.use_cases.deliveries import Channels
from paywall_core.use_cases.prepare_notices import NoticeChannels
from paywall_core.use_cases.start_checkout import StartedCheckout

from ..lives import dispute, ended, failed, outlook, refund  # noqa: TID252  - the tests' own package
from ..strategies import DAY, START, eur  # noqa: TID252  - as above
from .world import World


def errors(world: World, kind: NoticeKind) -> list[tuple[DeliveryStatus, str | None]]:
    """How each notice of this kind ended, by mail first."""
    return [(row.status, row.error) for row in world.rows(kind)]


def skipped(reason: str) -> list[tuple[DeliveryStatus, str | None]]:
    """Both channels were skipped for this reason."""
    return [(DeliveryStatus.SKIPPED, reason)] * 2


def renewal(number: int) -> PaymentSucceeded:
    """The n-th month of the subscription is paid at its start; the first is number 1."""
    start = START + 30 * (number - 1) * DAY
    return PaymentSucceeded(
        payment_id=f"in_{number}", paid_at=start, amount=eur(900), period=Period(start=start, end=start + 30 * DAY)
    )


class MovedOn(Struct, frozen=True):
    """A notice is owed on a day for these causes; then this happens, which makes it moot."""

    kind: NoticeKind
    day: int
    causes: tuple[PaymentEvent, ...]
    then: PaymentEvent
    reason: str


NOT_ASKED = "the payment came, or is not asked for any more"
RENEWED = "it was renewed, or is over"
DECIDED = "the dispute is decided, or access stands without that payment"
OPEN, WON = dispute(DisputeStatus.OPEN), dispute(DisputeStatus.WON)


@pytest.mark.parametrize(
    "case",
    [
        MovedOn(NoticeKind.PAYMENT_FAILED, 30, (failed(2),), renewal(2), NOT_ASKED),
        MovedOn(NoticeKind.PAYMENT_FAILED, 30, (failed(2),), failed(2, abandoned=True), NOT_ASKED),
        MovedOn(NoticeKind.ENDS_SOON, 27, (outlook(5, 30),), renewal(2), RENEWED),
        MovedOn(NoticeKind.ENDS_SOON, 27, (outlook(5, 30),), outlook(6, None), RENEWED),
        MovedOn(NoticeKind.ENDS_SOON, 27, (outlook(5, 30),), refund(RefundStatus.SUCCEEDED, 900), RENEWED),
        MovedOn(
            NoticeKind.REFUNDED,
            1,
            (refund(RefundStatus.PENDING, 900),),
            refund(RefundStatus.FAILED, 900),
            "the refund failed or was cancelled",
        ),
        MovedOn(NoticeKind.SUSPENDED, 1, (OPEN,), WON, DECIDED),
        MovedOn(NoticeKind.SUSPENDED, 1, (OPEN,), renewal(2), DECIDED),
        MovedOn(NoticeKind.RESTORED, 1, (OPEN, WON), dispute(DisputeStatus.OPEN, name="dp_2"), "the order is revoked"),
    ],
    ids=[
        "paid",
        "given up",
        "renewed",
        "cancellation undone",
        "refunded",
        "refund failed",
        "dispute won",
        "another payment stands",
        "another dispute",
    ],
)
async def test_notice_is_skipped_when_the_world_has_moved_on(world: World, case: MovedOn) -> None:
    """The worker was late; the customer is not told what is not true any more."""
    started = await world.subscribe()
    world.clock.advance(case.day * DAY)
    for event in case.causes:
        await world.learn(started, event)
    assert errors(world, case.kind) == [(DeliveryStatus.PENDING, None)] * 2
    await world.learn(started, case.then)
    await world.deliver_all()
    assert errors(world, case.kind) == skipped(case.reason)
    assert case.kind not in [one.kind for one in world.told]


async def test_end_that_was_paid_for_meanwhile_is_not_told(world: World) -> None:
    """Recorded as over; then the late renewal came before the mail went out."""
    started = await world.subscribe()
    world.clock.advance(33 * DAY)
    await world.sweep()
    await world.learn(started, renewal(2))
    await world.deliver_all()
    assert errors(world, NoticeKind.ENDED) == skipped("the order is token_issued")


async def test_skipped_notice_is_due_again_once_it_is_true_again(world: World) -> None:
    """A cancellation is planned, undone, and planned again: one word, when it is true."""
    started = await world.subscribe()
    world.clock.advance(27 * DAY)
    await world.learn(started, outlook(5, 30))
    await world.learn(started, outlook(6, None))
    await world.deliver_all()
    assert errors(world, NoticeKind.ENDS_SOON) == skipped("it was renewed, or is over")
    await world.learn(started, outlook(7, 30))
    await world.deliver_all()
    await world.deliver_all()
    assert errors(world, NoticeKind.ENDS_SOON) == [(DeliveryStatus.DELIVERED, None)] * 2
    assert [one.kind for one in world.told] == ["ends_soon", "ends_soon"]


@pytest.mark.parametrize("day", [30, 31], ids=["at its end", "a day later"])
async def test_word_about_a_coming_end_is_not_said_after_it(world: World, day: int) -> None:
    """Learned of in the grace only: the paid time is over already."""
    started = await world.subscribe()
    world.clock.advance(day * DAY)
    await world.learn(started, outlook(5, 30))
    assert world.state(started) is State.TOKEN_ISSUED
    await world.deliver_all()
    assert errors(world, NoticeKind.ENDS_SOON) == skipped("the paid time is over")


async def buy_again(world: World, *, days: int) -> StartedCheckout:
    """The first order runs out after so many days; the same customer has paid for another one by then."""
    await world.buy()
    world.clock.advance(days * DAY)
    return await world.buy(email="anna@example.COM")


@pytest.mark.parametrize(("days", "kind"), [(26, NoticeKind.ENDS_SOON), (29, NoticeKind.ENDED)])
async def test_end_is_not_told_to_whom_another_order_serves(world: World, days: int, kind: NoticeKind) -> None:
    """Nothing ends for this customer."""
    await buy_again(world, days=days)
    world.clock.advance(DAY)
    await world.sweep()
    await world.deliver_all()
    assert errors(world, kind)[:2] == skipped("another order gives this customer access")


async def test_end_is_told_when_the_other_order_does_not_serve_any_more(world: World) -> None:
    """It was refunded."""
    other = await buy_again(world, days=26)
    await world.learn(other, refund(RefundStatus.SUCCEEDED))
    world.clock.advance(DAY)
    await world.deliver_all()
    assert errors(world, NoticeKind.ENDS_SOON)[:2] == [(DeliveryStatus.DELIVERED, None)] * 2


async def test_end_is_told_when_the_order_that_lasted_longer_is_over_too(world: World) -> None:
    """The worker was down for a week: both have ended, and neither serves."""
    await buy_again(world, days=1)
    world.clock.advance(37 * DAY)
    assert await world.sweep() == 2
    await world.deliver_all()
    assert errors(world, NoticeKind.ENDED) == [(DeliveryStatus.DELIVERED, None)] * 4


async def test_refund_is_told_even_where_another_order_serves(world: World) -> None:
    """Money is another matter than access."""
    started = await world.buy()
    await world.buy(plan="life")
    await world.learn(started, refund(RefundStatus.SUCCEEDED))
    await world.deliver_all()
    assert [one.kind for one in world.told] == ["refunded", "refunded"]


def only(world: World, *enabled: NoticeKind) -> DeliverOutbox:
    """A worker of an operator who wants these kinds only."""
    return world.worker(Channels(), NoticeChannels(mailer=world.notice_mailer, chat=world.notice_chat), enabled)


async def test_kind_that_the_operator_switched_off_is_skipped(world: World) -> None:
    """The others go out."""
    started = await world.subscribe()
    await world.learn(started, failed(2), refund(RefundStatus.SUCCEEDED, 5))
    await world.deliver_all(only(world, NoticeKind.REFUNDED))
    assert errors(world, NoticeKind.PAYMENT_FAILED) == skipped("the operator has switched this notice off")
    assert errors(world, NoticeKind.REFUNDED) == [(DeliveryStatus.DELIVERED, None)] * 2


async def test_channel_that_is_missing_is_skipped_and_says_so(world: World) -> None:
    """Mail without a bot, a bot without mail, and a customer without a chat."""
    started = await world.buy(telegram_chat_id="")
    await world.learn(started, refund(RefundStatus.SUCCEEDED, 5))
    await world.deliver_all()
    assert errors(world, NoticeKind.REFUNDED) == [
        (DeliveryStatus.DELIVERED, None),
        (DeliveryStatus.SKIPPED, "no chat of the customer is known"),
    ]
    other = await world.buy()
    await world.learn(other, refund(RefundStatus.SUCCEEDED, 5))
    await world.deliver_all(world.silent)
    assert errors(world, NoticeKind.REFUNDED)[2:] == [
        (DeliveryStatus.SKIPPED, "mail is not configured"),
        (DeliveryStatus.SKIPPED, "the bot is not configured"),
    ]


async def test_events_in_reverse_tell_only_what_is_true(world: World) -> None:
    """The end of a subscription, its failed renewal and its refund come before its payment: one word, of the refund."""
    started = await world.start_subscription()
    world.clock.advance(32 * DAY)
    for event in (ended(32), failed(2, abandoned=True), failed(2), refund(RefundStatus.SUCCEEDED, 5, "in_1")):
        await world.learn(started, event)
    await world.learn(started, renewal(1))
    await world.deliver_all()
    assert {one.kind for one in world.told} == {NoticeKind.REFUNDED}
