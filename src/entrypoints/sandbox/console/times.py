"""What the console's clock shows, and where its buttons move the time. Knows no HTTP and no page."""

from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from entrypoints.sandbox.console.look import as_time
from entrypoints.sandbox.passage import Passage
from entrypoints.sandbox.stripe.intervals import after

_STEPS: Final = (("hour", "+1 hour"), ("day", "+1 day"), ("week", "+1 week"), ("month", "+1 month"))
_PERIOD: Final = "to the next renewal"
_ACCESS: Final = "to the end of access"


class Step(Struct, frozen=True, kw_only=True):
    """A button of the clock; `to` is where it leads, None where it leads nowhere at the moment."""

    move: str
    label: str
    to: datetime | None


class Times(Struct, frozen=True, kw_only=True):
    """The clock as it is shown: the time, how far ahead of the machine's it is, and the buttons."""

    now: datetime
    ahead: str
    steps: tuple[Step, ...]


def times(passage: Passage, orders: list[dict[str, Any]]) -> Times:
    """The clock, beside these orders of the product."""
    now = passage.clock.now()
    steps = [Step(move=move, label=label, to=_later(now, move)) for move, label in _STEPS]
    steps.append(Step(move="period", label=_PERIOD, to=passage.next_period_end()))
    steps.append(Step(move="access", label=_ACCESS, to=_access_end(now, orders)))
    return Times(now=now, ahead=_ahead(passage.clock.ahead), steps=tuple(steps))


def _later(now: datetime, step: str) -> datetime:
    """One calendar unit later."""
    if step == "hour":
        return now + timedelta(hours=1)
    return datetime.fromtimestamp(after(int(now.timestamp()), step, 1), UTC)


def _access_end(now: datetime, orders: list[dict[str, Any]]) -> datetime | None:
    """When somebody's access runs out next, grace included."""
    ends = [as_time(one["access_until"]) for one in orders]
    return min((end for end in ends if end is not None and end > now and end.year != MAXYEAR), default=None)


def _ahead(ahead: timedelta) -> str:
    """`31 days ahead`; nothing for less than half a minute."""
    minutes = round(ahead.total_seconds() / 60)
    for unit, size in (("day", 1440), ("hour", 60), ("minute", 1)):
        count = minutes // size
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'} ahead"
    return ""
