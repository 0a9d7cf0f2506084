"""For the tables beside this file: one of Stripe's events, and what it must become."""

from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from paywall_core.money import Money

ORDER: Final = UUID(int=5)
CREATED: Final = 1_800_000_000
AT: Final = datetime.fromtimestamp(CREATED, UTC)
EUR: Final = Money(amount_minor=1500, currency="eur")
OURS: Final = {"order_id": str(ORDER)}

Shape: TypeAlias = dict[str, Any]
Row: TypeAlias = tuple[str, str, Shape, tuple[object, ...]]
"""Event type; `today`, or until when Stripe wrote it so; the object; what it means to us."""


def event(kind: str, **subject: Any) -> Shape:
    """One of Stripe's events."""
    return {"id": "evt_1", "object": "event", "type": kind, "created": CREATED, "data": {"object": subject}}


def moment(seconds: int) -> datetime:
    """So long after the event."""
    return datetime.fromtimestamp(CREATED + seconds, UTC)


def without(shape: Shape, *names: str) -> Shape:
    """A shape that does not have these fields."""
    return {name: value for name, value in shape.items() if name not in names}


def name_of(row: Row) -> str:
    """For the test's report."""
    return f"{row[0]}, {row[1]}"
