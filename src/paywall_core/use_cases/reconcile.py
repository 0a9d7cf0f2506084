"""The provider's own record, read by ourselves: whatever never arrived comes in by the same door as the webhook."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from msgspec import Struct, structs

from paywall_core.errors import ConcurrentUpdate, Conflict, PaymentProviderUnavailable, PaywallError, RuleBroken
from paywall_core.notification import PaymentNotification
from paywall_core.ports.clock import Clock
from paywall_core.ports.directory import OrderDirectory
from paywall_core.ports.operations import OrderArchive
from paywall_core.ports.payments import ListedEvent, PaymentGateway, PaymentLedger
from paywall_core.ports.unit_of_work import UnitOfWorkFactory
from paywall_core.use_cases.place_lost import PlaceLostOrders
from paywall_core.use_cases.record_payment import Record

FIRST_LOOK_BACK: Final = timedelta(days=30)
"""How far back the first run reads: the provider keeps its events no longer."""

OVERLAP: Final = timedelta(hours=1)
"""How far before the last run the next one begins: clocks differ, and a list may be late."""

SESSION_AGE: Final = timedelta(minutes=30)
"""A session younger than this is not asked about: its customer is still on the provider's page."""

SESSION_INTERVAL: Final = timedelta(hours=6)
"""One open session is asked about once in this time; the provider ends it after a day."""

SETTLED: Final = timedelta(minutes=2)
"""A scheduled run leaves out what happened since: its webhooks may just be on their way, and nothing has drifted."""

_BATCH: Final = 100
_TRIES: Final = 3


class Unapplied(Struct, frozen=True, kw_only=True):
    """What could not be brought in, and why. An event is tried again by the next run, a session after six hours."""

    subject: str
    event_type: str
    reason: str


class Reconciliation(Struct, frozen=True, kw_only=True):
    """How far we had drifted from the provider, and what was done about it.

    Attributes:
        since, until: the stretch of the provider's event list that was read.
        listed: events in it that we use.
        missing: those that had never arrived and were brought in now, by type.
        parked: of these, those that wait for their order.
        placed: orders that this database had lost and that were placed anew.
        asked: checkout sessions that were asked about.
        moves: what that changed: `pending -> token_issued`, by number.
        unapplied: what could not be brought in.
    """

    since: datetime
    until: datetime
    listed: int
    missing: dict[str, int]
    parked: int
    asked: int
    moves: dict[str, int]
    unapplied: tuple[Unapplied, ...] = ()
    placed: int = 0

    @property
    def has_drifted(self) -> bool:
        """Whether anything was missing, or could not be brought in."""
        return bool(self.missing or self.moves or self.unapplied or self.placed)


Progress: TypeAlias = Callable[[int, int], None]
"""Told how many events were read and how many sessions were asked, after each step."""


class _Tally:
    """Counts while a run goes on."""

    def __init__(self, progress: Progress | None) -> None:
        self.listed = self.asked = self.parked = self.placed = 0
        self.missing: Counter[str] = Counter()
        self.moves: Counter[str] = Counter()
        self.unapplied: list[Unapplied] = []
        self.unapplied_since: datetime | None = None
        self.newest: datetime | None = None
        self._progress = progress

    def read(self, batch: Sequence[ListedEvent]) -> None:
        """So much of the list was read."""
        self.listed += len(batch)
        self.newest = max(event.occurred_at for event in batch)

    @property
    def read_to(self) -> datetime | None:
        """Everything before this is brought in; None: nothing was listed, and nobody knows."""
        return None if self.newest is None else min(self.newest, self.unapplied_since or self.newest)

    def failed(self, subject: str, event_type: str, reason: str, at: datetime | None = None) -> None:
        """Something could not be brought in."""
        self.unapplied.append(Unapplied(subject=subject, event_type=event_type, reason=reason))
        if at is not None:
            self.unapplied_since = min(at, self.unapplied_since or at)

    def tell(self) -> None:
        """Say how far it is."""
        if self._progress is not None:
            self._progress(self.listed, self.asked)


