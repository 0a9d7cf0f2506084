"""Where requests are counted: in this process, or in a Redis that several of them share.

A window begins with the first request of a client and ends after its seconds, whatever happens in it. A shared counter
that is away takes nothing down: until it is back, each process counts for itself. Whoever has paid is not kept out by a
counter.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from msgspec import Struct

_SWEEP_SECONDS: Final = 60.0
_SHARED_SECONDS: Final = 0.5  # a shared counter that takes longer is as good as away
_PAUSE_SECONDS: Final = 5.0
_log = structlog.stdlib.get_logger("paywall.http")


class Count(Struct, frozen=True):
    """How many requests there were in this window, this one included, and the seconds until it ends."""

    requests: int
    seconds_left: float


class RateCounter(Protocol):
    """Counts requests."""

    async def count(self, key: str, window_seconds: int) -> Count:
        """Count one more; the first of a key begins its window.

        Raises:
            OSError: where it is counted is away.
        """
        ...

    async def close(self) -> None:
        """Let go of whatever is open."""
        ...


class MemoryCounter(RateCounter):
    """Counts the requests of this process.

    Args:
        clock: seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[int, float]] = {}
        self._sweep_at = clock() + _SWEEP_SECONDS

    async def count(self, key: str, window_seconds: int) -> Count:
        """Count one more. Nothing is awaited: two at once cannot count the same."""
        now = self._clock()
        if now >= self._sweep_at:
            self._sweep(now)
        requests, ends_at = self._windows.get(key, (0, 0.0))
        if ends_at <= now:
            requests, ends_at = 0, now + window_seconds
        self._windows[key] = (requests + 1, ends_at)
        return Count(requests + 1, ends_at - now)

    async def close(self) -> None:
        """Nothing is open."""

    def _sweep(self, now: float) -> None:
        """Forget windows that are over: every client that comes by leaves one."""
        self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
        self._sweep_at = now + _SWEEP_SECONDS


class SurvivingCounter(RateCounter):
    """A shared counter, and one in memory for as long as the shared one does not answer.

    Args:
        shared: where all processes count together.
        clock: seconds, for how long a counter that was away is left alone.
    """

    def __init__(self, shared: RateCounter, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._own = MemoryCounter(clock=clock)
        self._clock = clock
        self._away_until = float("-inf")

    async def count(self, key: str, window_seconds: int) -> Count:
        """Count one more, wherever that is possible."""
        if self._clock() >= self._away_until:
            try:
                async with asyncio.timeout(_SHARED_SECONDS):
                    return await self._shared.count(key, window_seconds)
            except OSError as error:  # a timeout is one
                self._away_until = self._clock() + _PAUSE_SECONDS
                _log.warning("rate_limits.store_away", reason=type(error).__name__)
        return await self._own.count(key, window_seconds)

    async def close(self) -> None:
        """Close the shared one."""
        await self._shared.close()
