"""What the world is owed goes out once it can: retries, leases, dead letters, and what is no longer wanted."""

from datetime import timedelta

from msgspec import structs

from paywall_core.effects import Lane, SendAccessEmail, SendActivationMessage
from paywall_core.errors import DeliveryFailed
from paywall_core.events import DisputeUpdated, RefundUpdated
from paywall_core.facts import DisputeStatus, RefundStatus
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.use_cases.request_restore import RequestRestoreCommand
from paywall_core.use_cases.track_event import TrackAdCommand, TrackFunnelCommand

from ..strategies import DAY, eur  # noqa: TID252  - the tests' own package
from .world import World


def links(world: World) -> list[DeliveryStatus]:
    """How far the mails and messages with the link are."""
    return [row.status for row in world.store.outbox if isinstance(row.effect, SendAccessEmail | SendActivationMessage)]


async def test_failed_delivery_is_retried_with_backoff_then_given_up(world: World) -> None:
    """Twice more, each later; then it is a dead letter that says why."""
    await world.buy(clickid="", telegram_chat_id="")
    world.mailer.failure = DeliveryFailed("421 busy")
    assert await world.deliver_all() == [DeliveryStatus.PENDING]
    assert await world.deliver_all() == []
    wait = world.store.outbox[0].due_at - world.clock.now()
    assert timedelta(seconds=1) <= wait <= timedelta(seconds=2)
    world.clock.advance(wait)
    world.mailer.failure = DeliveryFailed("429", retry_after_seconds=100)
    assert await world.deliver_all() == [DeliveryStatus.PENDING]
    assert world.store.outbox[0].due_at == world.clock.now() + timedelta(seconds=100)
    world.clock.advance(timedelta(seconds=100))
    assert await world.deliver_all() == [DeliveryStatus.DEAD]
    assert world.store.outbox[0].error == "429"


async def test_permanent_failure_is_dead_at_once(world: World) -> None:
    """A blocked bot does not come back by asking."""
    await world.buy(clickid="")
    world.messenger.failure = DeliveryFailed("blocked", permanent=True)
    assert set(await world.deliver_all()) == {DeliveryStatus.DELIVERED, DeliveryStatus.DEAD}


async def test_dead_worker_s_rows_come_back_and_its_late_word_is_ignored(world: World) -> None:
    """A lease runs out; the next worker delivers, and the first one's outcome is not written."""
    await world.buy(clickid="", telegram_chat_id="")
    (taken,) = await world.outbox.lease(10)
    assert not await world.outbox.lease(10)
    world.clock.advance(timedelta(seconds=world.policy.lease_seconds))
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
    await world.outbox.give_back(taken)
    assert world.store.outbox[0].status is DeliveryStatus.DELIVERED


async def test_only_what_there_is_room_for_is_taken(world: World) -> None:
    """Of each lane; of one that is not named nothing, and never more than the limit."""
    for _ in range(3):
        await world.buy()

    async def taken(limit: int, **room: int) -> list[Lane]:
        return sorted(one.effect.lane for one in await world.outbox.lease(limit, {Lane(k): n for k, n in room.items()}))

    assert await taken(20, mail=2, click_tracker=1) == [Lane.CLICK_TRACKER, Lane.MAIL, Lane.MAIL]
    assert len(await taken(1, mail=2, chat=2)) == 1
    assert await taken(20, mail=0, provider=2) == []
    assert len(await world.outbox.lease(20)) == 9 - 4


async def test_late_skip_of_a_lost_lease_changes_nothing(world: World) -> None:
    """The worker that has the row now decides."""
    started = await world.buy()
    late = await world.outbox.lease(10)
    world.clock.advance(timedelta(seconds=world.policy.lease_seconds))
    await world.outbox.lease(10)
    refund = RefundUpdated(refund_id="re_1", amount=eur(1500), status=RefundStatus.SUCCEEDED, payment="pi_1")
    await world.record(world.say("evt_refund", refund, order_id=started.order_id))
    assert await world.outbox.deliver(late[0]) is DeliveryStatus.SKIPPED
    row = world.store.outbox[0]
    assert (row.status, row.error) == (DeliveryStatus.PENDING, None)


async def test_delivery_that_was_not_begun_is_given_back(world: World) -> None:
    """A worker that stops returns its rows, and the try is not counted."""
    await world.buy(clickid="", telegram_chat_id="")
    (taken,) = await world.outbox.lease(10)
    await world.outbox.give_back(taken)
    (again,) = await world.outbox.lease(10)
    assert again.attempt == 1


async def test_mail_skipped_during_a_dispute_goes_out_when_it_is_won(world: World) -> None:
    """Whatever is owed at the end has gone out."""
    started = await world.buy(clickid="")
    dispute = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, payment="pi_1")
    await world.record(world.say("evt_d", dispute, references=("pi_1",)))
    await world.deliver_all()
    assert links(world) == [DeliveryStatus.SKIPPED, DeliveryStatus.SKIPPED]
    won = structs.replace(dispute, status=DisputeStatus.WON)
    await world.record(world.say("evt_w", won, references=("pi_1",)))
    assert links(world) == [DeliveryStatus.PENDING, DeliveryStatus.PENDING]
    await world.deliver_all()
    assert links(world) == [DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED]
    assert world.mailer.sent[0].order_id == started.order_id


