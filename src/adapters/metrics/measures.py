"""Everything that a process counts and times of itself. What is read from the database is in `readings.py`."""

from collections.abc import Iterable, Sequence
from typing import Final

from adapters.metrics.instruments import Counter, Family, Gauge, Histogram
from paywall_core.milestones import Milestone, milestones_of
from paywall_core.order import Change

REQUEST_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WEBHOOK_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0, 259200.0)
DELIVERY_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")
WEBHOOK_OUTCOMES: Final = ("recorded", "duplicate", "parked", "invalid_signature", "invalid_payload", "failed")
"""What becomes of a webhook. The last three were refused, and nothing was stored: `failed` by a mistake of ours."""


class Measures:
    """One process's numbers. What it does not do stays empty.

    Args:
        plans: the names of the plans that are sold.
    """

    def __init__(self, plans: Iterable[str] = ()) -> None:
        sold = tuple(plans)
        self.requests = Histogram(
            "paywall_http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer",
            ("method", "route", "status"),
            bounds=REQUEST_SECONDS,
        )
        self.routes: list[str] = []
        """The templates of the routes that there are; each has its answers counted from 0 on."""
        self.webhooks = Counter(
            "paywall_webhooks",
            "Webhooks of the payment provider by what became of them",
            ("outcome",),
            known=[(outcome,) for outcome in WEBHOOK_OUTCOMES],
        )
        self.webhook_age = Histogram(
            "paywall_webhook_age_seconds",
            "Time from an event's creation at the payment provider to its being recorded, repeats left out",
            bounds=WEBHOOK_SECONDS,
            known=[()],
        )
        self.funnel = Counter(
            "paywall_funnel_steps",
            "Steps that orders took on the way in",
            ("step", "plan"),
            known=[(step, plan) for step in Milestone for plan in sold],
        )
        self.deliveries = Histogram(
            "paywall_delivery_duration_seconds",
            "Time that a try to deliver took, by how it ended",
            ("lane", "effect", "outcome"),
            bounds=DELIVERY_SECONDS,
        )
        self.chores = Gauge(
            "paywall_chore_last_success_timestamp_seconds",
            "When this worker's chore last ended well; 0: not since it started",
            ("chore",),
        )

        self.updates = Histogram(
            "paywall_bot_update_duration_seconds",
            "Time that an update of Telegram's took, by how it ended",
            ("outcome",),
            bounds=DELIVERY_SECONDS,
            known=[("handled",), ("failed",)],
        )

    @property
    def families(self) -> tuple[Family, ...]:
        """All of them, as of now."""
        return (
            self._answered(),
            self.requests,
            self.webhooks,
            self.webhook_age,
            self.funnel,
            self.deliveries,
            self.chores,
            self.updates,
        )

    def _answered(self) -> Counter:
        """Told from the times, so that it costs no request anything."""
        known = [(route, kind) for route in self.routes for kind in _CLASSES]
        answered = Counter(
            "paywall_http_requests", "Requests by the class of their answer", ("route", "class"), known=known
        )
        for (_, route, status), observed in self.requests.numbers.items():
            labels = (route, f"{status[0]}xx" if status.isdigit() else status)
            answered.numbers[labels] = answered.numbers.get(labels, 0) + sum(observed.counts)
        return answered

    def changed(self, changes: Sequence[Change]) -> None:
        """Orders were changed, and it is durable."""
        for change in changes:
            for step in milestones_of(change):
                self.funnel.add(step, change.order.plan)
