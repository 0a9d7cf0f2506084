"""For whoever runs the service, and for old links."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from tests.integration.http.service import INTERNAL

from .table import ANYTHING, Call, Row, nothing

HEALTH = Call(method="GET", path="/health", good=nothing)
READY = Call(method="GET", path="/health/ready", good=nothing)
INTERNAL_TOKEN: Final = INTERNAL["X-Internal-Token"]
METRICS = Call(method="GET", path="/metrics", good=nothing, headers={"Authorization": f"Bearer {INTERNAL_TOKEN}"})
REDIRECT = Call(method="GET", path="/api/payment/redirect", good=nothing)


def ready_rows() -> Iterator[Row]:
    """Ready, not as it should be, and away."""
    yield Row(what="ready", send=READY.with_(), answer={"status": "ready"})
    yield Row(what="not ready", send=READY.with_(), code="not_ready", on="untracked")
    yield READY.broken()


def metrics_rows() -> Iterator[Row]:
    """For those who know the internal token, as Prometheus sends it."""
    yield Row(what="known", send=METRICS.with_(), answer=ANYTHING, media="text/plain")
    for what, headers in {
        "no token": {},
        "another scheme": {"Authorization": f"Basic {INTERNAL_TOKEN}"},
        "a wrong token": {"Authorization": "Bearer not this one"},
        "the bot's header": INTERNAL,
    }.items():
        yield Row(what=what, send=replace(METRICS, headers=headers).with_(), code="bearer_token_invalid")
    yield Row(what="no database", send=METRICS.with_(), answer=ANYTHING, media="text/plain", on="broken")


ROWS: Final[Mapping[str, tuple[Call, Callable[[], Iterator[Row]]]]] = {
    "health": (HEALTH, lambda: iter([Row(what="alive", send=HEALTH.with_(), answer={"status": "ok"})])),
    "ready": (READY, ready_rows),
    "metrics": (METRICS, metrics_rows),
    "redirect": (REDIRECT, lambda: iter([Row(what="gone", send=REDIRECT.with_(), code="gone")])),
}
