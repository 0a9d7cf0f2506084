"""The sweep records what lapsed, in batches, and stops before a mass revocation."""

import pytest
from msgspec import structs

from paywall_core.effects import NoticeKind
from paywall_core.errors import SweepHalted
from paywall_core.lifecycle import State
from paywall_core.ports.unit_of_work import LapseCensus, OperatorAct
from paywall_core.use_cases.sweep_lapsed import SweepLapsed, SweepLimits

from ..strategies import DAY  # noqa: TID252  - the tests' own package
from .world import ANNA, COMMAND, World


async def buy(world: World, number: int, plan: str = "basic") -> None:
    """That many customers buy."""
    for _ in range(number):
        started = await world.start(structs.replace(COMMAND, plan=plan, clickid="", telegram_chat_id=""))
        paid = world.paid(started, f"evt_{started.order_id}")
        await world.record(structs.replace(paid, references=(started.session_id,)))


def sweep(world: World, batch_size: int = 100, **limits: float) -> SweepLapsed:
    """A sweep with these limits."""
    return SweepLapsed(
        unit_of_work=world.store.unit_of_work,
        clock=world.clock,
        limits=SweepLimits(**limits),  # type: ignore[arg-type]  # the keywords of the struct, passed on
        batch_size=batch_size,
    )


def states(world: World) -> set[State]:
    """All states on record."""
    return {order.state for order in world.store.tables.orders.values()}


@pytest.mark.parametrize(
    ("limits", "lapsed", "live", "allowed"),
    [
        (SweepLimits(), 0, 0, True),
        (SweepLimits(), 20, 20, True),
        (SweepLimits(), 21, 21, False),
        (SweepLimits(), 21, 210, True),
        (SweepLimits(), 21, 209, False),
        (SweepLimits(), 1000, 100_000, True),
        (SweepLimits(), 1001, 100_000, False),
        (SweepLimits(free=0, share=1.0, number=5), 5, 5, True),
        (SweepLimits(free=0, share=1.0, number=5), 6, 6, False),
        (SweepLimits(free=0, share=0.5), 1, 1, False),
        (SweepLimits(free=50, number=5), 50, 50, True),
    ],
    ids=[
        "nobody", "a handful of few", "more than a handful of few", "a tenth", "over a tenth", "a thousand",
        "over a thousand", "the number", "over the number", "half of one", "the handful counts before the number",
    ],
)  # fmt: skip
def test_so_many_endings_at_once_are_believed(limits: SweepLimits, lapsed: int, live: int, *, allowed: bool) -> None:
    """A free handful; above it at most a share of all, and at most a number."""
    assert limits.allow(LapseCensus(lapsed=lapsed, live=live)) is allowed


async def test_sweep_goes_on_in_batches_until_nothing_is_left(world: World) -> None:
    """The history blames the clock, and each customer is told once."""
    await buy(world, 5)
    world.clock.advance(31 * DAY)
    assert [await world.sweep() for _ in range(4)] == [2, 2, 1, 0]
    assert states(world) == {State.EXPIRED}
    assert {entry.cause for history in world.store.tables.history.values() for entry in history[-1:]} == {"sweep"}
    assert len(world.rows(NoticeKind.ENDED)) == 10
    assert not world.store.tables.operator_acts


async def test_wrong_clock_stops_the_sweep_and_set_right_it_goes_on(world: World) -> None:
    """A clock a year ahead would take access from everybody: nothing is recorded, and nothing is lost."""
    await buy(world, 21)
    world.clock.advance(365 * DAY)
    before = world.store.tables
    for _ in range(2):
        with pytest.raises(SweepHalted) as halted:
            await sweep(world)()
        assert (halted.value.lapsed, halted.value.live) == (21, 21)
    assert world.store.tables is before
    world.clock.advance(-365 * DAY)
    assert await sweep(world)() == 0
    assert states(world) == {State.TOKEN_ISSUED}
    world.clock.advance(29 * DAY)
    await buy(world, 200)
    world.clock.advance(DAY)
    assert await sweep(world)() == 21
    assert await sweep(world)() == 0
    assert await sweep(world).census() == LapseCensus(lapsed=0, live=200)


async def test_what_was_recorded_as_over_too_soon_is_good_again(world: World) -> None:
    """A clock ran ahead, and the sweep believed it: once it is right, the next one takes that back, in batches too."""
    await buy(world, 3)
    world.clock.advance(31 * DAY)
    assert [await world.sweep() for _ in range(3)] == [2, 1, 0]
    assert states(world) == {State.EXPIRED}
    world.clock.advance(-30 * DAY)
    assert [await world.sweep() for _ in range(3)] == [2, 1, 0]
    assert states(world) == {State.TOKEN_ISSUED}
    assert {entry.cause for history in world.store.tables.history.values() for entry in history[-1:]} == {"sweep"}


async def test_batch_is_one_for_what_is_over_and_what_is_not(world: World) -> None:
    """No more orders are locked at once than it says."""
    await buy(world, 1)
    world.clock.advance(31 * DAY)
    assert await sweep(world)() == 1
    world.clock.advance(-45 * DAY)
    await buy(world, 2)
    world.clock.advance(30 * DAY)
    assert [await sweep(world, batch_size=2)() for _ in range(3)] == [2, 1, 0]
    assert sorted(order.state for order in world.store.tables.orders.values()) == ["expired", "expired", "token_issued"]


async def test_share_stops_it_where_few_have_access(world: World) -> None:
    """Three of twenty is more than a tenth, two are not."""
    await buy(world, 2)
    await buy(world, 18, "life")
    world.clock.advance(31 * DAY)
    careful = sweep(world, free=1)
    assert await careful.census() == LapseCensus(lapsed=2, live=20)
    assert await careful() == 2
    await buy(world, 3)
    world.clock.advance(31 * DAY)
    with pytest.raises(SweepHalted):
        await careful()


async def test_number_stops_it_where_many_have_access(world: World) -> None:
    """However small a share they are."""
    await buy(world, 4)
    await buy(world, 60, "life")
    world.clock.advance(31 * DAY)
    with pytest.raises(SweepHalted):
        await sweep(world, free=1, number=3)()
    assert await sweep(world, free=1, number=4)() == 4


@pytest.mark.parametrize("batch_size", [1, 2, 3])
async def test_small_batches_do_not_slip_through_the_breaker(world: World, batch_size: int) -> None:
    """What is counted is everybody who has lapsed, not the batch."""
    await buy(world, 4)
    world.clock.advance(31 * DAY)
    with pytest.raises(SweepHalted):
        await sweep(world, batch_size, free=3)()
    assert states(world) == {State.TOKEN_ISSUED}


async def test_operator_who_has_seen_the_census_lets_it_pass(world: World) -> None:
    """The history and the log of acts name him, order by order."""
    await buy(world, 3)
    world.clock.advance(31 * DAY)
    halted = sweep(world, 2, free=0)
    with pytest.raises(SweepHalted):
        await halted()
    assert [await halted(confirmed_by=ANNA) for _ in range(3)] == [2, 1, 0]
    assert states(world) == {State.EXPIRED}
    orders = world.store.tables.orders
    assert {world.store.tables.history[order_id][-1].cause for order_id in orders} == {"operator:anna"}
    acts = world.store.tables.operator_acts
    assert {act.order_id for act in acts} == set(orders)
    assert acts[0] == OperatorAct(
        at=world.clock.now(),
        by="anna",
        why="the customer asked",
        act="sweep",
        subject="recorded as expired",
        order_id=acts[0].order_id,
    )
