"""Time and chance that a test controls."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from paywall_core.ports.clock import Clock, Randomness


class FakeClock(Clock):
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """The present moment."""
        return self._now

    def advance(self, step: timedelta) -> None:
        """Move on by `step` (back, when it is negative)."""
        self._now += step


class SeededRandomness(Randomness):
    """Chance that is the same for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311  - repeatable on purpose

    def new_id(self) -> UUID:
        """A fresh id."""
        return UUID(int=self._random.getrandbits(128), version=4)

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()
