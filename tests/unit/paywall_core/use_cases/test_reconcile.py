"""Reconciliation: whatever never arrived comes in by the same door, once, whoever brings it."""

import asyncio
from datetime import datetime, timedelta

import pytest
from msgspec import structs

from paywall_core.errors import ConcurrentUpdate, PaymentProviderUnavailable
from paywall_core.events import CheckoutOpened
from paywall_core.facts import RefundStatus
from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification
from paywall_core.ports.payments import ListedEvent
from paywall_core.use_cases.reconcile import FIRST_LOOK_BACK, OVERLAP, SETTLED, Reconcile, Unapplied
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment
from paywall_core.use_cases.start_checkout import StartedCheckout

from ..lives import refund  # noqa: TID252  - the tests' own package
from ..strategies import DAY  # noqa: TID252  - as above
from .world import COMMAND, World

HOUR = timedelta(hours=1)


def cursor(world: World) -> datetime | None:
    """How far the list was read."""
    return world.store.tables.reconciled.get("cursor")


async def lost(world: World, number: int = 1) -> StartedCheckout:
    """An order whose payment's webhook never came."""
    started = await world.start(structs.replace(COMMAND, email=f"customer-{number}@example.com"))
    paid = structs.replace(world.paid(started, f"evt_{number}"), event_type="checkout.session.completed")
    world.put_on_record(structs.replace(paid, references=(started.session_id,)))
    return started


async def test_what_never_arrived_is_applied_and_reported(world: World) -> None:
    """How far we had drifted: by type, and what it changed."""
    one, other = await lost(world, 1), await lost(world, 2)
    seen: list[tuple[int, int]] = []
    report = await world.reconcile(progress=lambda listed, asked: seen.append((listed, asked)))
    assert (world.state(one), world.state(other)) == (State.TOKEN_ISSUED, State.TOKEN_ISSUED)
    assert (report.listed, report.asked, report.parked, report.unapplied) == (2, 0, 0, ())
    assert report.missing == {"checkout.session.completed": 2}
    assert report.moves == {"pending -> token_issued": 2}
    assert report.has_drifted
    assert (report.since, report.until) == (world.clock.now() - FIRST_LOOK_BACK, world.clock.now())
    assert seen == [(2, 0)]


async def test_again_changes_nothing(world: World) -> None:
    """It is safe to run at any time."""
    await lost(world)
    await world.reconcile()
    before = world.store.tables.orders, world.store.tables.outbox
    again = await world.reconcile()
    assert (again.listed, again.missing, again.has_drifted) == (1, {}, False)
    assert (world.store.tables.orders, world.store.tables.outbox) == before


async def test_what_the_webhook_brought_is_not_missing(world: World) -> None:
    """It is known by its id; and what comes later by webhook is a duplicate."""
    started = await lost(world)
    said = world.ledger.events[0].notification
    assert said is not None
    await world.record(said)
    assert not (await world.reconcile()).has_drifted
    assert (await world.record(said)).duplicate
    assert world.state(started) is State.TOKEN_ISSUED


async def test_several_at_once_apply_each_event_once(world: World) -> None:
    """Whoever is first; together they report each one once."""
    started = [await lost(world, number) for number in range(5)]
    reports = await asyncio.gather(*(world.reconcile() for _ in range(4)))
    assert sum(sum(report.missing.values()) for report in reports) == 5
    assert {world.state(one) for one in started} == {State.TOKEN_ISSUED}
    assert all(len(world.store.tables.history[one.order_id]) == 2 for one in started)


async def test_next_run_begins_an_hour_before_the_newest_event_that_was_read(world: World) -> None:
    """Clocks differ, and a list may be late."""
    newest = world.put_on_record(world.say("evt_1")).occurred_at
    world.clock.advance(DAY)
    await world.reconcile()
    assert cursor(world) == newest
    started = await world.start(COMMAND)
    late = structs.replace(world.paid(started), occurred_at=newest - HOUR)
    world.put_on_record(late)
    world.clock.advance(HOUR)
    second = await world.reconcile()
    assert second.since == newest - OVERLAP
    assert second.missing == {"test": 1}
    assert cursor(world) == newest


async def test_run_that_is_told_of_nothing_leaves_the_cursor_where_it_is(world: World) -> None:
    """Only the provider knows what time it is there."""
    await world.reconcile()
    assert cursor(world) is None
    newest = world.put_on_record(world.say("evt_1")).occurred_at
    await world.reconcile()
    world.clock.advance(DAY)
    await world.reconcile()
    assert cursor(world) == newest


