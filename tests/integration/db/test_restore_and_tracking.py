"""Challenges, the tracking log and effects without an order: the contract, on the fake, SQLite and PostgreSQL."""

import asyncio
import hashlib
from uuid import UUID, uuid4

import pytest
from msgspec import structs
from sqlalchemy import select

from adapters.db.database import Database
from adapters.db.schema import outbox, restore_challenges
from adapters.db.statements import Statement
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import Effect, ForwardTrackedEvent, ReportSale, SendAccessEmail, SendRestoreCode
from paywall_core.errors import OneTimeCodeInvalid
from paywall_core.events import ChargeRefunded, DisputeUpdated
from paywall_core.facts import DisputeStatus
from paywall_core.lifecycle import State
from paywall_core.money import Money
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.testing import FakeClock, SeededRandomness
from paywall_core.tracking import AdEvent, FunnelEvent, TrackedEvent, TrackingAttempt, TrackingOutcome
from paywall_core.use_cases.confirm_restore import ConfirmRestore, ConfirmRestoreCommand, RestoredAccess
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.request_restore import RequestRestore, RequestRestoreCommand

from .samples import MINUTE, NOW, REFUND, Store, add, change, notification, paid_event, place

SECRET = b"a token secret of the tests"
ADDRESS = "anna@example.com"


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which implementation."""
    return str(request.param)


def challenge(address: str = ADDRESS, number: int = 1, minutes: int = 0) -> RestoreChallenge:
    """A challenge that was issued some minutes after now."""
    return RestoreChallenge(address=address, id=UUID(int=number), issued=(NOW - MINUTE, NOW + minutes * MINUTE))


async def put(store: Store, *challenges: RestoreChallenge) -> None:
    """Store them."""
    async with store.unit_of_work() as uow:
        for one in challenges:
            await uow.restore_challenges.hold(one.address)
            await uow.restore_challenges.put(one)
        await uow.commit()


async def test_challenge_is_read_back_whole_and_replaced(store: Store) -> None:
    """By its address and by its id; the one that it replaced is not found any more."""
    first, second = challenge(), challenge(number=2, minutes=3).tried().solved()
    await put(store, first)
    async with store.unit_of_work() as uow:
        assert await uow.restore_challenges.hold(ADDRESS) == first
        assert await uow.restore_challenges.find(first.id) == first
        assert await uow.restore_challenges.hold("nobody@example.com") is None
    await put(store, second)
    async with store.unit_of_work() as uow:
        assert await uow.restore_challenges.hold(ADDRESS) == second
        assert await uow.restore_challenges.find(second.id) == second
        assert await uow.restore_challenges.find(first.id) is None


@pytest.mark.parametrize("known", [True, False])
async def test_address_is_held_by_one_transaction_at_a_time(store: Store, *, known: bool) -> None:
    """Also one that was never seen: each sees what the one before has written."""
    if known:
        await put(store, challenge())
    tries = 8

    async def count() -> None:
        async with store.unit_of_work() as uow:
            held = await uow.restore_challenges.hold(ADDRESS) or challenge()
            await asyncio.sleep(0)
            await uow.restore_challenges.put(held.tried())
            await uow.commit()

    await asyncio.gather(*(count() for _ in range(tries)))
    async with store.unit_of_work() as uow:
        held = await uow.restore_challenges.hold(ADDRESS)
    assert held is not None
    assert held.tries == tries


@pytest.mark.parametrize("known", [True, False])
async def test_second_to_hold_an_address_reads_what_the_first_wrote(store: Store, *, known: bool) -> None:
    """It waits for the end of the first, however late the first writes."""
    if known:
        await put(store, challenge())
    written = challenge(number=2, minutes=1)

    async def second() -> RestoreChallenge | None:
        async with store.unit_of_work() as uow:
            return await uow.restore_challenges.hold(ADDRESS)

    async with store.unit_of_work() as uow:
        assert (await uow.restore_challenges.hold(ADDRESS) is not None) is known
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await uow.restore_challenges.put(written)
        await uow.commit()
    assert await waiting == written


async def test_challenge_of_a_rolled_back_transaction_never_was(store: Store) -> None:
    """And the address is free again."""
    async with store.unit_of_work() as uow:
        await uow.restore_challenges.hold(ADDRESS)
        await uow.restore_challenges.put(challenge())
    async with store.unit_of_work() as uow:
        assert await uow.restore_challenges.hold(ADDRESS) is None
        assert await uow.restore_challenges.find(challenge().id) is None


async def test_old_challenges_are_forgotten_in_bounded_batches(store: Store) -> None:
    """The oldest first, and none that is younger."""
    await put(store, *(challenge(f"{number}@example.com", number, minutes=number) for number in range(5)))
    for expected in (2, 1, 0):
        async with store.unit_of_work() as uow:
            assert await uow.restore_challenges.forget(NOW + 3 * MINUTE, 2) == expected
            await uow.commit()
    async with store.unit_of_work() as uow:
        left = [await uow.restore_challenges.hold(f"{number}@example.com") for number in range(5)]
    assert [one is not None for one in left] == [False, False, False, True, True]


async def test_paid_orders_of_an_address_come_best_first(store: Store) -> None:
    """What was never paid stays out, what was refunded comes last; the limit holds, and the key is what is compared."""
    await add(store, place())
    refunded = await change(store, await add(store, place(at=NOW + 2 * MINUTE)), paid_event("cs_3"))
    await change(store, refunded, structs.replace(REFUND, payment="pi_cs_3", charge=None))
    short = await change(store, await add(store, place()), paid_event("cs_1"))
    late = await change(store, await add(store, place(at=NOW + MINUTE)), paid_event("cs_2"))
    async with store.unit_of_work() as uow:
        assert [order.id for order in await uow.orders.paid_by(ADDRESS, 9)] == [late.id, short.id, refunded.id]
        assert [order.id for order in await uow.orders.paid_by(ADDRESS, 1)] == [late.id]
        assert list(await uow.orders.paid_by("Anna@Example.com", 9)) == []


@pytest.mark.parametrize(
    "event",
    [
        FunnelEvent(name="start_quiz", clickid="c", params={"утм": "я"}, session_id="cs_1", page_path="/quiz"),
        FunnelEvent(name="pay_success", clickid="c"),
        AdEvent(name="Lead", fbclid="AbC", ip="2001:db8::1", user_agent="Mozilla"),
        AdEvent(name="Lead"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("outcome", list(TrackingOutcome))
async def test_tracked_event_is_read_back_whole(store: Store, event: TrackedEvent, outcome: TrackingOutcome) -> None:
    """Each kind, in each state, and as it was settled."""
    attempt = TrackingAttempt(id=uuid4(), received_at=NOW, event=event, outcome=outcome, reason="why")
    async with store.unit_of_work() as uow:
        await uow.tracking_log.add(attempt)
        await uow.commit()
    async with store.unit_of_work() as uow:
        assert await uow.tracking_log.find(attempt.id) == attempt
        assert await uow.tracking_log.find(uuid4()) is None
        await uow.tracking_log.settle(attempt.id, TrackingOutcome.DELIVERED, at=NOW, reason=None)
        await uow.tracking_log.settle(uuid4(), TrackingOutcome.DELIVERED, at=NOW, reason=None)
        settled = await uow.tracking_log.find(attempt.id)
    assert settled is not None
    assert (settled.outcome, settled.reason, settled.event) == (TrackingOutcome.DELIVERED, None, event)


async def test_effect_that_no_order_owes_is_leased_and_settled(store: Store) -> None:
    """Beside those of an order."""
    order = await add(store, place())
    effects: list[Effect] = [
        SendRestoreCode(challenge_id=uuid4()),
        ForwardTrackedEvent(attempt_id=uuid4()),
        ReportSale(order_id=order.id),
    ]
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue(effects, now=NOW)
        await uow.commit()
    async with store.unit_of_work() as uow:
        leased = await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
        assert {delivery.key: delivery.effect for delivery in leased} == {effect.key: effect for effect in effects}
        for delivery in leased:
            assert await uow.outbox.settle(delivery, Settlement(status=DeliveryStatus.DELIVERED, at=NOW))
        await uow.commit()


async def test_skipped_effects_are_due_again_at_the_new_time(store: Store) -> None:
    """Several in one statement, each its own row."""
    order = await add(store, place())
    effects = [SendAccessEmail(order_id=order.id, token_version=number) for number in (1, 2)]
    async with store.unit_of_work() as uow:
        await uow.outbox.enqueue(effects, now=NOW)
        for delivery in await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4()):
            await uow.outbox.settle(delivery, Settlement(status=DeliveryStatus.SKIPPED, at=NOW))
        await uow.outbox.enqueue(effects, now=NOW + 3 * MINUTE)
        await uow.commit()
    async with store.unit_of_work() as uow:
        for minutes, expected in ((2, 0), (3, 2)):
            now = NOW + minutes * MINUTE
            assert len(await uow.outbox.lease(now=now, limit=9, lease_until=now, lease_id=uuid4())) == expected


class Restoring:
    """The two use cases of a restore, on one of the three stores."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FakeClock(NOW)
        self.codes = CountingCodes([SECRET])
        self.challenge_id: UUID | None = None
        links = ActivationLinks(tokens=AccessTokens([SECRET]), bot_username="bot")
        self.request = RequestRestore(unit_of_work=store.unit_of_work, clock=self.clock, randomness=SeededRandomness())
        self.confirm = ConfirmRestore(unit_of_work=store.unit_of_work, codes=self.codes, links=links, clock=self.clock)

    async def code(self) -> str:
        """Ask, and read the code from the challenge."""
        await self.request(RequestRestoreCommand(email=ADDRESS))
        async with self.store.unit_of_work() as uow:
            held = await uow.restore_challenges.hold(ADDRESS)
        assert held is not None
        self.challenge_id = held.id
        return self.codes.derive(held.id)

    async def answers(self, codes: list[str]) -> list[RestoredAccess | BaseException]:
        """Answer with all of them at once."""
        commands = [ConfirmRestoreCommand(email=ADDRESS, code=code, telegram_user_id=7) for code in codes]
        return await asyncio.gather(*map(self.confirm, commands), return_exceptions=True)


