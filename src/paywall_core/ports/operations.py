"""What operators and chores read: orders to look at, what is undelivered, what is parked, and what must never be.

Reads only, without locks; nothing here is on a hot path, but no query may grow with more than what it returns, or with
what is wrong.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from paywall_core.effects import Effect, Lane
from paywall_core.lifecycle import State
from paywall_core.order import HistoryEntry, Order
from paywall_core.ports.unit_of_work import DeliveryStatus, OperatorAct

MAX_LISTED: Final = 1000
"""The most lines that one question gives."""


class OrderQuery(Struct, frozen=True, kw_only=True):
    """Which orders; all that is set must hold.

    Attributes:
        address: e-mail address, as `email_key` spells it.
        telegram_user_id: who redeemed the order's token, or whose private chat it named at checkout.
        reference: an id of the provider's: checkout session, payment intent, invoice, subscription, charge.
        state: as recorded.
        limit: at most so many, the newest first.
    """

    address: str | None = None
    telegram_user_id: int | None = None
    reference: str | None = None
    state: State | None = None
    limit: int = 50


class ProviderEvent(Struct, frozen=True, kw_only=True):
    """An event of the provider's that is stored.

    Attributes:
        event_id, event_type, occurred_at: in the provider's words and by its clock.
        received_at: when it was stored.
        references: the provider's ids that it names.
        order_id: the order that it was applied to; None: it is parked.
        set_aside: it was looked up, and leads to nothing of ours.
    """

    event_id: str
    event_type: str
    occurred_at: datetime
    received_at: datetime
    references: tuple[str, ...] = ()
    order_id: UUID | None = None
    set_aside: bool = False


class OutboxLine(Struct, frozen=True, kw_only=True):
    """A row of the outbox, to look at.

    Attributes:
        key, effect, status: what is owed, and how far it is.
        attempts: how often it was tried.
        created_at: since when it is owed.
        due_at: when it is tried next; while it is leased, when the lease runs out.
        settled_at: when it came to an end.
        error: what went wrong last, or why it was skipped.
        order_id: the order that owes it; None: none does.
    """

    key: str
    effect: Effect
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    due_at: datetime
    settled_at: datetime | None = None
    error: str | None = None
    order_id: UUID | None = None


class OutboxQuery(Struct, frozen=True, kw_only=True):
    """Which rows; all that is set must hold.

    Attributes:
        statuses: any of these; empty: all.
        order_id: that this order owes.
        keys: one of these; empty: any.
        key_prefix: whose key begins so: `access_email`, `notice:refunded`.
        due_before: which was due for the first time before this moment, however often it was put off since.
        limit: at most so many, the longest owed first.
    """

    statuses: tuple[DeliveryStatus, ...] = ()
    order_id: UUID | None = None
    keys: tuple[str, ...] = ()
    key_prefix: str | None = None
    due_before: datetime | None = None
    limit: int = 50


class Dossier(Struct, frozen=True, kw_only=True):
    """All that is stored about one order, each list oldest first."""

    order: Order
    history: tuple[HistoryEntry, ...]
    events: tuple[ProviderEvent, ...]
    outbox: tuple[OutboxLine, ...]
    acts: tuple[OperatorAct, ...]


class OrderArchive(Protocol):
    """Looks orders up."""

    async def search(self, query: OrderQuery) -> Sequence[Order]:
        """Orders, the newest first."""
        ...

    async def dossier(self, order_id: UUID) -> Dossier | None:
        """All about one order, as of one moment; None: there is none."""
        ...

    async def open_sessions(
        self, *, placed_after: datetime, placed_before: datetime, asked_before: datetime, limit: int
    ) -> Sequence[str]:
        """Checkout sessions that the provider was not asked about since a moment, the longest unasked first.

        Those of orders that are pending, placed between two moments, and whose payment has not failed.
        """
        ...

    async def every_order(self, *, after: UUID | None, limit: int) -> Sequence[Order]:
        """All orders in the order of their ids, those after `after`; to go through every one of them."""
        ...


class OutboxArchive(Protocol):
    """Looks the outbox up."""

    async def lines(self, query: OutboxQuery) -> Sequence[OutboxLine]:
        """Rows, the longest owed first."""
        ...


class WatchLimits(Struct, frozen=True, kw_only=True):
    """What is too long.

    Attributes:
        undelivered: an effect that is due, and still not delivered.
        parked: an event that waits for its order, and nobody could say that it is none of ours.
        unrecorded: access that is over and is still recorded as good; the sweep comes sooner.
    """

    undelivered: timedelta = timedelta(minutes=30)
    parked: timedelta = timedelta(hours=1)
    unrecorded: timedelta = timedelta(hours=1)


class Violation(Struct, frozen=True, kw_only=True):
    """How often one invariant does not hold.

    Attributes:
        invariant: its name, one of `INVARIANTS`.
        count: in how many cases.
        examples: a few of them: order ids, outbox keys, event ids.
    """

    invariant: str
    count: int
    examples: tuple[str, ...] = ()


PAID_WITHOUT_ACCESS: Final = "paid_without_access"
ACCESS_WITHOUT_PAYMENT: Final = "access_without_payment"
UNDELIVERED: Final = "undelivered_too_long"
DEAD_LETTERS: Final = "dead_letters"
PARKED: Final = "parked_too_long"
TWO_SUBSCRIPTIONS: Final = "two_live_subscriptions"
INVARIANTS: Final = {
    PAID_WITHOUT_ACCESS: "A payment covers now, but the order is neither token_issued nor active, "
    "or the link that it owes was never written into the outbox.",
    ACCESS_WITHOUT_PAYMENT: "The order is recorded as token_issued or active, but nothing paid covers now.",
    UNDELIVERED: "An effect is due, and was not delivered for too long.",
    DEAD_LETTERS: "A delivery was given up and waits for a human.",
    PARKED: "An event of the provider's waits too long for the order that it belongs to.",
    TWO_SUBSCRIPTIONS: "One customer has two subscriptions that both renew, and pays twice.",
}
"""What must always hold, and what it means when it does not; the names are the metrics' labels."""


class InvariantWatch(Protocol):
    """Counts what must never be."""

    async def violations(self, now: datetime, limits: WatchLimits) -> Sequence[Violation]:
        """Each of `INVARIANTS`, in its order, those that hold with a count of 0."""
        ...


MOST_COUNTED: Final = 10_000
"""A backlog is counted up to here, each lane's rows for themselves; more is more than enough to know."""


class LaneBacklog(Struct, frozen=True, kw_only=True):
    """What one lane of the outbox has before it.

    Attributes:
        lane: which.
        due: rows that are due and that no worker has; at most `MOST_COUNTED`.
        due_since: since when the longest due of them is; None: none is.
        dead: rows that were given up; at most `MOST_COUNTED` of all lanes together.
    """

    lane: Lane
    due: int = 0
    due_since: datetime | None = None
    dead: int = 0


class Backlog(Struct, frozen=True, kw_only=True):
    """What waits to be done.

    Attributes:
        lanes: each of `Lane`, in its order.
        parked: events that wait for their order, at most `MOST_COUNTED`.
        parked_since: since when the longest parked of them does; None: none does.
        reconciled_until: everything before was read in the provider's own event list; None: nothing ever was.
    """

    lanes: tuple[LaneBacklog, ...]
    parked: int = 0
    parked_since: datetime | None = None
    reconciled_until: datetime | None = None


class BacklogWatch(Protocol):
    """Measures what waits."""

    async def backlog(self, now: datetime) -> Backlog:
        """All of it as of one moment. A row that waits for its next try, or that a worker has, is not due."""
        ...