async def test_event_of_this_very_second_is_read(world: World) -> None:
    """The provider's stamps are whole seconds; ours are not."""
    world.clock.advance(timedelta(milliseconds=300))
    await lost(world)
    assert (await world.reconcile()).listed == 1


async def test_explicit_start_within_what_was_read_moves_the_cursor_on(world: World) -> None:
    """It has read everything from before the cursor up to the newest."""
    world.put_on_record(world.say("evt_1"))
    await world.reconcile()
    world.clock.advance(DAY)
    newest = world.put_on_record(world.say("evt_2")).occurred_at
    await world.reconcile(since=world.clock.now() - 2 * DAY)
    assert cursor(world) == newest


async def test_explicit_start_after_the_cursor_leaves_it_where_it_is(world: World) -> None:
    """The gap before it is still unread."""
    first = world.put_on_record(world.say("evt_0")).occurred_at
    await world.reconcile()
    world.clock.advance(HOUR)
    await lost(world, 1)
    world.clock.advance(DAY)
    await lost(world, 2)
    report = await world.reconcile(since=world.clock.now() - HOUR)
    assert report.missing == {"checkout.session.completed": 1}
    assert cursor(world) == first
    assert (await world.reconcile()).missing == {"checkout.session.completed": 1}


async def test_explicit_start_of_the_very_first_run_leaves_the_past_unread(world: World) -> None:
    """The next run by itself looks back as far as the provider keeps its events."""
    await lost(world, 1)
    world.clock.advance(DAY)
    await world.reconcile(since=world.clock.now() - HOUR)
    assert cursor(world) is None
    assert (await world.reconcile()).missing == {"checkout.session.completed": 1}


@pytest.mark.parametrize("days_later", [0, 2, 20])
async def test_clock_that_ran_ahead_is_no_reason_to_skip_what_comes_after_it_was_set_right(
    world: World, days_later: int
) -> None:
    """The cursor follows the provider's clock: it never stands where nothing can have happened yet."""
    newest = world.put_on_record(world.say("evt_0")).occurred_at
    world.clock.advance(100 * DAY)
    await world.reconcile(since=newest)
    world.clock.advance(-100 * DAY)
    assert cursor(world) in (None, newest)
    world.clock.advance(HOUR)
    started = await lost(world)
    world.clock.advance(days_later * DAY)
    await world.reconcile()
    assert world.state(started) is State.TOKEN_ISSUED


async def test_clock_that_runs_behind_reads_what_it_can_and_moves_nothing(world: World) -> None:
    """The newest event that is listed is older than the cursor then."""
    world.put_on_record(world.say("evt_0"))
    world.clock.advance(2 * DAY)
    newest = world.put_on_record(world.say("evt_1")).occurred_at
    await world.reconcile()
    world.clock.advance(-2 * DAY)
    assert (await world.reconcile()).since == world.clock.now() - OVERLAP
    assert cursor(world) == newest


async def test_poison_does_not_stop_its_neighbours_and_holds_the_cursor(world: World) -> None:
    """An event that cannot be applied, and one that cannot be understood: both are reported, and tried again."""
    one, other = await lost(world, 1), await lost(world, 3)
    confused = world.say(
        "evt_2", CheckoutOpened(session_id=one.session_id), references=(one.session_id, other.session_id)
    )
    world.put_on_record(confused)
    poisoned_at = world.clock.now()
    world.clock.advance(timedelta(minutes=10))
    unreadable = ListedEvent(
        event_id="evt_4", event_type="refund.created", occurred_at=world.clock.now(), error="amount: missing"
    )
    mute = structs.replace(unreadable, event_id="evt_5", error=None)
    world.ledger.events += [unreadable, mute]
    report = await world.reconcile()
    assert (world.state(one), world.state(other)) == (State.TOKEN_ISSUED, State.TOKEN_ISSUED)
    assert report.unapplied == (
        Unapplied(subject="evt_2", event_type="test", reason="test names 2 orders"),
        Unapplied(subject="evt_4", event_type="refund.created", reason="amount: missing"),
        Unapplied(subject="evt_5", event_type="refund.created", reason="it cannot be understood"),
    )
    assert report.has_drifted
    assert cursor(world) == poisoned_at
    world.clock.advance(DAY)
    again = await world.reconcile()
    assert [one.subject for one in again.unapplied] == ["evt_2", "evt_4", "evt_5"]
    world.ledger.events = [event for event in world.ledger.events if event.event_type != "refund.created"]
    world.ledger.events[2] = structs.replace(
        world.ledger.events[2], notification=structs.replace(confused, references=(one.session_id,))
    )
    world.clock.advance(DAY)
    assert (await world.reconcile()).missing == {"test": 1}
    assert cursor(world) == poisoned_at


