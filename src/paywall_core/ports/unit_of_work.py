"""One transaction: all that the core stores, the outbox included, is written together or not at all.

    async with unit_of_work() as uow:
        order = await uow.orders.get(order_id, for_update=True)
        ...
        await uow.commit()

Leaving the block without `commit()` rolls back. No network call happens inside the block. One contract suite runs on
every implementation.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from uuid import UUID

from msgspec import Struct

from paywall_core.effects import Effect, Lane
from paywall_core.notification import PaymentNotification
from paywall_core.order import Change, HistoryEntry, Order
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.tracking import TrackingAttempt, TrackingOutcome


class OrderRepository(Protocol):
    """Orders, their history, and the provider's ids by which they are found."""

    async def add(self, order: Order) -> None:
        """Write a new order."""
        ...

    async def get(self, order_id: UUID, *, for_update: bool = False) -> Order | None:
        """Read an order; with `for_update` nobody else can change it before this transaction ends."""
        ...

    async def lock(self, order_ids: Collection[UUID]) -> Mapping[UUID, Order]:
        """Read orders, those that exist, as `get` with `for_update` does."""
        ...

    async def save(self, *changes: Change) -> None:
        """Write changes, no two of the same order: the orders, their new history entries, and the effects owed.

        Raises:
            ConcurrentUpdate: a stored order is not of its change's `base_version` any more.
        """
        ...

    async def claim(self, wanted: Mapping[str, UUID | None]) -> Mapping[str, UUID | None]:
        """Bind each of these provider ids to its order, and say which order owns it now.

        An id that is bound already keeps its owner. With None (or an order that does not exist) an id without an owner
        is only marked, and another transaction that claims it waits for this one to end: so an event that is parked
        and the one that makes its order known never miss each other.
        """
        ...

    async def find(
        self, wanted: Mapping[str, UUID | None], named: Collection[UUID]
    ) -> tuple[Mapping[str, UUID | None], Mapping[UUID, Order]]:
        """Bind provider ids as `claim` does; then lock, as `lock` does, the orders that own them and those named."""
        ...

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Order]:
        """Up to `limit` orders recorded as `token_issued` or `active` whose access ended at `now` or before.

        The longest lapsed first, locked; those that somebody else has locked are left out.
        """
        ...

    async def shut_out(self, now: datetime, limit: int) -> Sequence[Order]:
        """Up to `limit` orders recorded as over whose access is good at `now`; locked and ordered as `lapsed`."""
        ...

    async def lapse_census(self, now: datetime) -> "LapseCensus":
        """How many orders `lapsed` would give in all, of how many that are recorded as having access."""
        ...

    async def paid_by(self, address: str, limit: int) -> Sequence[Order]:
        """Up to `limit` orders of an address (`email_key`) for which anything was ever paid.

        Those whose access reaches furthest come first, then the newest. Not locked.
        """
        ...

    async def history(self, order_id: UUID) -> Sequence[HistoryEntry]:
        """The order's history, oldest first; empty when there is none."""
        ...


class LapseCensus(Struct, frozen=True, kw_only=True):
    """How many orders are recorded as `token_issued` or `active` (`live`), and of how many of them access is over."""

    lapsed: int
    live: int


OwnedNotification: TypeAlias = tuple[PaymentNotification, UUID | None]
"""An event of the provider's (it has an `event_id`), and the order that it is about."""


class AddedEvents(Struct, frozen=True, kw_only=True):
    """What adding events came to: the ids of those that were `new`, and the events that were `parked` before."""

    new: frozenset[str]
    parked: Sequence[PaymentNotification]


