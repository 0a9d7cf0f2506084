"""A clock runs a week ahead and is set right: nobody who paid waits a week."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from paywall_core.effects import (
    REMINDER_KEYS,
    Effect,
    ForwardTrackedEvent,
    LookUpEvent,
    NoticeChannel,
    NoticeKind,
    ReportSale,
    SendAccessEmail,
    SendActivationMessage,
    SendNotice,
    SendRestoreCode,
    due_after_all,
)
from paywall_core.errors import DeliveryFailed
from paywall_core.events import RefundUpdated
from paywall_core.facts import RefundStatus
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing import OutboxRow
from paywall_core.use_cases.deliver_outbox import RetryPolicy
from paywall_core.use_cases.hasten_deliveries import BATCH_SIZE, HastenDeliveries

from ..strategies import DAY, eur  # noqa: TID252  - the tests' own package
from .world import ANNA, World

WEEK = 7 * DAY
ORDER = UUID(int=1)


def hastening(world: World, policy: RetryPolicy | None = None) -> HastenDeliveries:
    """The use case, over the world's store and clock."""
    return HastenDeliveries(unit_of_work=world.store.unit_of_work, clock=world.clock, policy=policy or world.policy)


@contextmanager
def a_week_ahead(world: World) -> Iterator[None]:
    """While the block runs, so does the clock."""
    world.clock.advance(WEEK)
    yield
    world.clock.advance(-WEEK)


def mail(world: World) -> OutboxRow:
    """The row of the e-mail with the link."""
    (row,) = (row for row in world.store.outbox if isinstance(row.effect, SendAccessEmail))
    return row


async def test_mail_of_one_who_paid_while_the_clock_ran_ahead_goes_out_once_it_is_right(world: World) -> None:
    """As if it had been written now."""
    with a_week_ahead(world):
        await world.buy(clickid="", telegram_chat_id="")
    assert await world.deliver_all() == []
    assert await hastening(world)() == 1
    row, now = mail(world), world.clock.now()
    assert (row.due_at, row.first_due_at, row.created_at) == (now, now, now)
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
    assert await hastening(world)() == 0


@pytest.mark.parametrize("how", ["failed", "given back", "lost", "retried"])
async def test_mail_that_was_handled_while_the_clock_ran_ahead_goes_out_once_it_is_right(
    world: World, how: str
) -> None:
    """It was owed since it was written; its tries stay counted, and its last error stays on record."""
    started = await world.buy(clickid="", telegram_chat_id="")
    written = world.clock.now()
    world.clock.advance(timedelta(minutes=1))
    with a_week_ahead(world):
        (taken,) = await world.outbox.lease(10)
        if how == "given back":
            await world.outbox.give_back(taken)
        elif how in ("failed", "retried"):
            world.mailer.failure = DeliveryFailed("550 no", permanent=how == "retried")
            await world.outbox.deliver(taken)
            world.mailer.failure = None
        if how == "retried":
            assert len(await world.retry([f"access_email:{started.order_id}:1"], ANNA)) == 1
    before = mail(world)
    assert await world.deliver_all() == []
    assert await hastening(world)() == 1
    row, now = mail(world), world.clock.now()
    due = now + timedelta(seconds=world.policy.lease_seconds) if how == "lost" else now  # a lease is kept to its end
    assert (row.due_at, row.created_at) == (due, written)
    assert row.first_due_at == (now if how == "retried" else written)
    assert (row.attempts, row.error) == (before.attempts, before.error)
    world.clock.advance(due - now)
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
    await world.outbox.give_back(taken)
    assert mail(world).status is DeliveryStatus.DELIVERED


async def test_wait_that_the_far_side_asked_for_is_kept_and_capped(world: World) -> None:
    """Nobody could tell a longer one from a clock that ran ahead; not even one that has no date in any calendar."""
    await world.buy(clickid="", telegram_chat_id="")
    for asked, granted in ((7199.0, 7199.0), (1e30, 7200.0)):
        world.mailer.failure = DeliveryFailed("429", retry_after_seconds=asked)
        assert await world.deliver_all() == [DeliveryStatus.PENDING]
        assert mail(world).due_at == world.clock.now() + timedelta(seconds=granted)
        assert await hastening(world)() == 0
        world.clock.advance(timedelta(seconds=granted))
    world.mailer.failure = None
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]


async def test_lease_that_is_longer_than_the_longest_wait_is_left_to_its_worker(world: World) -> None:
    """A row is late only when neither explains it."""
    with a_week_ahead(world):
        await world.buy(clickid="", telegram_chat_id="")
    week = WEEK.total_seconds()
    for patient in (RetryPolicy(lease_seconds=week), RetryPolicy(longest_wait_seconds=week)):
        assert await hastening(world, patient)() == 0
    assert await hastening(world, RetryPolicy(lease_seconds=week - 1, longest_wait_seconds=week - 1))() == 1


