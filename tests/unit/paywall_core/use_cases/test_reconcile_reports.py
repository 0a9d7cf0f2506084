"""What a reconciliation says of that which could not be brought in, and where the next one begins."""

from datetime import timedelta

from msgspec import structs

from paywall_core.errors import ConcurrentUpdate
from paywall_core.events import CheckoutOpened
from paywall_core.notification import PaymentNotification
from paywall_core.use_cases.reconcile import Reconcile, Reconciliation, Unapplied
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment

from .world import COMMAND, World

HOUR = timedelta(hours=1)


async def confused(world: World) -> PaymentNotification:
    """An event that names two orders."""
    one, other = await world.start(COMMAND), await world.start(COMMAND)
    opened = CheckoutOpened(session_id=other.session_id)
    return world.say("evt_x", opened, references=(one.session_id, other.session_id))


async def next_begins(world: World) -> Reconciliation:
    """Another event is listed five hours later; the run after the one that read it."""
    world.clock.advance(5 * HOUR)
    world.put_on_record(world.say("evt_later"))
    await world.reconcile()
    return await world.reconcile()


async def test_event_that_breaks_a_rule_is_named_is_not_counted_and_comes_again(world: World) -> None:
    """The run goes on behind it; the next begins before it."""
    said = await confused(world)
    world.put_on_record(said)
    report = await world.reconcile()
    (one,) = report.unapplied
    assert (one.subject, one.event_type, report.missing) == ("evt_x", "test", {})
    assert "2 orders" in one.reason
    assert (await next_begins(world)).since == said.occurred_at - HOUR


async def test_event_that_nobody_understands_comes_again(world: World) -> None:
    """A later release may understand it."""
    listed = world.put_on_record(world.say("evt_odd"))
    world.ledger.events[:] = [structs.replace(listed, notification=None, error="no such field")]
    assert (await world.reconcile()).unapplied == (
        Unapplied(subject="evt_odd", event_type="test", reason="no such field"),
    )
    assert (await next_begins(world)).since == listed.occurred_at - HOUR


async def test_event_that_always_loses_the_race_is_named_and_comes_again(world: World) -> None:
    """Three tries, and then the next run's."""
    said = world.put_on_record(world.paid(await world.start(COMMAND), "evt_1"))

    class Contended(RecordPayment):
        """Somebody else is always quicker."""

        async def __call__(self, notification: PaymentNotification) -> RecordedPayment:
            """Lose."""
            raise ConcurrentUpdate(notification.order_id or world.randomness.new_id())

    contended = Reconcile(
        unit_of_work=world.store.unit_of_work,
        ledger=world.ledger,
        gateway=world.gateway,
        archive=world.store.archive,
        directory=world.store.directory,
        place_lost=world.place_lost,
        record_payment=Contended(unit_of_work=world.store.unit_of_work, clock=world.clock),
        clock=world.clock,
    )
    report = await contended()
    (one,) = report.unapplied
    assert (one.subject, one.event_type, report.missing) == ("evt_1", "test", {})
    assert str(said.notification and said.notification.order_id) in one.reason
    world.clock.advance(5 * HOUR)
    world.put_on_record(world.say("evt_later"))
    await contended()
    assert (await contended()).since == said.occurred_at - HOUR


async def test_session_whose_answer_breaks_a_rule_is_named(world: World) -> None:
    """By the session that was asked about; the person who waits sees it counted."""
    said = await confused(world)
    world.clock.advance(HOUR)
    (asked, other) = said.references
    world.gateway.answers[asked] = structs.replace(said, event_id=None)
    world.gateway.answers[other] = world.say(None, CheckoutOpened(session_id=other), references=(other,))
    steps: list[tuple[int, int]] = []
    report = await world.reconcile(progress=lambda listed, sessions: steps.append((listed, sessions)))
    assert [one.subject for one in report.unapplied] == [asked]
    assert steps[-1] == (0, 2)