class Reconcile:
    """Read the provider's event list from where the last run ended, ask about sessions that stay open, apply the rest.

    An order that this database has lost (it was restored from a backup) is placed anew where the provider still tells
    what we had asked for.

    Safe at any time and by several at once: each event is applied once, whoever brings it, and the cursor only moves
    over what was read to its end. What could not be applied holds the cursor, so that it is tried again.

    The cursor follows the provider's clock, never ours: it stands at the newest event that was listed. One that
    followed a clock of ours that ran ahead would pass over events that were still to happen.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        ledger: PaymentLedger,
        gateway: PaymentGateway,
        archive: OrderArchive,
        directory: OrderDirectory,
        record_payment: Record,
        place_lost: PlaceLostOrders,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._ledger = ledger
        self._gateway = gateway
        self._archive = archive
        self._directory = directory
        self._record_payment = record_payment
        self._place_lost = place_lost
        self._clock = clock

    async def __call__(self, *, since: datetime | None = None, progress: Progress | None = None) -> Reconciliation:
        """Reconcile up to now.

        Args:
            since: read the event list from here on; None: from where the last run ended.
            progress: told how far it is.

        Raises:
            PaymentProviderUnavailable: the event list could not be read to its end; what was read is applied.
        """
        return await self._run(since, self._clock.now(), progress)

    async def _run(self, since: datetime | None, until: datetime, progress: Progress | None) -> Reconciliation:
        cursor = await self._cursor()
        unread = until - FIRST_LOOK_BACK if cursor is None else cursor  # from here on nothing was read
        begin = since or (unread if cursor is None else min(cursor, until) - OVERLAP)
        tally = _Tally(progress)
        await self._read_events(begin, until, tally)
        if begin <= unread and tally.read_to is not None:  # else a gap before `since` is still unread
            await self._advance(tally.read_to)
        await self._ask_sessions(tally)
        return Reconciliation(
            since=begin,
            until=until,
            listed=tally.listed,
            missing=dict(sorted(tally.missing.items())),
            parked=tally.parked,
            asked=tally.asked,
            moves=dict(sorted(tally.moves.items())),
            unapplied=tuple(tally.unapplied),
            placed=tally.placed,
        )

    async def scheduled(self, *, min_interval: timedelta) -> Reconciliation | None:
        """As above, up to two minutes ago, by one caller in an interval; None: another, of any process, did it."""
        async with self._unit_of_work() as uow:
            interval_seconds = min_interval.total_seconds()
            claimed = await uow.reconciliation.claim_run(self._clock.now(), min_interval_seconds=interval_seconds)
            await uow.commit()
        return await self._run(None, self._clock.now() - SETTLED, None) if claimed else None

    async def _cursor(self) -> datetime | None:
        async with self._unit_of_work() as uow:
            return await uow.reconciliation.cursor()

    async def _advance(self, until: datetime) -> None:
        async with self._unit_of_work() as uow:
            await uow.reconciliation.advance(until)
            await uow.commit()

    async def _read_events(self, since: datetime, until: datetime, tally: _Tally) -> None:
        async for batch in _batches(self._ledger.list_events(since, until + timedelta(seconds=1))):
            tally.read(batch)
            async with self._unit_of_work() as uow:
                known = await uow.payment_events.known([event.event_id for event in batch])
            lost = await self._place_lost(batch)
            tally.placed += list(lost.values()).count(None)
            for event in batch:
                if event.event_id not in known:
                    await self._bring_in(event, tally)
                if event.checkout is not None and event.checkout.asked.order_id in lost:
                    await self._tell_anew(event, lost[event.checkout.asked.order_id], tally)
            tally.tell()

    async def _tell_anew(self, event: ListedEvent, refusal: PaywallError | None, tally: _Tally) -> None:
        """Its order was missing. The event may have come before, and have been parked or set aside: now it is heard."""
        if refusal is not None:
            tally.failed(event.event_id, event.event_type, str(refusal), event.occurred_at)
        elif event.notification is not None:
            said = structs.replace(event.notification, event_id=None)
            await self._record(said, event.event_id, tally, at=event.occurred_at)

    async def _bring_in(self, event: ListedEvent, tally: _Tally) -> None:
        if event.notification is None:
            tally.failed(event.event_id, event.event_type, event.error or "it cannot be understood", event.occurred_at)
            return
        if await self._record(event.notification, event.event_id, tally, at=event.occurred_at):
            tally.missing[event.event_type] += 1

    async def _ask_sessions(self, tally: _Tally) -> None:
        """Sessions that stay open: should their events never be listed, the session itself still tells."""
        now = self._clock.now()
        while sessions := await self._archive.open_sessions(
            placed_after=now - FIRST_LOOK_BACK,  # no method takes longer, and what is unknown then stays so
            placed_before=now - SESSION_AGE,
            asked_before=now - SESSION_INTERVAL,
            limit=_BATCH,
        ):
            for session_id in sessions:
                if await self._directory.claim_provider_read(
                    session_id, now=now, min_interval_seconds=SESSION_INTERVAL.total_seconds()
                ):
                    await self._ask_session(session_id, tally)
            tally.tell()

    async def _ask_session(self, session_id: str, tally: _Tally) -> None:
        tally.asked += 1
        try:
            said = await self._gateway.read_checkout(session_id)
        except PaymentProviderUnavailable as error:
            tally.failed(session_id, "checkout.session", error.reason)
            return
        await self._record(said, session_id, tally)

    async def _record(self, said: PaymentNotification, subject: str, tally: _Tally, at: datetime | None = None) -> bool:
        """Through the one door; whether it changed anything. A neighbour's trouble is not ours: the run goes on."""
        for attempt in range(1, _TRIES + 1):
            try:
                recorded = await self._record_payment(said)
            except ConcurrentUpdate as error:
                if attempt == _TRIES:
                    tally.failed(subject, said.event_type, str(error), at)
                continue
            except (Conflict, RuleBroken) as error:
                tally.failed(subject, said.event_type, str(error), at)
                return False
            if recorded.before is not recorded.after:
                tally.moves[f"{recorded.before} -> {recorded.after}"] += 1
            tally.parked += recorded.parked
            return not recorded.duplicate
        return False


async def _batches(events: AsyncIterator[ListedEvent]) -> AsyncIterator[Sequence[ListedEvent]]:
    """The events, some at a time; should the list break off, first those that came before that."""
    batch: list[ListedEvent] = []
    try:
        async for event in events:
            batch.append(event)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    except PaymentProviderUnavailable:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