async def test_mail_that_went_out_is_not_sent_again_after_a_dispute(world: World) -> None:
    """One cause, one effect: the same key is in the outbox already."""
    await world.buy(clickid="", telegram_chat_id="")
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
    for event_id, status in (("evt_d", DisputeStatus.OPEN), ("evt_w", DisputeStatus.WON)):
        dispute = DisputeUpdated(dispute_id="dp_1", status=status, payment="pi_1")
        await world.record(world.say(event_id, dispute, references=("pi_1",)))
    await world.deliver_all()
    assert len(world.mailer.sent) == 1


async def test_redeemed_before_delivery_gets_the_mail_but_no_button(world: World) -> None:
    """The mail is the customer's proof; the button would be pointless."""
    started = await world.buy(clickid="")
    await world.redeem(started, 42)
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED]


async def test_mail_of_a_rotated_token_is_skipped(world: World) -> None:
    """A link that no longer works is not sent."""
    started = await world.buy(clickid="", telegram_chat_id="")
    order = world.order(started.order_id)
    facts = structs.replace(order.facts, token_version=2)
    world.store.tables.orders[order.id] = structs.replace(order, facts=facts)
    assert await world.deliver_all() == [DeliveryStatus.SKIPPED]
    assert world.store.outbox[0].error == "the token was rotated"


async def test_clock_that_runs_ahead_talks_nobody_out_of_the_way_in(world: World) -> None:
    """It thinks that access is over; as long as that is not on record, the mail and the button go out."""
    await world.buy(clickid="")
    world.clock.advance(31 * DAY)
    await world.deliver_all()
    assert links(world) == [DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED]


async def test_clock_set_right_sends_the_way_in_before_the_record_is(world: World) -> None:
    """A fast clock has recorded it as over; the sweep has not come by since: it is sent all the same."""
    await world.buy(clickid="")
    world.clock.advance(31 * DAY)
    assert await world.sweep() == 1
    world.clock.advance(-30 * DAY)
    await world.deliver_all()
    assert links(world) == [DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED]


async def test_way_into_what_is_on_record_as_over_is_not_sent(world: World) -> None:
    """Set right, the clock brings it back."""
    await world.buy(clickid="")
    world.clock.advance(31 * DAY)
    assert await world.sweep() == 1
    await world.deliver_all()
    assert links(world) == [DeliveryStatus.SKIPPED, DeliveryStatus.SKIPPED]
    world.clock.advance(-30 * DAY)
    assert await world.sweep() == 1
    await world.deliver_all()
    assert links(world) == [DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED]


async def test_whatever_goes_out_has_the_key_of_its_row(world: World) -> None:
    """By it the far side tells a repeat, and a log the two halves of a delivery."""
    await world.buy()
    await world.request_restore(RequestRestoreCommand(email="anna@example.com"))
    await world.track_ad(TrackAdCommand(status="Lead"))
    await world.track_funnel(TrackFunnelCommand(status="start_quiz", clickid="click-1"))
    await world.deliver_all()
    sale, step = (report.key for report in world.tracker.reports)
    sent = [
        *(one.key for one in world.mailer.sent),
        *(one.key for one in world.messenger.sent),
        sale,
        *(one.key for one in world.code_mailer.sent),
        *(one.key for one in world.ads.reports),
        step,
    ]
    delivered = [row.key for row in world.store.outbox if row.status is DeliveryStatus.DELIVERED]
    assert sent == delivered
    assert len(delivered) == 6


async def test_channel_that_is_off_is_skipped_and_says_so(world: World) -> None:
    """A group of settings that is unset is off; its rows say why they did not go out."""
    await world.buy()
    world.clock.advance(28 * DAY)
    assert await world.deliver_all(world.silent) == [DeliveryStatus.SKIPPED] * 5
    assert [row.error for row in world.store.outbox] == [
        "mail is not configured",
        "the bot is not configured",
        "the click tracker is not configured",
        "mail is not configured",
        "the bot is not configured",
    ]


async def test_delivery_for_no_order_is_a_dead_letter(world: World) -> None:
    """It asks for a human; it does not vanish."""
    await world.buy(clickid="", telegram_chat_id="")
    world.store.tables.orders.clear()
    assert await world.deliver_all() == [DeliveryStatus.DEAD]


async def test_delivery_without_a_row_settles_nothing(world: World) -> None:
    """A row that is gone cannot be settled."""
    await world.buy(clickid="", telegram_chat_id="")
    (taken,) = await world.outbox.lease(10)
    stray = structs.replace(taken, key="no such key")
    async with world.store.unit_of_work() as uow:
        settled = Settlement(status=DeliveryStatus.DELIVERED, at=world.clock.now())
        assert not await uow.outbox.settle([(stray, settled)])
