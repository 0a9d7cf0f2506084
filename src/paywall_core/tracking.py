"""What marketing is told: steps of the funnel for the click tracker, and events for the ad platform.

Nothing here decides about access. An event is logged when it comes in, and forwarded by the outbox.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct, field

PAY_SUCCESS: Final = "pay_success"
"""The sale: a fact of the order's, and only a claim when a browser says it."""

FUNNEL_EVENTS: Final = (
    "start_quiz",
    *(f"block{number}_completed" for number in range(1, 8)),
    "transition_to_payment",
    PAY_SUCCESS,
)
"""The ten names that the click tracker knows, in the funnel's order (the user's page)."""


class FunnelEvent(Struct, frozen=True, kw_only=True, tag_field="kind", tag="funnel"):
    """A step of the funnel, as a browser told it.

    Attributes:
        name: one of `FUNNEL_EVENTS`.
        clickid: the click that it belongs to.
        params: further parameters of the link, passed on to the tracker as they came.
        session_id: the checkout session, for `pay_success`.
        page_path: the page that it happened on; for our log only.
    """

    name: str
    clickid: str
    params: Mapping[str, str] = field(default_factory=dict)
    session_id: str | None = None
    page_path: str | None = None


class AdEvent(Struct, frozen=True, kw_only=True, tag_field="kind", tag="ad"):
    """An event for the ad platform. Personal: its address and user agent never reach a log.

    Attributes:
        name: the event's name.
        fbclid: the ad's click id, its case kept.
        ip: the visitor's address.
        user_agent: the visitor's browser.
    """

    name: str
    fbclid: str | None = None
    ip: str | None = None
    user_agent: str | None = None

    @property
    def event_id(self) -> str:
        """Deterministic, so that a repeat is one event at the platform (which forgets ids after 48 hours)."""
        parts = (self.name, self.fbclid or "", self.ip or "", self.user_agent or "")
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def __repr__(self) -> str:
        return f"AdEvent(name={self.name!r})"


TrackedEvent: TypeAlias = FunnelEvent | AdEvent
"""Everything that may be forwarded."""


class TrackingOutcome(StrEnum):
    """What became of an attempt."""

    QUEUED = "queued"  # the outbox has it
    DELIVERED = "delivered"  # the far side said yes
    FAILED = "failed"  # given up; the reason says why
    MERGED = "merged"  # the order's own pay_success stands for it
    REFUSED = "refused"  # a claim that was not true: logged, not forwarded


class TrackingAttempt(Struct, frozen=True, kw_only=True):
    """One event that came in, and what became of it.

    Attributes:
        id: ours.
        received_at: when it came in, by our clock; the event's own time.
        event: what was said.
        outcome: where it stands.
        reason: why it was not forwarded, or failed; for the operator.
    """

    id: UUID
    received_at: datetime
    event: TrackedEvent
    outcome: TrackingOutcome
    reason: str | None = None
