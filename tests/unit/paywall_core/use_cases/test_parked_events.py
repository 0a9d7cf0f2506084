"""What comes before its order is known: parked, looked up at the provider, applied or set aside; never lost."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs

from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.events import (
    ChargeRefunded,
    CheckoutExpired,
    CheckoutOpened,
    DisputeUpdated,
    PaymentLinked,
    RefundUpdated,
)
from paywall_core.facts import DisputeStatus, RefundStatus
from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing import OutboxRow
from paywall_core.use_cases.record_payment import LOOK_UP_DELAY, RecordedPayment
from paywall_core.use_cases.start_checkout import StartedCheckout

from ..strategies import eur  # noqa: TID252  - the tests' own package
from .world import COMMAND, World

REFUND = RefundUpdated(
    refund_id="re_1", amount=eur(900), status=RefundStatus.SUCCEEDED, payment="pi_invoice", charge="ch_1"
)


async def park(world: World) -> OutboxRow:
    """A refund of a charge that nobody knows has come; the row that looks it up."""
    recorded = await world.record(world.say("evt_refund", REFUND, references=("ch_1", "pi_invoice")))
    assert recorded == RecordedPayment(parked=True)
    return look_up(world)


def look_up(world: World) -> OutboxRow:
    """The row that looks the refund up."""
    (row,) = (row for row in world.store.outbox if row.key == "look_up:evt_refund")
    return row


def leads_to(world: World, started: StartedCheckout, payment_id: str = "in_1") -> PaymentNotification:
    """What the provider says: this payment intent paid that order's invoice."""
    link = PaymentLinked(payment_intent_id="pi_invoice", payment_id=payment_id)
    return world.say(None, link, order_id=started.order_id, references=("pi_invoice", payment_id))


async def deliver_later(world: World) -> None:
    """Whatever is due after the delay of a look-up."""
    await world.deliver_all()
    world.clock.advance(LOOK_UP_DELAY)
    await world.deliver_all()


async def test_what_names_only_the_charge_of_a_parked_refund_finds_the_order(world: World) -> None:
    """The refund was parked and found its order: its other ids are the order's too."""
    await park(world)
    started = await world.subscribe()
    await world.record(leads_to(world, started))
    dispute = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, charge="ch_1")
    recorded = await world.record(world.say("evt_dispute", dispute, references=("ch_1",)))
    assert (recorded.parked, recorded.order_id) == (False, started.order_id)


async def test_parked_event_is_looked_up_after_a_while(world: World) -> None:
    """Mostly what makes its order known comes by itself within seconds."""
    row = await park(world)
    assert row.due_at == world.clock.now() + LOOK_UP_DELAY
    await world.deliver_all()
    assert not world.ledger.asked
    world.clock.advance(LOOK_UP_DELAY - timedelta(seconds=1))
    await world.deliver_all()
    assert not world.ledger.asked
    world.clock.advance(timedelta(seconds=1))
    await world.deliver_all()
    assert world.ledger.asked == [("ch_1", "pi_invoice")]


async def test_what_we_asked_for_is_no_event_of_the_provider_s(world: World) -> None:
    """It teaches, and is not stored as one: there would be but one of it."""
    await park(world)
    started = await world.subscribe()
    events = [*world.store.tables.events]
    await world.record(leads_to(world, started))
    assert [*world.store.tables.events] == events
    assert world.store.tables.events["evt_refund"].order_id == started.order_id


async def test_repeat_changes_nothing_though_its_order_is_known_by_now(world: World) -> None:
    """It stays parked until something new, or the look-up, leads to the order, whatever comes beside it."""
    await park(world)
    started, other = await world.subscribe(), await world.subscribe()
    async with world.store.unit_of_work() as uow:
        await uow.orders.claim({"ch_1": started.order_id})
        await uow.commit()
    ended = CheckoutExpired(session_id="cs_other")
    assert (await world.record(world.say("evt_ended", ended, references=("cs_other",)))).parked
    before = world.store.tables.snapshot()
    opened = CheckoutOpened(session_id="cs_other")
    repeated, new = await world.record.together(
        [
            world.say("evt_refund", REFUND, references=("ch_1", "pi_invoice")),
            world.say("evt_new", opened, order_id=other.order_id, references=("cs_other",)),
        ]
    )
    assert repeated == RecordedPayment(duplicate=True, order_id=started.order_id)
    assert new.order_id == other.order_id
    assert (
        world.store.tables.events["evt_ended"].order_id == other.order_id
    )  # what waited for it is applied all the same
    assert world.store.tables.history.get(started.order_id) == before.history.get(started.order_id)
    assert world.store.tables.events["evt_refund"] == before.events["evt_refund"]
    await deliver_later(world)
    assert world.ledger.asked == [("ch_1", "pi_invoice")]


