"""The outbox's worker: what the world outside is owed goes out, at least once, until it is done or given up."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from paywall_core.effects import Effect, Lane, NoticeChannel, SendNotice
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.clock import Clock, Randomness
from paywall_core.ports.unit_of_work import (
    Delivery,
    DeliveryStatus,
    EndedDelivery,
    Settlement,
    UnitOfWork,
    UnitOfWorkFactory,
)
from paywall_core.use_cases.deliveries import Deliveries
from paywall_core.use_cases.delivering import Send, Unwanted
from paywall_core.use_cases.together import Together


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """When a delivery is tried again.

    Attributes:
        first_delay_seconds: after the first failure; doubles with each further one.
        max_delay_seconds: the longest that the wait becomes by doubling. With the defaults a delivery is tried for 15
            to 29 hours, as chance spreads the waits: for 22 on average.
        max_attempts: after so many tries it becomes a dead letter.
        lease_seconds: how long one worker has for one batch before another may take it over.
        longest_wait_seconds: no wait is longer, whatever the far side asks for: else nobody could tell a far side's
            word from a clock that ran ahead, and what that clock put off would wait for days (`HastenDeliveries`).
    """

    first_delay_seconds: float = 2.0
    max_delay_seconds: float = 3600.0
    max_attempts: int = 40
    lease_seconds: float = 120.0
    longest_wait_seconds: float = 7200.0

    def delay(self, attempt: int, jitter: float) -> timedelta:
        """The wait after a failed try: exponential, and spread over its upper half by `jitter` in [0, 1)."""
        doubled = self.first_delay_seconds * 2.0 ** min(attempt - 1, 32)
        return timedelta(seconds=min(doubled, self.max_delay_seconds) * (0.5 + jitter / 2))

    def wait(self, attempt: int, jitter: float, retry_after_seconds: float | None) -> timedelta:
        """The delay, or as long as the far side asks for where that is longer; the longest wait at most."""
        wait = self.delay(attempt, jitter).total_seconds()
        return timedelta(seconds=min(max(wait, retry_after_seconds or 0.0), self.longest_wait_seconds))

    @property
    def latest(self) -> timedelta:
        """So far ahead a row is due at the latest that waits for its next try, or that a worker has."""
        return timedelta(seconds=max(self.longest_wait_seconds, self.lease_seconds))


class _Room(Struct, frozen=True, kw_only=True):
    """What a worker has room for: deliveries in all, and of each lane."""

    limit: int
    of_lanes: Mapping[Lane, int] | None


class DeliverOutbox:
    """Deliver what is due: lease it, do it outside any transaction, and write down how it ended.

    A failure is retried with exponential backoff and jitter; what cannot succeed, or failed too often, becomes a dead
    letter that waits for a human. A killed worker's leases run out and its rows come back. What is no longer wanted
    when its turn comes (refunded meanwhile, token rotated) is skipped, and comes back if it is wanted again. A channel
    that is not configured skips its effects and says so.

    Deliveries that are under way at the same moment share the transactions in which they are prepared, and those in
    which they are settled and the next ones leased; each is sent by itself, and fails alone. One loop's tasks may share
    it.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        deliveries: Deliveries,
        clock: Clock,
        randomness: Randomness,
        policy: RetryPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._deliveries = deliveries
        self._clock = clock
        self._randomness = randomness
        self._policy = policy
        self._prepare: Together[Delivery, Send | Unwanted] = Together(
            self._prepare_all, subjects_of=lambda delivery: (delivery.key,), lanes=1, in_turn=True
        )
        self._write: Together[EndedDelivery | _Room, Sequence[Delivery]] = Together(
            self._write_all, subjects_of=_subjects_of, lanes=1, in_turn=True
        )

    async def lease(self, limit: int, room: Mapping[Lane, int] | None = None) -> Sequence[Delivery]:
        """Take up to `limit` deliveries that are due. Each must then be given to `deliver` or `give_back`.

        With `room`, of each lane no more than that; of a lane that it does not name, none.
        """
        return await self._write(_Room(limit=limit, of_lanes=room))

    async def deliver(self, delivery: Delivery) -> DeliveryStatus:
        """Do one delivery and write down how it ended. Never raises for what the far side did.

        Returns:
            The row's status now; `pending`: it will be tried again.
        """
        try:
            prepared = await self._prepare(delivery)
            if isinstance(prepared, Unwanted):
                return DeliveryStatus.SKIPPED
            await prepared()
        except DeliveryFailed as failure:
            settlement = self._after_failure(delivery, failure)
        else:
            settlement = Settlement(status=DeliveryStatus.DELIVERED, at=self._clock.now())
        await self._settle(delivery, settlement)
        return settlement.status

    async def give_back(self, delivery: Delivery) -> None:
        """Return a delivery that was leased but not begun (the worker stops): it is due at once, for anyone."""
        now = self._clock.now()
        await self._settle(delivery, Settlement(status=DeliveryStatus.PENDING, at=now, due_at=now, attempted=False))

    async def _prepare_all(self, deliveries: Sequence[Delivery]) -> Sequence[Send | Unwanted | DeliveryFailed]:
        """What each is to send; or that it is not wanted any more, and was skipped.

        Skipping is written in the transaction that decides it: a change that makes the effect wanted again comes
        either before (and is seen) or after (and finds the row skipped, and revives it).
        """
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            prepared = await self._deliveries.prepare(uow, deliveries, now)
            skipped = [
                (delivery, Settlement(status=DeliveryStatus.SKIPPED, at=now, error=one.reason))
                for delivery, one in zip(deliveries, prepared, strict=True)
                if isinstance(one, Unwanted)
            ]
            if skipped:
                await self._write_down(uow, skipped)
                await uow.commit()
        return prepared

    async def _settle(self, delivery: Delivery, settlement: Settlement) -> None:
        await self._write((delivery, settlement))

    async def _write_all(self, asked: Sequence[EndedDelivery | _Room]) -> Sequence[Sequence[Delivery]]:
        """Settle what has ended, and take the next for those who have room: one commit for both."""
        ended = [one for one in asked if not isinstance(one, _Room)]
        async with self._unit_of_work() as uow:
            await self._write_down(uow, ended)
            taken = [await self._take(uow, one) if isinstance(one, _Room) else () for one in asked]
            await uow.commit()
        return taken

    async def _take(self, uow: UnitOfWork, room: _Room) -> Sequence[Delivery]:
        now = self._clock.now()  # not before the transaction: a lease must not have begun while it was waited for
        return await uow.outbox.lease(
            now=now,
            limit=room.limit,
            lease_until=now + timedelta(seconds=self._policy.lease_seconds),
            lease_id=self._randomness.new_id(),
            room=room.of_lanes,
        )

    async def _write_down(self, uow: UnitOfWork, ended: Sequence[EndedDelivery]) -> None:
        settled = await uow.outbox.settle(ended)
        for delivery, settlement in ended:
            if delivery.key in settled:
                await self._deliveries.note_end(uow, delivery, settlement)

    def _after_failure(self, delivery: Delivery, failure: DeliveryFailed) -> Settlement:
        now = self._clock.now()
        if failure.permanent and _is_said_elsewhere(delivery.effect):
            return Settlement(status=DeliveryStatus.SKIPPED, at=now, error=failure.reason)
        if failure.permanent or delivery.attempt >= self._policy.max_attempts:
            return Settlement(status=DeliveryStatus.DEAD, at=now, error=failure.reason)
        wait = self._policy.wait(delivery.attempt, self._randomness.fraction(), failure.retry_after_seconds)
        return Settlement(status=DeliveryStatus.PENDING, at=now, due_at=now + wait, error=failure.reason)


def _subjects_of(asked: EndedDelivery | _Room) -> Sequence[str]:
    return () if isinstance(asked, _Room) else (asked[0].key,)


def _is_said_elsewhere(effect: Effect) -> bool:
    """A notice in the chat: whoever blocked the bot wants none there, and the e-mail says the same."""
    return isinstance(effect, SendNotice) and effect.channel is NoticeChannel.CHAT
