"""Open checkout sessions: asked about one by one, should their events never be listed."""

from datetime import timedelta

import pytest

from paywall_core.events import CheckoutExpired, PaymentFailed
from paywall_core.lifecycle import State
from paywall_core.use_cases.reconcile import FIRST_LOOK_BACK, SESSION_INTERVAL, Unapplied

from ..strategies import DAY  # noqa: TID252  - the tests' own package
from .world import COMMAND, World

HOUR = timedelta(hours=1)


async def test_session_that_stays_open_is_asked_about_once_in_six_hours(world: World) -> None:
    """Should its events never be listed, the session itself still tells; a young one's customer is still at it."""
    started = await world.start(COMMAND)
    world.gateway.answers[started.session_id] = world.paid(started, None)
    assert (await world.reconcile()).asked == 0
    world.clock.advance(HOUR)
    world.gateway.answers.clear()
    assert [(await world.reconcile()).asked for _ in range(3)] == [1, 0, 0]
    world.clock.advance(SESSION_INTERVAL)
    assert (await world.reconcile()).asked == 0
    world.clock.advance(timedelta(seconds=1))
    world.gateway.answers[started.session_id] = world.paid(started, None)
    report = await world.reconcile()
    assert (report.asked, report.moves, report.missing) == (1, {"pending -> token_issued": 1}, {})
    assert report.has_drifted
    world.clock.advance(DAY)
    assert (await world.reconcile()).asked == 0


async def test_session_that_ran_out_is_recorded_so(world: World) -> None:
    """And is not asked about any more."""
    started = await world.start(COMMAND)
    world.clock.advance(DAY)
    world.gateway.answers[started.session_id] = world.say(
        None, CheckoutExpired(session_id=started.session_id), references=(started.session_id,)
    )
    assert (await world.reconcile()).moves == {"pending -> expired": 1}
    world.clock.advance(DAY)
    assert (await world.reconcile()).asked == 0


async def test_session_whose_payment_failed_is_not_asked_about_for_ever(world: World) -> None:
    """A delayed method did not go through: the order stays pending, and nothing more is to come."""
    started = await world.start(COMMAND)
    failed = PaymentFailed(payment_id="pi_1", session_id=started.session_id)
    await world.record(world.say("evt_failed", failed, order_id=started.order_id))
    assert world.state(started) is State.PENDING
    world.clock.advance(DAY)
    assert (await world.reconcile()).asked == 0


async def test_session_that_the_provider_never_ends_is_given_up_after_a_month(world: World) -> None:
    """Of another account, for example: it would be asked about four times a day for ever."""
    await world.start(COMMAND)
    world.clock.advance(FIRST_LOOK_BACK - HOUR)
    assert (await world.reconcile()).asked == 1
    world.clock.advance(DAY)
    assert (await world.reconcile()).asked == 0


async def test_provider_that_does_not_answer_about_one_session_is_reported(world: World) -> None:
    """The run goes on, and the cursor moves: the list was read."""
    started = await world.start(COMMAND)
    newest = world.put_on_record(world.say("evt_1")).occurred_at
    world.clock.advance(HOUR)
    world.gateway.down = True
    report = await world.reconcile()
    assert report.unapplied == (
        Unapplied(subject=started.session_id, event_type="checkout.session", reason="the fake provider is down"),
    )
    assert world.store.tables.reconciled["cursor"] == newest


async def test_session_that_somebody_else_just_asked_about_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The success page, or another process: one question is enough."""
    started = await world.start(COMMAND)
    world.clock.advance(HOUR)
    original = type(world.store.archive).open_sessions

    async def meanwhile(*args: object, **kwargs: object) -> object:
        listed = await original(*args, **kwargs)  # type: ignore[arg-type]  # handed through
        await world.session(started.session_id)
        return listed

    monkeypatch.setattr(type(world.store.archive), "open_sessions", meanwhile)
    assert (await world.reconcile()).asked == 0
    assert world.gateway.reads == [started.session_id]