async def test_event_of_no_known_order_is_parked_and_looked_up(world: World) -> None:
    """Never acknowledged and lost, whichever way it came."""
    world.put_on_record(world.say("evt_1", refund(RefundStatus.SUCCEEDED), references=("ch_1",)))
    report = await world.reconcile()
    assert (report.parked, report.missing, report.moves) == (1, {"test": 1}, {})
    assert [row.key for row in world.store.outbox] == ["look_up:evt_1"]


async def test_list_that_breaks_off_applies_what_came_and_leaves_the_cursor(world: World) -> None:
    """The next run reads it again, and from where it stopped applies the rest."""
    started = [await lost(world, number) for number in range(3)]
    world.ledger.breaks_after = 2
    with pytest.raises(PaymentProviderUnavailable):
        await world.reconcile()
    assert cursor(world) is None
    assert [world.state(one) for one in started].count(State.TOKEN_ISSUED) == 2
    world.ledger.breaks_after = 0
    with pytest.raises(PaymentProviderUnavailable):
        await world.reconcile()
    world.ledger.breaks_after = None
    assert (await world.reconcile()).missing == {"checkout.session.completed": 1}


async def test_long_list_is_read_in_batches(world: World) -> None:
    """A hundred at a time, and what is left."""
    for number in range(200):
        world.put_on_record(world.say(f"evt_{number}"))
    seen: list[int] = []
    report = await world.reconcile(progress=lambda listed, _: seen.append(listed))
    assert seen == [100, 200]
    assert report.listed == sum(report.missing.values()) == 200


async def test_lost_race_is_run_again_and_a_lasting_one_is_reported(world: World) -> None:
    """Somebody else changed the order in between: three tries, then the next run."""
    await lost(world)

    class Contended(RecordPayment):
        """Loses the race as often as it is told."""

        losses = 2

        async def __call__(self, notification: PaymentNotification) -> RecordedPayment:
            """Lose, or record."""
            if self.losses:
                self.losses -= 1
                raise ConcurrentUpdate(notification.order_id or world.randomness.new_id())
            return await super().__call__(notification)

    door = Contended(unit_of_work=world.store.unit_of_work, clock=world.clock)
    reconcile = Reconcile(
        unit_of_work=world.store.unit_of_work,
        ledger=world.ledger,
        gateway=world.gateway,
        archive=world.store.archive,
        directory=world.store.directory,
        record_payment=door,
        place_lost=world.place_lost,
        clock=world.clock,
    )
    door.losses = 3
    assert [one.subject for one in (await reconcile()).unapplied] == ["evt_1"]
    door.losses = 2
    report = await reconcile()
    assert (report.unapplied, report.missing) == ((), {"checkout.session.completed": 1})


async def test_scheduled_run_is_one_in_its_interval(world: World) -> None:
    """Whichever process it runs in."""
    await lost(world)
    world.clock.advance(SETTLED)
    interval = timedelta(minutes=15)
    reports = await asyncio.gather(*(world.reconcile.scheduled(min_interval=interval) for _ in range(3)))
    assert [report.missing for report in reports if report is not None] == [{"checkout.session.completed": 1}]
    world.clock.advance(interval - timedelta(seconds=1))
    assert await world.reconcile.scheduled(min_interval=interval) is None
    world.clock.advance(timedelta(seconds=1))
    report = await world.reconcile.scheduled(min_interval=interval)
    assert report is not None
    assert not report.has_drifted


async def test_scheduled_run_leaves_out_what_has_just_happened(world: World) -> None:
    """Its webhook may be on its way; the next run reads it, for the cursor has not passed it."""
    world.clock.advance(SETTLED)
    started = await lost(world)
    world.clock.advance(SETTLED - timedelta(seconds=2))
    first = await world.reconcile.scheduled(min_interval=timedelta())
    assert first is not None
    assert (first.listed, cursor(world)) == (0, None)
    world.clock.advance(timedelta(seconds=2))
    second = await world.reconcile.scheduled(min_interval=timedelta())
    assert second is not None
    assert second.missing == {"checkout.session.completed": 1}
    assert world.state(started) is State.TOKEN_ISSUED
