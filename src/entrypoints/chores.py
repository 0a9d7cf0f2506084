"""What the worker does by the clock, beside the outbox: sweep, hasten, reconcile, watch, forget.

Each has a round of its own. A chore that fails is logged and comes again; none keeps another from its turn. All of them
may run in any number of workers at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeAlias

import structlog
from msgspec import Struct

from paywall_core.errors import PaymentProviderUnavailable, SweepHalted
from paywall_core.ports.operations import INVARIANTS
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.reconcile import Reconcile, Reconciliation
from paywall_core.use_cases.sweep_lapsed import SweepLapsed

_WATCH_SECONDS: Final = 60.0
_log = structlog.stdlib.get_logger("paywall.worker")

Batch: TypeAlias = Callable[[], Awaitable[int]]
"""Does a bounded piece of work and returns its size; called again while it is not 0."""


class Chore(Struct, frozen=True, kw_only=True):
    """A chore, and the time between two rounds of it."""

    name: str
    every_seconds: float
    do: Callable[[asyncio.Event], Awaitable[bool]]
    """Whether it was done, and ended well."""

    async def run(self, stop: asyncio.Event, ended_well: Callable[[str], None]) -> None:
        """Do it, again and again, until `stop` is set; tell its name after each round that ended well."""
        while not stop.is_set():
            try:
                if await self.do(stop):
                    ended_well(self.name)
            except Exception:  # noqa: BLE001  - the next round tries again; a database that is away ends no worker
                _log.exception(f"{self.name}.failed")
            await first_of(stop, timeout_seconds=self.every_seconds)


def sweeping(sweep: SweepLapsed, *, every_seconds: float) -> Chore:
    """Record what has lapsed; when that would be too many at once, say so loudly, each round, and record nothing."""

    async def do(stop: asyncio.Event) -> bool:
        try:
            await _in_batches("sweep", sweep, stop)
        except SweepHalted as halted:
            _log.error(
                "sweep.halted",
                lapsed=halted.lapsed,
                live=halted.live,
                hint="is this machine's clock right? then `paywall sweep` shows and confirms it",
            )
            return False
        return True

    return Chore(name="sweep", every_seconds=every_seconds, do=do)


def hastening(hasten: Batch, *, every_seconds: float) -> Chore:
    """Make due what a clock that ran ahead put off, and say so: nothing else puts anything off for so long."""

    async def do(stop: asyncio.Event) -> bool:
        while not stop.is_set() and (count := await hasten()):
            _log.warning("hasten.done", rows=count, hint="a machine's clock ran ahead; are they all right now?")
        return True

    return Chore(name="hasten", every_seconds=every_seconds, do=do)


def forgetting(name: str, forget: Batch, *, every_seconds: float) -> Chore:
    """Delete what is not needed any more."""

    async def do(stop: asyncio.Event) -> bool:
        await _in_batches(name, forget, stop)
        return True

    return Chore(name=name, every_seconds=every_seconds, do=do)


def reconciling(reconcile: Reconcile, *, minutes: int) -> Chore:
    """Read the provider's own record; one worker of all does it in an interval."""
    interval = timedelta(minutes=minutes)

    async def do(_stop: asyncio.Event) -> bool:
        try:
            found = await reconcile.scheduled(min_interval=interval)
        except PaymentProviderUnavailable as error:
            _log.warning("reconcile.unavailable", reason=error.reason)
            return False
        if found is not None:
            _tell_drift(found)
        return found is not None

    # Looked at more often than it is done: whose turn it is, the database says.
    return Chore(name="reconcile", every_seconds=interval.total_seconds() / 4, do=do)


def watching(check: CheckInvariants, *, every_seconds: float = _WATCH_SECONDS) -> Chore:
    """Ask whether everything holds that must always hold, and log an error for each thing that does not."""

    async def do(_stop: asyncio.Event) -> bool:
        for violation in await check():
            if violation.count:
                _log.error(
                    "invariant.broken",
                    invariant=violation.invariant,
                    count=violation.count,
                    examples=violation.examples,
                    meaning=INVARIANTS[violation.invariant],
                )
        return True

    return Chore(name="watch", every_seconds=every_seconds, do=do)


def _tell_drift(found: Reconciliation) -> None:
    for one in found.unapplied:
        _log.error("reconcile.unapplied", subject=one.subject, event_type=one.event_type, reason=one.reason)
    if found.has_drifted:
        _log.warning(
            "reconcile.drifted", listed=found.listed, missing=found.missing, moves=found.moves, placed=found.placed
        )
    else:
        _log.info("reconcile.done", listed=found.listed, asked=found.asked)


async def _in_batches(name: str, batch: Batch, stop: asyncio.Event) -> None:
    while not stop.is_set() and (count := await batch()):
        _log.info(f"{name}.done", rows=count)


async def first_of(*events: asyncio.Event, timeout_seconds: float) -> None:
    """Wait until one of the events is set, or the time is over."""
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiters, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
