"""Time and randomness, the two things that make a program differ from run to run."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """The time: aware, in UTC, to the microsecond. The core reads no other."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class Randomness(Protocol):
    """Chance: ids that nobody can guess, and the jitter of retries."""

    def new_id(self) -> UUID:
        """A fresh id that nobody can guess (74 random bits or more); what is not random of it may tell the time."""
        ...

    def fraction(self) -> float:
        """A number in [0, 1), for jitter."""
        ...