async def test_repeat_of_a_parked_event_is_looked_up_once(world: World) -> None:
    """Stripe delivers twice; the row is the same."""
    await park(world)
    repeated = await world.record(world.say("evt_refund", REFUND, references=("ch_1", "pi_invoice")))
    assert repeated == RecordedPayment(duplicate=True)
    assert len(world.store.outbox) == 1


async def test_event_that_is_led_to_its_order_is_applied_and_its_row_delivered(world: World) -> None:
    """Through the same door: the link, all ids on the way, and then the parked refund."""
    started = await world.subscribe()
    await park(world)
    world.ledger.traces["pi_invoice"] = leads_to(world, started)
    await deliver_later(world)
    assert look_up(world).status is DeliveryStatus.DELIVERED
    order = world.order(started.order_id)
    assert order.state is State.REVOKED
    assert order.facts.refunds["re_1"].status is RefundStatus.SUCCEEDED
    assert [entry.cause for entry in world.store.tables.history[order.id]][-2:] == ["test", "evt_refund"]
    stored = world.store.tables.events["evt_refund"]
    assert (stored.order_id, stored.set_aside_at) == (order.id, None)
    charge = ChargeRefunded(charge_id="ch_1", amount=eur(900), refunded_minor=900)
    assert (await world.record(world.say("evt_c", charge, references=("ch_1",)))).order_id == order.id


async def test_ids_on_the_way_find_the_order_where_its_own_id_was_taken_away(world: World) -> None:
    """Somebody edited the metadata at the provider: the refund still voids the invoice that we know."""
    started = await world.subscribe()
    paid = PaymentLinked(payment_intent_id="pi_1", payment_id="in_1")
    await world.record(world.say("evt_link", paid, order_id=started.order_id, references=("in_1", "pi_1")))
    await park(world)
    found = leads_to(world, started)
    world.ledger.traces["pi_invoice"] = structs.replace(found, order_id=None)
    await deliver_later(world)
    assert world.state(started) is State.REVOKED
    assert look_up(world).status is DeliveryStatus.DELIVERED


async def test_ids_of_the_parked_event_become_the_order_s_with_what_was_found(world: World) -> None:
    """The provider may answer with the order alone: the event that asked is applied all the same."""
    started = await world.subscribe()
    await park(world)
    world.ledger.traces["ch_1"] = world.say(None, order_id=started.order_id, references=(started.session_id,))
    await deliver_later(world)
    assert world.order(started.order_id).facts.refunds["re_1"].payment == "pi_invoice"
    assert world.store.tables.events["evt_refund"].order_id == started.order_id


async def test_event_that_found_its_order_meanwhile_is_not_looked_up(world: World) -> None:
    """What makes it known came by itself."""
    started = await world.subscribe()
    await park(world)
    await world.record(leads_to(world, started))
    assert world.state(started) is State.REVOKED
    await deliver_later(world)
    assert (look_up(world).status, look_up(world).error) == (DeliveryStatus.SKIPPED, "the event has found its order")
    assert not world.ledger.asked


@pytest.mark.parametrize("foreign", [False, True], ids=["the provider knows nothing", "another shop's order"])
async def test_event_that_leads_to_nothing_of_ours_is_set_aside(world: World, *, foreign: bool) -> None:
    """The provider's account may sell other things, too: nobody is told that it waits."""
    await park(world)
    if foreign:
        world.ledger.traces["ch_1"] = world.say(None, order_id=UUID(int=99), references=("ch_1", "cus_shop"))
    await deliver_later(world)
    assert look_up(world).status is DeliveryStatus.DELIVERED
    stored = world.store.tables.events["evt_refund"]
    assert (stored.order_id, stored.set_aside_at) == (None, world.clock.now())


