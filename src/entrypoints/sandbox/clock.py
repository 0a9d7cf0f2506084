"""The sandbox's time: the machine's, and as much ahead as a person has moved it. It never goes back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from paywall_core.ports.clock import Clock


def utc_now() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


class MovableClock(Clock):
    """A clock that runs, and that can be moved forward.

    Args:
        ahead: how far ahead of the machine it begins.
        machine: the clock that it goes by.
    """

    def __init__(self, *, ahead: timedelta = timedelta(), machine: Callable[[], datetime] = utc_now) -> None:
        self._ahead = ahead
        self._machine = machine

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of the machine."""
        return self._ahead

    def now(self) -> datetime:
        """The sandbox's present moment, aware, in UTC."""
        return self._machine() + self._ahead

    def move_to(self, moment: datetime) -> None:
        """From now on it is this moment; one that is past changes nothing."""
        self._ahead = max(self._ahead, moment - self._machine())
