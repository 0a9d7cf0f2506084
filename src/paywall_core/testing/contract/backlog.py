"""The contract of the backlog: what is due, since when, in which lane, what was given up, and what is parked."""

from uuid import uuid4

from paywall_core.effects import Effect, Lane, LookUpEvent, NoticeChannel, NoticeKind, SendAccessEmail, SendNotice
from paywall_core.ports.operations import Backlog, LaneBacklog
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import MINUTE, NOW, REFUND, add, notification, place

EMPTY = Backlog(lanes=tuple(LaneBacklog(lane=lane) for lane in Lane))


class BacklogWatchContract(PortsContract):
    """What a `BacklogWatch` must measure."""

    async def owe(self, *effects: Effect) -> None:
        """Owed since now."""
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue(effects, now=NOW)
            await uow.commit()

    async def lanes(self, *, minutes: int = 0) -> dict[Lane, LaneBacklog]:
        """The lanes that have something before them, so long after now."""
        found = await self.ports.backlog.backlog(NOW + minutes * MINUTE)
        assert [one.lane for one in found.lanes] == list(Lane)
        return {one.lane: one for one in found.lanes if one != LaneBacklog(lane=one.lane)}

    async def settle(self, status: DeliveryStatus, *, minutes: int = 0) -> None:
        """Whatever is due ends so, or is tried again in an hour."""
        now = NOW + minutes * MINUTE
        again = now + 60 * MINUTE if status is DeliveryStatus.PENDING else None
        async with self.ports.unit_of_work() as uow:
            for row in await uow.outbox.lease(now=now, limit=9, lease_until=now + MINUTE, lease_id=uuid4()):
                await uow.outbox.settle([(row, Settlement(status=status, at=now, due_at=again, error="421"))])
            await uow.commit()

    async def test_nothing_waits_where_nothing_is(self) -> None:
        """Each lane is named."""
        assert await self.ports.backlog.backlog(NOW) == EMPTY

    async def test_what_is_due_is_counted_in_its_lane_since_the_first_of_it(self) -> None:
        """What is due later is not, until then."""
        order = await add(self.ports, place())
        notice = SendNotice(
            order_id=order.id,
            kind=NoticeKind.ENDS_SOON,
            channel=NoticeChannel.EMAIL,
            cause="end",
            not_before=NOW + 20 * MINUTE,
        )
        mails = [SendAccessEmail(order_id=order.id, token_version=version) for version in (1, 2)]
        await self.owe(*mails, notice, LookUpEvent(event_id="evt_1", not_before=NOW + 5 * MINUTE))
        mail = LaneBacklog(lane=Lane.MAIL, due=2, due_since=NOW)
        assert await self.lanes() == {Lane.MAIL: mail}
        look_up = LaneBacklog(lane=Lane.PROVIDER, due=1, due_since=NOW + 5 * MINUTE)
        assert await self.lanes(minutes=19) == {Lane.MAIL: mail, Lane.PROVIDER: look_up}
        reminder = LaneBacklog(lane=Lane.MAIL_NOTICE, due=1, due_since=NOW + 20 * MINUTE)
        assert (await self.lanes(minutes=20))[Lane.MAIL_NOTICE] == reminder

    async def test_what_a_worker_has_or_what_is_tried_again_later_is_not_due(self) -> None:
        """A lease that ran out is: then whoever had it is gone."""
        await self.owe(LookUpEvent(event_id="evt_1"))
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + 2 * MINUTE, lease_id=uuid4())
            await uow.commit()
        assert await self.lanes(minutes=1) == {}
        left = LaneBacklog(lane=Lane.PROVIDER, due=1, due_since=NOW + 2 * MINUTE)
        assert await self.lanes(minutes=3) == {Lane.PROVIDER: left}
        await self.settle(DeliveryStatus.PENDING, minutes=3)
        assert await self.lanes(minutes=62) == {}
        assert (await self.lanes(minutes=63))[Lane.PROVIDER].due_since == NOW + 63 * MINUTE

    async def test_what_was_given_up_is_counted_until_it_is_retried(self) -> None:
        """By its lane; what was delivered is no backlog."""
        await self.owe(LookUpEvent(event_id="evt_1"))
        await self.settle(DeliveryStatus.DEAD)
        await self.owe(SendAccessEmail(order_id=(await add(self.ports, place())).id, token_version=1))
        await self.settle(DeliveryStatus.DELIVERED)
        assert await self.lanes() == {Lane.PROVIDER: LaneBacklog(lane=Lane.PROVIDER, dead=1)}
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.retry(["look_up:evt_1"], due_at=NOW)
            await uow.commit()
        assert await self.lanes() == {Lane.PROVIDER: LaneBacklog(lane=Lane.PROVIDER, due=1, due_since=NOW)}

    async def test_parked_events_are_counted_since_the_first_of_them(self) -> None:
        """Not those that were set aside, or that say nothing."""
        async with self.ports.unit_of_work() as uow:
            events = uow.payment_events
            for minutes, event_id in enumerate(("evt_1", "evt_2", "evt_3")):
                parked = notification(event_id, REFUND, references=("ch_1",))
                await events.add([(parked, None)], received_at=NOW + minutes * MINUTE)
            await events.add([(notification("evt_4", references=("ch_1",)), None)], received_at=NOW)
            await events.set_aside("evt_1", at=NOW)
            await uow.commit()
        found = await self.ports.backlog.backlog(NOW + 9 * MINUTE)
        assert (found.parked, found.parked_since) == (2, NOW + MINUTE)

    async def test_how_far_the_providers_list_was_read_is_told(self) -> None:
        """As the reconciliation's log says."""
        async with self.ports.unit_of_work() as uow:
            assert await uow.reconciliation.claim_run(NOW, min_interval_seconds=60)
            await uow.commit()
        assert (await self.ports.backlog.backlog(NOW)).reconciled_until is None
        async with self.ports.unit_of_work() as uow:
            await uow.reconciliation.advance(NOW - MINUTE)
            await uow.commit()
        assert (await self.ports.backlog.backlog(NOW)).reconciled_until == NOW - MINUTE
