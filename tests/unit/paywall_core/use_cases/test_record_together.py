"""Notifications that come in at the same moment share a transaction, and nothing else."""

import asyncio
from collections.abc import Sequence

import pytest

from paywall_core.errors import ReferencesDisagree
from paywall_core.events import PaymentLinked, RefundUpdated
from paywall_core.facts import RefundStatus
from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment, subjects_of
from paywall_core.use_cases.record_together import RecordTogether
from paywall_core.use_cases.start_checkout import StartedCheckout

from ..strategies import eur  # noqa: TID252  - the tests' own package
from .world import COMMAND, World

PARKED = RecordedPayment(parked=True)
_ADDRESSES = ("anna@example.com", "boris@example.com", "clara@example.com")


class Held(RecordPayment):
    """Records, and counts its transactions; none begins before it may.

    Attributes:
        groups: the ids of the events of each transaction that was begun.
    """

    def __init__(self, world: World) -> None:
        super().__init__(unit_of_work=world.store.unit_of_work, clock=world.clock)
        self.groups: list[list[str | None]] = []
        self.go = asyncio.Event()

    async def together(self, notifications: Sequence[PaymentNotification]) -> Sequence[RecordedPayment]:
        """Wait, then record."""
        self.groups.append([told.event_id for told in notifications])
        await self.go.wait()
        return await super().together(notifications)


@pytest.fixture
def held(world: World) -> Held:
    """It is told when to go."""
    return Held(world)


def refund(world: World, number: int, *references: str) -> PaymentNotification:
    """A refund of a charge that nobody knows: it is parked."""
    event = RefundUpdated(
        refund_id=f"re_{number}", amount=eur(900), status=RefundStatus.SUCCEEDED, payment="pi_of_it", charge="ch_of_it"
    )
    return world.say(f"evt_{number}", event, references=references or (f"ch_{number}",))


async def begin(record: RecordTogether, *said: PaymentNotification) -> list[asyncio.Task[RecordedPayment]]:
    """They come in one after another; none is answered yet."""
    tasks = []
    for one in said:
        tasks.append(asyncio.ensure_future(record(one)))
        await asyncio.sleep(0)
    return tasks


async def purchases(world: World) -> list[tuple[StartedCheckout, PaymentNotification]]:
    """Three customers pay at once."""
    started = [await world.start(COMMAND) for _ in _ADDRESSES]
    return [(one, world.paid(one, f"evt_{n}")) for n, one in enumerate(started)]


# One transaction for several.


async def test_several_are_recorded_by_one_transaction(world: World) -> None:
    """Each order is paid, each mail is owed; the answers come in the order of the questions."""
    said = [
        world.say(f"evt_{n}", *told.events, order_id=one.order_id, references=(one.session_id, f"pi_{n}"))
        for n, (one, told) in enumerate(await purchases(world))
    ]
    again = world.say("evt_0", *said[0].events)
    await world.record(again)
    recorded = await world.record.together([*said, refund(world, 7), world.say("evt_8"), world.say(None)])
    assert [one.duplicate for one in recorded] == [True, False, False, False, False, False]
    assert [(one.before, one.after) for one in recorded[1:3]] == [(State.PENDING, State.TOKEN_ISSUED)] * 2
    assert recorded[3:] == [PARKED, RecordedPayment(), RecordedPayment()]
    assert [one.order_id for one in recorded[:3]] == [one.order_id for one in said]
    mails = [row.key for row in world.store.outbox if row.key.startswith("access_email")]
    assert len(mails) == 2


