"""Two processes hear of many purchases at once, in any order and twice, and share transactions: the laws hold."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from uuid import UUID

import asyncpg
import pytest
from msgspec import structs

from adapters.db.connection import database_errors
from adapters.db.database import Database
from paywall_core.errors import Conflict
from paywall_core.events import DisputeUpdated, PaymentSucceeded, RefundUpdated
from paywall_core.facts import DisputeStatus, RefundStatus
from paywall_core.lifecycle import State
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.testing import FakeClock
from paywall_core.testing.contract.samples import NOW, add, notification, place
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment
from paywall_core.use_cases.record_together import RecordTogether

ORDERS = 24
AT_ONCE = 40
TRIES = 20
PRICE = Money.of(1500, "eur")


class Counting(RecordTogether):
    """Counts the transactions that several shared."""

    shared = 0

    async def do_all(self, asked: Sequence[PaymentNotification]) -> Sequence[RecordedPayment | Exception]:
        """Count it."""
        self.shared += len(asked) > 1
        return await super().do_all(asked)


def said_of(number: int, order_id: UUID) -> Iterator[PaymentNotification]:
    """A payment; of every other its refund, which names the order by the payment's id; of some a dispute of the charge.

    The dispute finds its order only by the refund, which may wait itself: whichever comes last applies all three.
    """
    payment, charge = f"pi_{number}", f"ch_{number}"
    paid = PaymentSucceeded(payment_id=payment, paid_at=NOW, amount=PRICE, session_id=f"cs_{number}")
    told = notification(f"evt_paid_{number}", paid, references=(f"cs_{number}", payment))
    yield structs.replace(told, order_id=order_id)
    if number % 2:
        refund = RefundUpdated(
            refund_id=f"re_{number}", amount=PRICE, status=RefundStatus.SUCCEEDED, payment=payment, charge=charge
        )
        yield notification(f"evt_refund_{number}", refund, references=(charge, payment))
    if number % 4 == 1:
        dispute = DisputeUpdated(dispute_id=f"dp_{number}", status=DisputeStatus.OPEN, charge=charge)
        yield notification(f"evt_dispute_{number}", dispute, references=(charge,))


async def tell(record: RecordTogether, told: PaymentNotification) -> None:
    """As the provider does: what failed comes again."""
    for _ in range(TRIES):
        try:
            await record(told)
        except database_errors(Conflict):
            continue
        return
    pytest.fail(f"{told.event_id} failed {TRIES} times")


@pytest.mark.parametrize("seed", range(4))
async def test_everybody_has_what_was_paid_for(database: Database, database_url: str, seed: int) -> None:
    """However many share a transaction: each event is there once, each order where its events lead, nothing waits."""
    orders = [await add(database, place(email=f"anna{number}@example.com")) for number in range(ORDERS)]
    said = [told for number, order in enumerate(orders) for told in said_of(number, order.id)]
    post = 2 * said
    random.Random(seed).shuffle(post)  # noqa: S311  - an order of arrival
    other = Database(database_url)
    clock = FakeClock(NOW)
    processes = [
        Counting(RecordPayment(unit_of_work=one.unit_of_work, clock=clock), lanes=one.writers, enough=4)
        for one in (database, other)
    ]
    coming = iter(enumerate(post))

    async def client() -> None:
        for number, told in coming:
            await tell(processes[number % 2], told)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    await other.close()
    assert all(process.shared for process in processes)
    async with database.unit_of_work() as uow:
        assert await uow.payment_events.known([told.event_id or "" for told in said]) == {t.event_id for t in said}
        assert [await uow.payment_events.find_parked(told.event_id or "") for told in said] == [None] * len(said)
        for number, placed in enumerate(orders):
            order = await uow.orders.get(placed.id)
            assert order is not None
            assert order.state is (State.REVOKED if number % 2 else State.TOKEN_ISSUED)
            assert (len(order.facts.refunds), len(order.facts.disputes)) == (number % 2, number % 4 == 1)
            history = await uow.orders.history(placed.id)
            assert [entry.sequence for entry in history] == list(range(1, order.version + 1))
            mails = [entry for entry in history if entry.to_state is State.TOKEN_ISSUED]
            assert mails or number % 2  # a refund that came first leaves nothing to be sent


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_many_payments_take_as_many_trips_as_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin, to find their orders, to store what was said, to write what follows, and to commit."""
    record = RecordPayment(unit_of_work=database.unit_of_work, clock=FakeClock(NOW))
    trips: list[str] = []
    for name in ("fetch", "fetchrow", "fetchmany", "execute", "executemany"):
        monkeypatch.setattr(asyncpg.Connection, name, _counted(getattr(asyncpg.Connection, name), trips))
    number = 0
    for count in (1, 20):
        told = []
        for _ in range(count):
            number += 1
            order = await add(database, place())
            told.append(next(said_of(number, order.id)))
        await asyncio.sleep(0)
        trips.clear()
        recorded = await record.together(told)
        assert {one.after for one in recorded} == {State.TOKEN_ISSUED}
        ours = [sql for sql in trips if "NOTIFY" not in sql]
        assert [sql.split()[0] for sql in ours] == ["BEGIN", "WITH", "WITH", "WITH", "COMMIT"]


def _counted(trip: Callable[..., Awaitable[object]], trips: list[str]) -> Callable[..., Awaitable[object]]:
    async def counted(self: object, sql: str, *more: object, **options: object) -> object:
        trips.append(sql)
        return await trip(self, sql, *more, **options)

    return counted
