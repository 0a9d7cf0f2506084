"""The contract of the three logs: what came in for trackers, what operators did, how far the provider was read."""

import asyncio
from uuid import uuid4

import pytest
from msgspec import structs

from paywall_core.ports.unit_of_work import (
    OperatorAct,
)
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import MINUTE, NOW, Store, add, place
from paywall_core.tracking import AdEvent, FunnelEvent, TrackedEvent, TrackingAttempt, TrackingOutcome


async def claim(store: Store, minutes: float) -> bool:
    """A process that would begin a run so long after `NOW`, when one in ten minutes may."""
    async with store.unit_of_work() as uow:
        claimed = await uow.reconciliation.claim_run(NOW + minutes * MINUTE, min_interval_seconds=600)
        await asyncio.sleep(0)
        await uow.commit()
    return claimed


class TrackingLogContract(PortsContract):
    """What a `TrackingLog` must do."""

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
    async def test_tracked_event_is_read_back_whole(self, event: TrackedEvent, outcome: TrackingOutcome) -> None:
        """Each kind, in each state, and as it was settled."""
        attempt = TrackingAttempt(id=uuid4(), received_at=NOW, event=event, outcome=outcome, reason="why")
        async with self.ports.unit_of_work() as uow:
            await uow.tracking_log.add(attempt)
            await uow.commit()
        async with self.ports.unit_of_work() as uow:
            assert await uow.tracking_log.find(attempt.id) == attempt
            assert await uow.tracking_log.find(uuid4()) is None
            await uow.tracking_log.settle(attempt.id, TrackingOutcome.DELIVERED, at=NOW, reason=None)
            await uow.tracking_log.settle(uuid4(), TrackingOutcome.DELIVERED, at=NOW, reason=None)
            settled = await uow.tracking_log.find(attempt.id)
        assert settled is not None
        assert (settled.outcome, settled.reason, settled.event) == (TrackingOutcome.DELIVERED, None, event)

    async def test_old_tracked_events_are_forgotten_in_bounded_batches(self) -> None:
        """The oldest first; none that is younger, none that is still queued."""
        ids = [uuid4() for _ in range(5)]
        outcomes = [TrackingOutcome.QUEUED, *[TrackingOutcome.DELIVERED] * 4]
        async with self.ports.unit_of_work() as uow:
            for minute, (attempt_id, outcome) in enumerate(zip(ids, outcomes, strict=True)):
                await uow.tracking_log.add(
                    TrackingAttempt(
                        id=attempt_id, received_at=NOW + minute * MINUTE, event=AdEvent(name="Lead"), outcome=outcome
                    )
                )
            await uow.commit()
        for expected in (2, 1, 0):
            async with self.ports.unit_of_work() as uow:
                assert await uow.tracking_log.forget(NOW + 4 * MINUTE, 2) == expected
                await uow.commit()
        async with self.ports.unit_of_work() as uow:
            left = [await uow.tracking_log.find(attempt_id) is not None for attempt_id in ids]
        assert left == [True, False, False, False, True]


class OperatorLogContract(PortsContract):
    """What an `OperatorLog` must do."""

    async def test_what_an_operator_did_stands_in_the_order_s_dossier(self) -> None:
        """Oldest first, each with its reason; what was about no order, or about another, does not."""
        order, other = await add(self.ports, place()), await add(self.ports, place())
        acts = [
            OperatorAct(
                at=NOW, by="anna", why="the mail server is back", act="outbox retry", subject="k", order_id=order.id
            ),
            OperatorAct(at=NOW, by="anna", why="once more", act="outbox retry", subject="k", order_id=order.id),
            OperatorAct(at=NOW - MINUTE, by="boris", why="asked to", act="resend", subject="link", order_id=order.id),
        ]
        async with self.ports.unit_of_work() as uow:
            for act in [acts[2], acts[0], acts[1]]:
                await uow.operator_log.add(act)
            await uow.operator_log.add(structs.replace(acts[0], order_id=None, act="sweep", subject="12"))
            await uow.operator_log.add(structs.replace(acts[0], order_id=other.id))
            await uow.commit()
        dossier = await self.ports.archive.dossier(order.id)
        assert dossier is not None
        assert list(dossier.acts) == [acts[2], acts[0], acts[1]]


class ReconciliationLogContract(PortsContract):
    """What a `ReconciliationLog` must do."""

    async def test_cursor_goes_on_and_never_back(self) -> None:
        """Before the first reading there is none."""
        async with self.ports.unit_of_work() as uow:
            assert await uow.reconciliation.cursor() is None
            for moment, expected in ((NOW, NOW), (NOW - MINUTE, NOW), (NOW + MINUTE, NOW + MINUTE)):
                await uow.reconciliation.advance(moment)
                assert await uow.reconciliation.cursor() == expected
        async with self.ports.unit_of_work() as uow:
            assert await uow.reconciliation.cursor() is None

    async def test_cursor_advanced_from_many_sides_is_at_the_furthest(self) -> None:
        """Whoever commits last."""

        async def advance(minutes: int) -> None:
            async with self.ports.unit_of_work() as uow:
                await uow.reconciliation.advance(NOW + minutes * MINUTE)
                await asyncio.sleep(0)
                await uow.commit()

        await asyncio.gather(*(advance(minutes) for minutes in (3, 9, 1, 7, 5)))
        async with self.ports.unit_of_work() as uow:
            assert await uow.reconciliation.cursor() == NOW + 9 * MINUTE

    async def test_one_of_ten_begins_a_run(self) -> None:
        """Whichever process it runs in; the next when the interval is over; and the cursor is another matter."""
        assert sorted(await asyncio.gather(*(claim(self.ports, 0) for _ in range(10)))) == [False] * 9 + [True]
        assert not await claim(self.ports, 9.9)
        assert not await claim(self.ports, -5)
        assert sorted(await asyncio.gather(*(claim(self.ports, 10) for _ in range(10)))) == [False] * 9 + [True]
        async with self.ports.unit_of_work() as uow:
            assert await uow.reconciliation.cursor() is None
            await uow.reconciliation.advance(NOW)
            await uow.commit()
        assert not await claim(self.ports, 11)
        assert await claim(self.ports, 20)
        async with self.ports.unit_of_work() as uow:
            assert await uow.reconciliation.cursor() == NOW

    async def test_claim_of_a_clock_that_ran_ahead_holds_nobody_up(self) -> None:
        """It was a year ahead, and is set right; a few minutes between two machines are no such thing."""
        assert await claim(self.ports, 365 * 24 * 60)
        assert await claim(self.ports, 0)
        assert not await claim(self.ports, -9.9)
        assert not await claim(self.ports, 9.9)

    async def test_claim_that_was_rolled_back_holds_nobody_up(self) -> None:
        """The process that claimed and fell over has not begun."""
        async with self.ports.unit_of_work() as uow:
            assert await uow.reconciliation.claim_run(NOW, min_interval_seconds=600)
        assert await claim(self.ports, 0)