class CountingCodes(OneTimeCodes):
    """Counts comparisons."""

    compared = 0

    def matches(self, challenge_id: UUID, answer: str) -> bool:
        """Compare, and count."""
        self.compared += 1
        return super().matches(challenge_id, answer)


async def test_fifty_answers_at_once_are_five_comparisons(store: Store) -> None:
    """However many processes they come through."""
    await change(store, await add(store, place()), paid_event())
    restoring = Restoring(store)
    code = await restoring.code()
    wrong = [text for number in range(51) if (text := f"{number:06}") != code][:50]
    results = await restoring.answers(wrong)
    assert all(isinstance(result, OneTimeCodeInvalid) for result in results)
    assert restoring.codes.compared == 5


async def test_right_answer_many_times_at_once_counts_once(store: Store) -> None:
    """One restores, the others find it spent."""
    await change(store, await add(store, place()), paid_event())
    restoring = Restoring(store)
    results = await restoring.answers([await restoring.code()] * 5)
    assert sum(isinstance(result, RestoredAccess) for result in results) == 1
    assert sum(isinstance(result, OneTimeCodeInvalid) for result in results) == 4


async def test_newer_code_makes_the_older_one_worthless(store: Store) -> None:
    """One challenge is live; its right answer is taken, that of the one before is not."""
    await change(store, await add(store, place()), paid_event())
    restoring = Restoring(store)
    older = await restoring.code()
    restoring.clock.advance(MINUTE)
    newer = await restoring.code()
    assert older != newer
    (refused,) = await restoring.answers([older])
    (restored,) = await restoring.answers([newer])
    assert isinstance(refused, OneTimeCodeInvalid)
    assert isinstance(restored, RestoredAccess)