class PaymentEventRepository(Protocol):
    """What the payment provider told us, each of its events once."""

    async def add(
        self, owned: Sequence[OwnedNotification], *, received_at: datetime, references: Sequence[str] = ()
    ) -> AddedEvents:
        """Store events, each with the order that it is about, unless they are stored already.

        Without an order and with something in `events`, one is parked until one of its `references` finds an order.

        Returns:
            Those that are new; and what `parked` gives for the `references`, which none of the events to park may name.
        """
        ...

    async def parked(self, references: Sequence[str]) -> Sequence[PaymentNotification]:
        """Parked events that name any of these ids, the longest parked first."""
        ...

    async def unpark(self, event_id: str, order_id: UUID) -> None:
        """A parked event was applied to this order."""
        ...

    async def find_parked(self, event_id: str) -> PaymentNotification | None:
        """A parked event; None when it has found its order, or is none of ours."""
        ...

    async def set_aside(self, event_id: str, *, at: datetime) -> None:
        """A parked event was looked up at the provider, and leads to nothing of ours.

        It stays parked, so that an order that turns up still gets it, but nobody is told any more that it waits.
        """
        ...

    async def known(self, event_ids: Sequence[str]) -> frozenset[str]:
        """Those of these events that are stored."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` events that came in before a moment, none that still waits; how many were deleted."""
        ...


class RestoreChallengeRepository(Protocol):
    """Challenges, one for each address that was ever asked about, known or not."""

    async def hold(self, address: str) -> RestoreChallenge | None:
        """The address's challenge, or None. Nobody else can hold the address before this transaction ends."""
        ...

    async def put(self, challenge: RestoreChallenge) -> None:
        """Write the challenge of an address that is held, over the one before."""
        ...

    async def find(self, challenge_id: UUID) -> RestoreChallenge | None:
        """A challenge by its id; None when a newer one replaced it."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` challenges that were issued before a moment; how many were deleted."""
        ...


class TrackingLog(Protocol):
    """Every event that came in for a tracker, and what became of it."""

    async def add(self, attempt: TrackingAttempt) -> None:
        """Write a new attempt."""
        ...

    async def find(self, attempt_id: UUID) -> TrackingAttempt | None:
        """An attempt, or None."""
        ...

    async def settle(self, attempt_id: UUID, outcome: TrackingOutcome, *, at: datetime, reason: str | None) -> None:
        """Write what became of an attempt; of an unknown one nothing is written."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` attempts that came in before a moment, none that is queued; how many were deleted."""
        ...


