"""What must never be, planted one by one: counted, named, and nothing else with it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec import Struct, structs

from paywall_core.errors import DeliveryFailed
from paywall_core.facts import Facts, RefundStatus
from paywall_core.lifecycle import State
from paywall_core.order import Order
from paywall_core.ports.operations import (
    ACCESS_WITHOUT_PAYMENT,
    DEAD_LETTERS,
    INVARIANTS,
    PAID_WITHOUT_ACCESS,
    PARKED,
    TWO_SUBSCRIPTIONS,
    UNDELIVERED,
    Violation,
    WatchLimits,
)
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.start_checkout import StartedCheckout

from ..lives import ended, outlook, refund  # noqa: TID252  - the tests' own package
from ..strategies import DAY, ONE_TIME  # noqa: TID252  - as above
from .world import ANNA, COMMAND, World

LIMITS = WatchLimits()
SECOND = timedelta(seconds=1)


async def broken(world: World) -> dict[str, tuple[int, tuple[str, ...]]]:
    """The invariants that do not hold, with their counts and examples."""
    violations = await world.check()
    assert [one.invariant for one in violations] == list(INVARIANTS)
    return {one.invariant: (one.count, one.examples) for one in violations if one.count}


def plant(world: World, started: StartedCheckout, **changes: object) -> None:
    """Write an order as the law would never leave it."""
    order = world.order(started.order_id)
    world.store.tables.orders[order.id] = structs.replace(order, **changes)


async def healthy(world: World) -> list[StartedCheckout]:
    """Orders in every state, all that is owed delivered."""
    started = [await world.buy(email=f"{number}@example.com") for number in range(4)]
    await world.redeem(started[0], 5)
    await world.revoke(started[1].order_id, ANNA)
    await world.learn(started[2], refund(RefundStatus.SUCCEEDED))
    pending = await world.start(structs.replace(COMMAND, email="5@example.com"))
    await world.deliver_all()
    return [*started, pending]


async def test_healthy_house_breaks_nothing(world: World) -> None:
    """Orders in every state; and each invariant is told with a 0."""
    await healthy(world)
    assert await broken(world) == {}
    assert await world.check.audit() == [
        Violation(invariant=PAID_WITHOUT_ACCESS, count=0),
        Violation(invariant=ACCESS_WITHOUT_PAYMENT, count=0),
    ]
    world.clock.advance(31 * DAY)
    while await world.sweep():
        pass
    await world.deliver_all()
    assert await broken(world) == {}


class Planted(Struct, frozen=True):
    """How an order is written, and which invariant that breaks: by the cheap questions, and by the audit."""

    which: int
    changes: Callable[[Order], dict[str, object]]
    invariant: str


@pytest.mark.parametrize(
    "planted",
    [
        Planted(3, lambda _: {"state": State.PENDING}, PAID_WITHOUT_ACCESS),
        Planted(0, lambda _: {"state": State.EXPIRED}, PAID_WITHOUT_ACCESS),
        Planted(0, lambda _: {"state": State.REVOKED}, PAID_WITHOUT_ACCESS),
        Planted(0, lambda _: {"facts": Facts(terms=ONE_TIME)}, ACCESS_WITHOUT_PAYMENT),
        Planted(2, lambda _: {"state": State.ACTIVE}, ACCESS_WITHOUT_PAYMENT),
        Planted(1, lambda _: {"state": State.TOKEN_ISSUED}, ACCESS_WITHOUT_PAYMENT),
    ],
    ids=[
        "paid, pending",
        "paid, expired",
        "paid, revoked",
        "never paid, active",
        "refunded, active",
        "revoked, issued",
    ],
)
async def test_record_that_does_not_fit_its_facts_is_found(world: World, planted: Planted) -> None:
    """By both ways of asking."""
    started = (await healthy(world))[planted.which]
    plant(world, started, **planted.changes(world.order(started.order_id)))
    case = (1, (str(started.order_id),))
    assert await broken(world) == {planted.invariant: case}
    assert {one.invariant: (one.count, one.examples) for one in await world.check.audit() if one.count} == {
        planted.invariant: case
    }


async def test_paid_order_whose_link_was_never_written_down_is_found(world: World) -> None:
    """Nothing would ever go out to its customer."""
    started = await world.buy()
    del world.store.tables.outbox[f"access_email:{started.order_id}:1"]
    assert await broken(world) == {PAID_WITHOUT_ACCESS: (1, (str(started.order_id),))}
    await world.redeem(started, 5)
    assert await broken(world) == {}


async def test_access_that_is_over_is_a_violation_once_the_sweep_is_long_overdue(world: World) -> None:
    """It comes every half a minute: an hour late, something is wrong."""
    started = await world.buy()
    await world.deliver_all()
    world.clock.advance(30 * DAY + LIMITS.unrecorded - SECOND)
    await world.deliver_all()
    assert await broken(world) == {}
    assert not any(one.count for one in await world.check.audit())
    world.clock.advance(2 * SECOND)
    case = (1, (str(started.order_id),))
    assert await broken(world) == {ACCESS_WITHOUT_PAYMENT: case}
    assert [(one.count, one.examples) for one in await world.check.audit()] == [(0, ()), case]


async def test_effect_that_is_not_delivered_for_too_long_is_found(world: World) -> None:
    """From when it was due first: tries and leases in between do not make it young again."""
    started = await world.buy(clickid="", telegram_chat_id="")
    world.mailer.failure = DeliveryFailed("421 busy")
    await world.deliver_all()
    world.clock.advance(LIMITS.undelivered)
    await world.outbox.lease(10)
    assert await broken(world) == {}
    world.clock.advance(SECOND)
    assert await broken(world) == {UNDELIVERED: (1, (f"access_email:{started.order_id}:1",))}
    world.clock.advance(timedelta(seconds=world.policy.lease_seconds))
    await world.retry([f"access_email:{started.order_id}:1"], ANNA)
    assert await broken(world) == {}  # an operator has just looked at it


async def test_notice_whose_time_has_not_come_is_not_late(world: World) -> None:
    """It is owed for weeks, and due three days before the end."""
    await world.buy()
    await world.deliver_all()
    world.clock.advance(27 * DAY + LIMITS.undelivered)
    assert await broken(world) == {}
    world.clock.advance(SECOND)
    assert (await broken(world))[UNDELIVERED][0] == 2


async def test_dead_letter_is_found_at_once(world: World) -> None:
    """It waits for a human."""
    started = await world.buy(clickid="", telegram_chat_id="")
    world.mailer.failure = DeliveryFailed("550 no such mailbox", permanent=True)
    await world.deliver_all()
    assert await broken(world) == {DEAD_LETTERS: (1, (f"access_email:{started.order_id}:1",))}


async def test_event_that_waits_too_long_is_found_unless_it_was_set_aside(world: World) -> None:
    """The provider was down for an hour; then it says that the event is none of ours."""
    await world.record(world.say("evt_1", refund(RefundStatus.SUCCEEDED), references=("ch_1",)))
    await world.record(world.say("evt_unused", references=("ch_2",)))
    world.clock.advance(LIMITS.parked)
    assert PARKED not in await broken(world)
    world.clock.advance(SECOND)
    assert (await broken(world))[PARKED] == (1, ("evt_1",))
    await world.deliver_all()
    assert await broken(world) == {}


async def test_customer_who_pays_twice_is_found(world: World) -> None:
    """Two subscriptions that both renew, however the address is spelt; one that has ended does not count."""
    one = await world.subscribe()
    await world.subscribe(email="bob@example.com")
    assert await broken(world) == {}
    other = await world.subscribe(email="ANNA@example.com")
    both = tuple(sorted(str(started.order_id) for started in (one, other)))
    assert await broken(world) == {TWO_SUBSCRIPTIONS: (2, both)}
    await world.learn(other, ended(10))
    assert await broken(world) == {}


async def test_customer_who_planned_the_end_of_one_of_two_subscriptions_is_left_in_peace(world: World) -> None:
    """One renews only; should the plan be undone, two do. One that was never paid takes no money."""
    await world.subscribe()
    unpaid = await world.start_subscription()
    await world.learn(unpaid, outlook(0, None))
    other = await world.subscribe()
    await world.learn(other, outlook(1, 30))
    assert await broken(world) == {}
    await world.learn(other, outlook(2, None))
    assert (await broken(world))[TWO_SUBSCRIPTIONS][0] == 2


async def test_examples_are_a_few_and_the_audit_tells_how_far_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven cases, five examples; read in batches."""
    for number in range(7):
        plant(world, await world.buy(email=f"{number}@example.com"), state=State.PENDING)
    monkeypatch.setattr("paywall_core.use_cases.check_invariants._BATCH", 3)
    (count, examples) = (await broken(world))[PAID_WITHOUT_ACCESS]
    assert (count, len(examples)) == (7, 5)
    read: list[int] = []
    shut_out, _ = await world.check.audit(read.append)
    assert (shut_out.count, len(shut_out.examples)) == (7, 5)
    assert read == [3, 6, 7]


async def test_limits_are_the_operator_s(world: World) -> None:
    """What is too long for one shop is not for another."""
    await world.buy()
    world.clock.advance(SECOND)
    archive = world.store.archive
    strict = CheckInvariants(
        watch=archive, archive=archive, clock=world.clock, limits=WatchLimits(undelivered=timedelta())
    )
    assert {one.invariant: one.count for one in await strict() if one.count} == {UNDELIVERED: 3}
    assert set(INVARIANTS) == {one.invariant for one in await strict()}
    assert await world.store.watch.violations(world.clock.now(), WatchLimits()) == await world.check()