async def test_reminder_keeps_its_day(world: World) -> None:
    """Thirty days are paid for; whoever wrote it a week ahead, or a minute ago: it waits for its own day."""
    await world.buy(clickid="", telegram_chat_id="")
    with a_week_ahead(world):
        await world.buy(clickid="", telegram_chat_id="", email="bob@example.com")
    days = {row.key: row.due_at for row in world.rows(NoticeKind.ENDS_SOON)}
    assert len(days) == 4
    assert await hastening(world)() == 1  # the e-mail
    assert {row.key: row.due_at for row in world.rows(NoticeKind.ENDS_SOON)} == days


async def test_reminder_that_was_tried_before_its_day_waits_for_it_again(world: World) -> None:
    """The clock ran five weeks ahead, the mail server was away: two days before the end it is tried again."""
    await world.buy(clickid="", telegram_chat_id="")
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
    days = {row.key: row.due_at for row in world.rows(NoticeKind.ENDS_SOON)}
    world.clock.advance(5 * WEEK)
    assert len(await world.outbox.lease(10)) == 2
    world.clock.advance(-5 * WEEK)
    assert await hastening(world)() == 2
    assert {row.key: row.due_at for row in world.rows(NoticeKind.ENDS_SOON)} == days
    assert await hastening(world)() == 0


async def test_look_up_that_was_planned_ahead_of_time_is_made_now(world: World) -> None:
    """Its own delay came from the clock that ran ahead."""
    refund = RefundUpdated(refund_id="re_1", amount=eur(1500), status=RefundStatus.SUCCEEDED, charge="ch_1")
    with a_week_ahead(world):
        await world.record(world.say("evt_1", refund, references=("ch_1",)))
    assert await hastening(world)() == 1
    (row,) = world.store.outbox
    assert (row.effect.key, row.due_at) == ("look_up:evt_1", world.clock.now())
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]


async def test_many_rows_are_hastened_a_batch_at_a_time(world: World) -> None:
    """Until none is left."""
    with a_week_ahead(world):
        async with world.store.unit_of_work() as uow:
            effects = [LookUpEvent(event_id=f"evt_{number}") for number in range(BATCH_SIZE + 1)]
            await uow.outbox.enqueue(effects, now=world.clock.now())
            await uow.commit()
    hasten = hastening(world)
    assert [await hasten() for _ in range(3)] == [BATCH_SIZE, 1, 0]


@pytest.mark.parametrize("kind", list(NoticeKind))
@pytest.mark.parametrize("channel", list(NoticeChannel))
def test_key_tells_reminders_from_all_other_notices(kind: NoticeKind, channel: NoticeChannel) -> None:
    """However long it is, and on either channel."""
    for cause in ("end", "e" * 400):
        notice = SendNotice(order_id=ORDER, kind=kind, channel=channel, cause=cause)
        assert notice.key.startswith(REMINDER_KEYS) is (kind is NoticeKind.ENDS_SOON)


@pytest.mark.parametrize(
    "effect",
    [
        SendAccessEmail(order_id=ORDER, token_version=1),
        SendActivationMessage(order_id=ORDER, token_version=1),
        ReportSale(order_id=ORDER),
        SendRestoreCode(challenge_id=ORDER),
        ForwardTrackedEvent(attempt_id=ORDER),
    ],
)
def test_nothing_but_a_notice_is_a_reminder(world: World, effect: Effect) -> None:
    """It is due at once."""
    assert not effect.key.startswith(REMINDER_KEYS)
    assert due_after_all(effect, world.clock.now()) == world.clock.now()


async def test_whoever_waited_long_for_the_database_takes_no_worker_s_lease_for_one_that_was_put_off(
    world: World,
) -> None:
    """Another worker leased the row meanwhile, by a clock that was right all the time."""
    await world.buy(clickid="", telegram_chat_id="")

    class Late(type(world.store.unit_of_work())):  # type: ignore[misc]  # whichever the store has
        """A day goes by before the transaction begins."""

        async def __aenter__(self) -> "Late":
            world.clock.advance(DAY)
            await world.outbox.lease(10)
            return await super().__aenter__()  # type: ignore[no-any-return]  # as above

    late = HastenDeliveries(unit_of_work=lambda: Late(world.store), clock=world.clock, policy=world.policy)
    assert await late() == 0
    assert mail(world).lease_id is not None