async def test_order_that_turns_up_after_all_gets_what_was_set_aside(world: World) -> None:
    """Set aside is not thrown away."""
    await park(world)
    await deliver_later(world)
    started = await world.subscribe()
    await world.record(leads_to(world, started))
    assert world.state(started) is State.REVOKED
    stored = world.store.tables.events["evt_refund"]
    assert (stored.order_id, stored.set_aside_at) == (started.order_id, None)


async def test_event_that_was_set_aside_stays_as_it_is(world: World) -> None:
    """A worker that comes later does not set it aside again, and of an unknown event nothing is written."""
    await park(world)
    await deliver_later(world)
    aside_at = world.store.tables.events["evt_refund"].set_aside_at
    await world.look_up(world.store.tables.events["evt_refund"].notification)
    async with world.store.unit_of_work() as uow:
        await uow.payment_events.set_aside("evt_refund", at=world.clock.now() + timedelta(days=1))
        await uow.payment_events.set_aside("evt_unknown", at=world.clock.now())
        assert await uow.payment_events.find_parked("evt_unknown") is None
        await uow.commit()
    assert world.store.tables.events["evt_refund"].set_aside_at == aside_at


async def test_provider_that_is_down_is_asked_again_when_it_said_so(world: World) -> None:
    """Its `Retry-After` counts; the event stays parked meanwhile."""
    started = await world.subscribe()
    await park(world)
    world.ledger.down, world.ledger.retry_after_seconds = True, 77
    world.ledger.traces["pi_invoice"] = leads_to(world, started)
    await deliver_later(world)
    row = look_up(world)
    assert (row.status, row.error) == (DeliveryStatus.PENDING, "the fake provider is down")
    assert row.due_at == world.clock.now() + timedelta(seconds=77)
    assert world.store.tables.events["evt_refund"].set_aside_at is None
    world.ledger.down = False
    world.clock.advance(timedelta(seconds=77))
    await world.deliver_all()
    assert look_up(world).status is DeliveryStatus.DELIVERED
    assert world.state(started) is State.REVOKED


async def test_ids_that_lead_to_two_orders_are_retried_and_then_ask_for_a_human(world: World) -> None:
    """A conflict may be gone the next time; if not, it is a dead letter, and nothing was applied."""
    one = await world.subscribe()
    other = await world.start(COMMAND)
    await world.record(world.paid(other))
    await park(world)
    world.ledger.traces["ch_1"] = world.say(None, references=(one.session_id, other.session_id))
    await deliver_later(world)
    assert (look_up(world).status, look_up(world).error) == (DeliveryStatus.PENDING, "test names 2 orders")
    for _ in range(world.policy.max_attempts - 1):
        world.clock.advance(timedelta(hours=1))
        await world.deliver_all()
    assert look_up(world).status is DeliveryStatus.DEAD
    assert world.store.tables.events["evt_refund"].order_id is None
    assert (world.state(one), world.state(other)) == (State.TOKEN_ISSUED, State.TOKEN_ISSUED)


async def test_unused_event_is_no_parked_one(world: World) -> None:
    """It is stored for the record; nobody looks for its order."""
    await world.record(world.say("evt_unused", references=("ch_1",)))
    assert not world.store.outbox
    async with world.store.unit_of_work() as uow:
        assert await uow.payment_events.find_parked("evt_unused") is None


async def test_link_alone_teaches_which_ids_belong_together(world: World) -> None:
    """What the provider was asked for may bring no event, only ids; a later event finds the order by them."""
    started = await world.subscribe()
    await world.record(world.say(None, order_id=started.order_id, references=("ch_9",)))
    late = await world.record(world.say("evt_late", REFUND, references=("ch_9",)))
    assert late.order_id == started.order_id


async def test_what_is_said_of_nobody_s_order_when_we_asked_is_not_stored(world: World) -> None:
    """There is no event to park."""
    assert await world.record(world.say(None, CheckoutOpened(session_id="cs_x"), references=("cs_x",))) == (
        RecordedPayment()
    )
    assert not world.store.tables.events


async def test_fake_ledger_fails_as_it_is_told(world: World) -> None:
    """Both questions."""
    world.ledger.down = True
    with pytest.raises(PaymentProviderUnavailable):
        await world.ledger.trace(["ch_1"])
    with pytest.raises(PaymentProviderUnavailable):
        _ = [event async for event in world.ledger.list_events(world.clock.now(), world.clock.now())]