class DeliveryStatus(StrEnum):
    """How far an outbox row has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    SKIPPED = "skipped"  # no longer wanted when its turn came; wanted again, it becomes pending again
    DEAD = "dead"  # given up, a human must look


class Delivery(Struct, frozen=True, kw_only=True):
    """An outbox row under lease.

    Attributes:
        key: the effect's deterministic key; goes to the far side wherever it takes one.
        effect: what to do.
        attempt: 1 for the first try; counted when the lease is taken, so a crash counts too.
        lease_id: proves that the lease is still ours when the outcome is written.
        owed_since: when it was due at first, before any try put it off.
    """

    key: str
    effect: Effect
    attempt: int
    lease_id: UUID
    owed_since: datetime


class Settlement(Struct, frozen=True, kw_only=True):
    """How a delivery ended.

    Attributes:
        status: the row's new status; `pending`: to be tried again.
        at: when it ended.
        due_at: when to try again (only for `pending`).
        error: what went wrong or why it was skipped, for the operator; no secrets, no addresses.
        attempted: False gives the try back: the worker was stopped before it began.
    """

    status: DeliveryStatus
    at: datetime
    due_at: datetime | None = None
    error: str | None = None
    attempted: bool = True


EndedDelivery: TypeAlias = tuple[Delivery, Settlement]
"""A delivery, and how it ended."""


class RetriedDelivery(Struct, frozen=True, kw_only=True):
    """A row that an operator made due again; `order_id` None: no order owes it."""

    key: str
    order_id: UUID | None


class OutboxRepository(Protocol):
    """What the world outside is owed."""

    async def enqueue(self, effects: Sequence[Effect], *, now: datetime) -> None:
        """Write effects that no change of an order owes; since `now`, or as late as `effects.due_at` says.

        A key that is there already is left alone, unless it was skipped: then it is due again. So is one that comes
        twice.
        """
        ...

    async def lease(
        self,
        *,
        now: datetime,
        limit: int,
        lease_until: datetime,
        lease_id: UUID,
        room: Mapping[Lane, int] | None = None,
    ) -> Sequence[Delivery]:
        """Take up to `limit` rows that are due, the longest due first, for this worker alone until `lease_until`.

        With `room`, of each lane no more than that, and none of a lane that it does not name: however many rows of one
        lane are due, those of the others are found.

        A row whose lease has run out (its worker died) is due again. Rows that another transaction is taking are
        passed over, not waited for.
        """
        ...

    async def settle(self, ended: Sequence[EndedDelivery]) -> frozenset[str]:
        """Write how deliveries ended, no two of the same key; nothing of those whose lease is no longer ours.

        Returns:
            The keys of those that were written.
        """
        ...

    async def retry(self, keys: Sequence[str], *, due_at: datetime) -> Sequence[RetriedDelivery]:
        """Make rows due at `due_at` with all their tries before them; those that are delivered or leased stay.

        Returns:
            The rows that are due now because of this, in the order of their keys.
        """
        ...

    async def hasten(self, *, now: datetime, due_after: datetime, lease_until: datetime, limit: int) -> int:
        """Make up to `limit` pending rows due that were put off beyond `due_after` by a clock that ran ahead.

        Each is then due as `effects.due_after_all` says; its tries stay counted. A row under lease keeps it, until
        `lease_until`: whoever is delivering it may end that in peace. It counts as written, and as owed, since `now` at
        the latest, or a reminder as owed since its own day if that is to come.
        A reminder (`effects.REMINDER_KEYS`) that waits for its day was not put off: one is that was moved on since it
        was written, or was due the moment it was written. Rows that another transaction is taking are passed over, not
        waited for. A row that was hastened is not found a second time.

        Returns:
            How many rows that were.
        """
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` rows that were delivered or skipped before a moment; how many were deleted.

        Those of `effects.REMEMBERED_KEYS` stay, and so do dead letters, which somebody has to look at.
        """
        ...


class OperatorAct(Struct, frozen=True, kw_only=True):
    """What an operator did that is no event of an order's own life.

    Attributes:
        at, by, why: when, who, and for what reason.
        act: what was done, as the command is called: `outbox retry`, `sweep`.
        subject: on what: an outbox key, a count.
        order_id: the order that it was about, if it was one.
    """

    at: datetime
    by: str
    why: str
    act: str
    subject: str
    order_id: UUID | None = None


class OperatorLog(Protocol):
    """What operators did."""

    async def add(self, act: OperatorAct) -> None:
        """Write it down."""
        ...


class ReconciliationLog(Protocol):
    """How far the provider's event list was read."""

    async def cursor(self) -> datetime | None:
        """Everything that happened before this moment was read; None: nothing ever was."""
        ...

    async def advance(self, until: datetime) -> None:
        """Everything before `until` is read now. The cursor never goes back."""
        ...

    async def claim_run(self, now: datetime, *, min_interval_seconds: float) -> bool:
        """Whether a scheduled run may begin now: True for one caller in the interval, whichever process it runs in.

        A claim of more than an interval ahead was made by a wrong clock, and holds nobody up.
        """
        ...


class UnitOfWork(Protocol):
    """One transaction over everything that the core stores; `paywall_core.testing.contract` says what it must do.

    Its repositories raise `ConcurrentUpdate` where what is stored is not what was read. Whatever a database raises
    goes through the core untouched, and nothing is written.
    """

    orders: OrderRepository
    payment_events: PaymentEventRepository
    restore_challenges: RestoreChallengeRepository
    tracking_log: TrackingLog
    outbox: OutboxRepository
    operator_log: OperatorLog
    reconciliation: ReconciliationLog

    async def __aenter__(self) -> Self:
        """Begin."""
        ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; whatever was not committed is rolled back."""
        ...

    async def commit(self) -> None:
        """Make everything durable, all or nothing."""
        ...


UnitOfWorkFactory: TypeAlias = Callable[[], UnitOfWork]
"""Gives a fresh unit of work; each is used once."""
