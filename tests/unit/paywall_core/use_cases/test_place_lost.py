"""A database that was restored from a backup: orders since then come back from what the provider still tells."""

import asyncio
from datetime import timedelta

import pytest
from msgspec import structs

from paywall_core.effects import SendAccessEmail
from paywall_core.errors import ConcurrentUpdate
from paywall_core.facts import Mode
from paywall_core.lifecycle import State
from paywall_core.order import Order
from paywall_core.ports.payments import CheckoutRequest, CompletedCheckout, ListedEvent
from paywall_core.testing.repositories import InMemoryOrders
from paywall_core.use_cases.reconcile import SESSION_AGE
from paywall_core.use_cases.start_checkout import StartedCheckout

from .world import COMMAND, World


async def paid_and_lost(world: World, number: int = 1, *, plan: str = COMMAND.plan) -> StartedCheckout:
    """An order that was paid; then the database lost everything of it."""
    started = await world.start(structs.replace(COMMAND, email=f"customer-{number}@example.com", telegram_chat_id="5"))
    said = structs.replace(world.paid(started, f"evt_{number}"), references=(started.session_id,))
    order = world.order(started.order_id)
    asked = CheckoutRequest(
        order_id=order.id,
        plan=plan,
        mode=Mode.ONE_TIME,
        email=order.email,
        locale=order.locale,
        clickid=order.clickid,
        telegram_chat_id=order.telegram_chat_id,
    )
    listed = ListedEvent(
        event_id=f"evt_{number}",
        event_type="checkout.session.completed",
        occurred_at=said.occurred_at,
        notification=said,
        checkout=CompletedCheckout(session_id=started.session_id, asked=asked),
    )
    world.ledger.events.append(listed)
    lose(world, started)
    return started


def lose(world: World, started: StartedCheckout) -> None:
    """As if the order had never been placed."""
    tables = world.store.tables
    for lost in (tables.orders, tables.history):
        lost.pop(started.order_id, None)
    for reference in [name for name, owner in tables.references.items() if owner == started.order_id]:
        del tables.references[reference]


async def test_lost_order_is_placed_anew_and_what_was_paid_counts(world: World) -> None:
    """As it was, down to its id; the mail with its link goes out."""
    started = await paid_and_lost(world)
    report = await world.reconcile()
    order = world.order(started.order_id)
    assert (order.id, order.email, order.plan) == (started.order_id, "customer-1@example.com", COMMAND.plan)
    assert (order.clickid, order.locale, order.telegram_chat_id) == (COMMAND.clickid, "en", "5")
    assert order.created_at == world.ledger.events[0].occurred_at
    assert order.state is State.TOKEN_ISSUED
    assert SendAccessEmail(order_id=order.id, token_version=1).key in {row.effect.key for row in world.store.outbox}
    assert (report.placed, report.unapplied, report.has_drifted) == (1, (), True)
    assert report.missing == {"checkout.session.completed": 1}


async def test_run_that_dies_after_it_placed_an_order_loses_nobody(world: World) -> None:
    """The event was known already, and nobody tells it anew; but the order knows its session, which is asked about."""
    started = await paid_and_lost(world)
    said = world.ledger.events[0].notification
    assert said is not None
    await world.record(said)
    await world.place_lost(world.ledger.events)
    assert world.state(started) is State.PENDING
    assert world.store.tables.references[started.session_id] == started.order_id, "events that name only the session"
    world.clock.advance(SESSION_AGE + timedelta(seconds=1))
    world.gateway.answers[started.session_id] = world.paid(started, None)
    report = await world.reconcile()
    assert (report.placed, report.asked) == (0, 1)
    assert world.state(started) is State.TOKEN_ISSUED
    assert world.store.tables.events["evt_1"].order_id == started.order_id


async def test_order_was_placed_when_the_first_is_heard_of_it(world: World) -> None:
    """A bank debit is told of twice, days apart; the terms run from the payment, whenever that was."""
    started = await paid_and_lost(world)
    (completed,) = world.ledger.events
    later = structs.replace(completed, event_id="evt_later", occurred_at=completed.occurred_at + timedelta(days=3))
    await world.place_lost([completed, later])
    assert world.order(started.order_id).created_at == completed.occurred_at


async def test_again_places_nothing(world: World) -> None:
    """It is there now."""
    await paid_and_lost(world)
    await world.reconcile()
    before = world.store.tables.orders, world.store.tables.outbox
    report = await world.reconcile()
    assert (report.placed, report.has_drifted) == (0, False)
    assert (world.store.tables.orders, world.store.tables.outbox) == before


async def test_payment_that_came_before_its_order_was_placed_is_heard(world: World) -> None:
    """The webhook of a customer who was on the provider's page meanwhile: parked, set aside, and applied after all."""
    started = await paid_and_lost(world)
    said = world.ledger.events[0].notification
    assert said is not None
    assert (await world.record(said)).parked
    world.clock.advance(timedelta(minutes=1))
    await world.deliver_all()
    report = await world.reconcile()
    assert (report.placed, report.missing) == (1, {})
    assert world.state(started) is State.TOKEN_ISSUED
    assert world.store.tables.events["evt_1"].order_id == started.order_id


async def test_several_at_once_place_each_order_once(world: World) -> None:
    """Whoever is first."""
    started = [await paid_and_lost(world, number) for number in range(3)]
    reports = await asyncio.gather(*(world.reconcile() for _ in range(4)))
    assert {world.state(one) for one in started} == {State.TOKEN_ISSUED}
    assert sum(sum(report.missing.values()) for report in reports) == 3


async def test_somebody_else_who_is_faster_is_no_failure(world: World) -> None:
    """Between the question and the answer another run has placed it."""
    started = await paid_and_lost(world)
    event = world.ledger.events[0]
    first, second = await asyncio.gather(world.place_lost([event]), world.place_lost([event]))
    assert set(first.values()) | set(second.values()) == {None}
    assert world.order(started.order_id).state is State.PENDING


async def test_order_that_a_deadlock_kept_out_is_placed_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database says conflict, and nobody else has placed it: it is reported, and holds the cursor."""

    async def refuse(_orders: InMemoryOrders, order: Order) -> None:
        raise ConcurrentUpdate(order.id)

    started = await paid_and_lost(world)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(InMemoryOrders, "add", refuse)
        report = await world.reconcile()
    assert (report.placed, started.order_id in world.store.tables.orders) == (0, False)
    assert [one.subject for one in report.unapplied] == ["evt_1"]
    report = await world.reconcile()
    assert (report.placed, report.unapplied) == (1, ())
    assert world.state(started) is State.TOKEN_ISSUED


async def test_order_of_a_plan_that_is_no_longer_sold_is_left_to_a_human(world: World) -> None:
    """Under which terms, nobody knows any more: it is reported, and holds the cursor."""
    started = await paid_and_lost(world, plan="of_last_year")
    for _ in range(2):
        report = await world.reconcile()
        assert started.order_id not in world.store.tables.orders
        assert report.placed == 0
        (one,) = report.unapplied
        assert (one.subject, one.event_type) == ("evt_1", "checkout.session.completed")
        assert "must be one of" in one.reason


async def test_event_that_cannot_be_understood_still_gives_its_order_back(world: World) -> None:
    """The order is there, and the event is reported."""
    started = await paid_and_lost(world)
    world.ledger.events[0] = structs.replace(
        world.ledger.events[0], notification=None, error="amount: must be a number"
    )
    report = await world.reconcile()
    assert (report.placed, world.state(started)) == (1, State.PENDING)
    assert [one.reason for one in report.unapplied] == ["amount: must be a number"]
