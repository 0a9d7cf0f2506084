"""What the database says, as families: what must never be, and what waits. Read anew for each page."""

from collections.abc import Sequence
from datetime import datetime

from adapters.metrics.instruments import Family, Gauge
from paywall_core.ports.operations import INVARIANTS, Backlog, Violation


def violations_read(violations: Sequence[Violation]) -> Sequence[Family]:
    """Each invariant with its cases; those that nobody counted have none."""
    gauge = Gauge(
        "paywall_invariant_violations", "Cases in which an invariant does not hold; all must be 0", ("invariant",)
    )
    for name in INVARIANTS:
        gauge.set(0, name)
    for violation in violations:
        gauge.set(violation.count, violation.invariant)
    return [gauge]


def backlog_read(backlog: Backlog, now: datetime) -> Sequence[Family]:
    """What waits, and for how long."""
    rows = Gauge("paywall_outbox_due_rows", "Rows of the outbox that are due and that no worker has", ("lane",))
    age = Gauge("paywall_outbox_due_age_seconds", "How long the longest due of them is; 0 where none is", ("lane",))
    dead = Gauge("paywall_outbox_dead_letters", "Deliveries that were given up and wait for a human", ("lane",))
    for lane in backlog.lanes:
        rows.set(lane.due, lane.lane)
        age.set(_seconds(lane.due_since, now), lane.lane)
        dead.set(lane.dead, lane.lane)
    parked = Gauge("paywall_parked_events", "Events of the payment provider that wait for their order")
    parked.set(backlog.parked)
    parked_age = Gauge(
        "paywall_parked_events_age_seconds", "How long the longest parked of them waits; 0 where none does"
    )
    parked_age.set(_seconds(backlog.parked_since, now))
    reconciled = Gauge(
        "paywall_reconciled_until_timestamp_seconds",
        "The newest event of the payment provider's own list that was read; not there before the first",
    )
    if backlog.reconciled_until is not None:
        reconciled.set(backlog.reconciled_until.timestamp())
    return [rows, age, dead, parked, parked_age, reconciled]


def database_up(*, is_up: bool) -> Family:
    """Whether the rest of this page's readings could be had."""
    gauge = Gauge("paywall_database_up", "1 if the database answered when this page was made, else 0")
    gauge.set(int(is_up))
    return gauge


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