async def test_two_that_find_the_same_order_change_it_one_after_the_other(world: World) -> None:
    """Nothing in what they say tells that they are about the same: an id that is bound already does."""
    started = await world.subscribe()
    await world.learn(started, PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"))
    await world.record(world.say(None, order_id=started.order_id, references=("ch_1", "ch_2")))
    before = world.order(started.order_id).version
    halves = [
        RefundUpdated(
            refund_id=f"re_{n}", amount=eur(450), status=RefundStatus.SUCCEEDED, payment="pi_1", charge="ch_1"
        )
        for n in (1, 2)
    ]
    first, second = (world.say(f"evt_r{n}", event, references=(f"ch_{n}",)) for n, event in enumerate(halves, start=1))
    recorded = await world.record.together([first, second])
    assert [one.order_id for one in recorded] == [started.order_id] * 2
    assert [one.after for one in recorded] == [State.REVOKED] * 2
    assert recorded[1].before is State.TOKEN_ISSUED
    assert world.order(started.order_id).version == before + 2
    assert [entry.sequence for entry in world.store.tables.history[started.order_id]] == [*range(1, before + 3)]


async def test_what_is_parked_beside_the_one_that_leads_to_it_is_applied(world: World) -> None:
    """The link names an id, one that waits names it and another; the refund beside it names only that other."""
    started = await world.subscribe()
    await world.record(
        world.say("evt_waits", PaymentLinked(payment_intent_id="pi_x", payment_id="in_1"), references=("a", "b"))
    )
    link = world.say(
        "evt_link",
        PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"),
        order_id=started.order_id,
        references=("a",),
    )
    event = RefundUpdated(refund_id="re_1", amount=eur(900), status=RefundStatus.SUCCEEDED, payment="pi_1")
    beside = world.say("evt_refund", event, references=("b",))
    await world.record.together([beside, link])
    assert world.state(started) is State.REVOKED
    assert world.store.tables.events["evt_refund"].order_id == started.order_id


async def test_one_that_cannot_be_recorded_takes_the_others_with_it(world: World) -> None:
    """All of them or none: whoever calls sees to the rest."""
    (one, told), (two, _), _ = await purchases(world)
    await world.record(world.say(None, order_id=one.order_id, references=("x",)))
    await world.record(world.say(None, order_id=two.order_id, references=("y",)))
    with pytest.raises(ReferencesDisagree):
        await world.record.together([told, refund(world, 9, "x", "y")])
    assert world.state(one) is State.PENDING
    assert not world.store.tables.events


def test_subjects_are_all_by_which_two_can_be_about_the_same(world: World) -> None:
    """The event, the order, the provider's ids; what is not said is none."""
    started = StartedCheckout(checkout_url="", session_id="cs", order_id=world.randomness.new_id())
    said = world.say("evt_1", order_id=started.order_id, references=("cs", "pi"))
    assert subjects_of(said) == {"evt_1", started.order_id, "cs", "pi"}
    assert subjects_of(world.say(None)) == set()


# Gathering.


async def test_one_alone_is_recorded_at_once(world: World, held: Held) -> None:
    """Nobody waits for company."""
    record = RecordTogether(held)
    held.go.set()
    assert await record(refund(world, 1)) == PARKED
    assert await record(refund(world, 2)) == PARKED
    assert held.groups == [["evt_1"], ["evt_2"]]


async def test_those_that_come_in_meanwhile_go_together(world: World, held: Held) -> None:
    """The first goes at once; the rest share what begins when that is done."""
    record = RecordTogether(held)
    tasks = await begin(record, *(refund(world, number) for number in range(6)))
    assert held.groups == [["evt_0"]]
    held.go.set()
    assert await asyncio.gather(*tasks) == [PARKED] * 6
    assert held.groups == [["evt_0"], ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"]]


async def test_one_alone_goes_by_what_is_put_around_recording(world: World) -> None:
    """Whatever somebody does with each notification is done with one that comes alone, too."""
    asked: list[str | None] = []

    class Around(RecordPayment):
        async def __call__(self, notification: PaymentNotification) -> RecordedPayment:
            asked.append(notification.event_id)
            return await super().__call__(notification)

    record = RecordTogether(Around(unit_of_work=world.store.unit_of_work, clock=world.clock))
    assert await record(refund(world, 1)) == PARKED
    assert asked == ["evt_1"]


async def test_with_one_lane_nobody_begins_a_second(world: World, held: Held) -> None:
    """However many wait: the database has one writer."""
    record = RecordTogether(held, lanes=1)
    tasks = await begin(record, *(refund(world, number) for number in range(40)))
    await asyncio.sleep(0)
    assert held.groups == [["evt_0"]]
    held.go.set()
    assert await asyncio.gather(*tasks) == [PARKED] * 40


async def test_many_who_wait_begin_a_second_transaction(world: World, held: Held) -> None:
    """So many are worth it; a third is not begun, and what is left when one is done goes if it is enough, or last."""
    record = RecordTogether(held, lanes=2, enough=3)
    tasks = await begin(record, *(refund(world, number) for number in range(3)))
    await asyncio.sleep(0)
    assert held.groups == [["evt_0"]]
    tasks += await begin(record, *(refund(world, number) for number in range(3, 9)))
    await asyncio.sleep(0)
    assert held.groups == [["evt_0"], ["evt_1", "evt_2", "evt_3"]]
    held.go.set()
    assert await asyncio.gather(*tasks) == [PARKED] * 9
    assert held.groups[2:] == [["evt_4", "evt_5", "evt_6", "evt_7", "evt_8"]]


async def test_few_who_wait_beside_one_that_is_under_way_wait_for_it(world: World, held: Held) -> None:
    """Two lanes are busy; whichever is done first leaves them to the other."""
    record = RecordTogether(held, lanes=2, enough=2)
    tasks = await begin(record, *(refund(world, number) for number in range(4)))
    await asyncio.sleep(0)
    assert held.groups == [["evt_0"], ["evt_1", "evt_2"]]
    held.go.set()
    assert await asyncio.gather(*tasks) == [PARKED] * 4
    assert held.groups[2:] == [["evt_3"]]


async def test_no_more_than_so_many_go_together(world: World, held: Held) -> None:
    """The rest wait for the next."""
    record = RecordTogether(held, lanes=1, most=2)
    tasks = await begin(record, *(refund(world, number) for number in range(6)))
    held.go.set()
    assert await asyncio.gather(*tasks) == [PARKED] * 6
    assert held.groups == [["evt_0"], ["evt_1", "evt_2"], ["evt_3", "evt_4"], ["evt_5"]]


async def test_two_about_the_same_do_not_go_together(world: World, held: Held) -> None:
    """The same event twice, and two that name one id; the others do not wait for them."""
    record = RecordTogether(held, lanes=1)
    said = [refund(world, 0), refund(world, 1), refund(world, 1), refund(world, 2, "ch_1"), refund(world, 4)]
    tasks = await begin(record, *said)
    held.go.set()
    answers = await asyncio.gather(*tasks)
    assert answers == [PARKED, PARKED, RecordedPayment(duplicate=True), PARKED, PARKED]
    assert held.groups == [["evt_0"], ["evt_1", "evt_4"], ["evt_1"], ["evt_2"]]


# Each has its own outcome.


async def test_one_that_cannot_be_recorded_fails_alone(world: World, held: Held) -> None:
    """Its neighbours are recorded, by transactions of their own."""
    (one, told), (two, _), _ = await purchases(world)
    await world.record(world.say(None, order_id=one.order_id, references=("x",)))
    await world.record(world.say(None, order_id=two.order_id, references=("y",)))
    record = RecordTogether(held, lanes=1)
    tasks = await begin(record, refund(world, 5), told, refund(world, 6, "x", "y"), refund(world, 7))
    held.go.set()
    first, second, poison, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, last) == (PARKED, PARKED)
    assert isinstance(second, RecordedPayment)
    assert second.after is State.TOKEN_ISSUED
    assert isinstance(poison, ReferencesDisagree)
    assert held.groups == [["evt_5"], ["evt_0", "evt_6", "evt_7"], ["evt_0"], ["evt_6"], ["evt_7"]]


async def test_one_that_waited_alone_fails_once(world: World, held: Held) -> None:
    """There is nobody to part it from."""
    (one, _), (two, _), _ = await purchases(world)
    await world.record(world.say(None, order_id=one.order_id, references=("x",)))
    await world.record(world.say(None, order_id=two.order_id, references=("y",)))
    record = RecordTogether(held, lanes=1)
    tasks = await begin(record, refund(world, 5), refund(world, 6, "x", "y"))
    held.go.set()
    _, poison = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(poison, ReferencesDisagree)
    assert held.groups == [["evt_5"], ["evt_6"]]
    with pytest.raises(ReferencesDisagree):
        await record(refund(world, 8, "x", "y"))
    assert await record(refund(world, 9)) == PARKED  # the lane is free again


async def test_whoever_has_gone_holds_nobody_up(world: World, held: Held) -> None:
    """Before its turn it is passed over; in the middle it is recorded all the same."""
    record = RecordTogether(held, lanes=1)
    tasks = await begin(record, *(refund(world, number) for number in range(4)))
    tasks[1].cancel()
    await asyncio.sleep(0)
    held.go.set()
    await tasks[0]
    while len(held.groups) == 1:
        await asyncio.sleep(0)
    tasks[2].cancel()
    assert await tasks[3] == PARKED
    assert held.groups == [["evt_0"], ["evt_2", "evt_3"]]
    assert {"evt_0", "evt_2", "evt_3"} == world.store.tables.events.keys()


async def test_who_waits_when_the_process_ends_is_let_go(world: World) -> None:
    """They get no answer, which the provider takes for a no."""

    class Hanging(Held):
        async def together(self, notifications: Sequence[PaymentNotification]) -> Sequence[RecordedPayment]:
            if len(notifications) > 1:
                self.go.clear()
            return await super().together(notifications)

    held = Hanging(world)
    record = RecordTogether(held, lanes=1)
    tasks = await begin(record, refund(world, 0), refund(world, 1), refund(world, 2))
    held.go.set()
    await tasks[0]
    while len(held.groups) == 1:
        await asyncio.sleep(0)
    (group,) = record._groups
    group.cancel()
    outcomes = await asyncio.gather(*tasks[1:], return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    held.go.set()
    assert await record(refund(world, 3)) == PARKED


async def test_a_process_that_dies_while_each_goes_alone_dies(world: World, held: Held) -> None:
    """That is nobody's outcome."""

    class Killed(BaseException):
        """As a signal would be."""

    class Dying(Held):
        async def together(self, notifications: Sequence[PaymentNotification]) -> Sequence[RecordedPayment]:
            if len(notifications) > 1:
                raise ReferencesDisagree("test", [])
            raise Killed

    with pytest.raises(Killed):
        await RecordTogether(Dying(world)).do_all([refund(world, 1), refund(world, 2)])