@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"])
async def test_neither_code_nor_hash_of_it_is_at_rest(database: Database) -> None:
    """Whoever reads a live challenge and what is owed for it learns an id, worth nothing without the secret."""
    restoring = Restoring(database)
    code = await restoring.code()
    async with database.pool.reading() as connection:
        rows = [row for table in (restore_challenges, outbox) for row in await connection.all(Statement(select(table)))]
    assert len(rows) == 2
    stored = " ".join(str(value) for row in rows for value in row)
    assert str(restoring.challenge_id) in stored
    hashes = [hashlib.new(name, code.encode()).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")]
    assert [text for text in (code, *hashes) if text in stored] == []


@pytest.mark.parametrize("parked_before", [True, False])
async def test_all_ids_of_an_event_become_its_order_s(store: Store, *, parked_before: bool) -> None:
    """Found by one id, it binds the others: what waited for them is applied, what comes later finds the order."""
    order = await change(store, await add(store, place()), paid_event())
    async with store.unit_of_work() as uow:
        await uow.orders.claim({"pi_cs_1": order.id})
        await uow.commit()
    record = RecordPayment(unit_of_work=store.unit_of_work, clock=FakeClock(NOW))
    if parked_before:
        opened = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, charge="ch_1")
        assert (await record(notification("evt_1", opened, references=("ch_1",)))).parked
    charge = ChargeRefunded(charge_id="ch_1", amount=Money.of(1500, "eur"), refunded_minor=0, payment="pi_cs_1")
    assert (await record(notification("evt_2", charge, references=("ch_1", "pi_cs_1")))).order_id == order.id
    async with store.unit_of_work() as uow:
        found = await uow.orders.get(order.id)
        assert found is not None
        assert found.state is (State.REVOKED if parked_before else State.TOKEN_ISSUED)
        assert list(await uow.payment_events.parked(["ch_1"])) == []
    later = DisputeUpdated(dispute_id="dp_2", status=DisputeStatus.OPEN, charge="ch_1")
    assert (await record(notification("evt_3", later, references=("ch_1",)))).order_id == order.id
    async with store.unit_of_work() as uow:
        disputed = await uow.orders.get(order.id)
    assert disputed is not None
    assert disputed.state is State.REVOKED


async def test_old_tracked_events_are_forgotten_in_bounded_batches(store: Store) -> None:
    """The oldest first; none that is younger, none that is still queued."""
    ids = [uuid4() for _ in range(5)]
    outcomes = [TrackingOutcome.QUEUED, *[TrackingOutcome.DELIVERED] * 4]
    async with store.unit_of_work() as uow:
        for minute, (attempt_id, outcome) in enumerate(zip(ids, outcomes, strict=True)):
            await uow.tracking_log.add(
                TrackingAttempt(
                    id=attempt_id, received_at=NOW + minute * MINUTE, event=AdEvent(name="Lead"), outcome=outcome
                )
            )
        await uow.commit()
    for expected in (2, 1, 0):
        async with store.unit_of_work() as uow:
            assert await uow.tracking_log.forget(NOW + 4 * MINUTE, 2) == expected
            await uow.commit()
    async with store.unit_of_work() as uow:
        left = [await uow.tracking_log.find(attempt_id) is not None for attempt_id in ids]
    assert left == [True, False, False, False, True]
