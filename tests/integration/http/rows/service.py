"""For whoever runs the service, and for old links."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from .table import Call, Row, nothing

HEALTH = Call(method="GET", path="/health", good=nothing)
READY = Call(method="GET", path="/health/ready", good=nothing)
REDIRECT = Call(method="GET", path="/api/payment/redirect", good=nothing)


def ready_rows() -> Iterator[Row]:
    """Ready, not as it should be, and away."""
    yield Row(what="ready", send=READY.with_(), answer={"status": "ready"})
    yield Row(what="not ready", send=READY.with_(), code="not_ready", on="untracked")
    yield READY.broken()


ROWS: Final[Mapping[str, tuple[Call, Callable[[], Iterator[Row]]]]] = {
    "health": (HEALTH, lambda: iter([Row(what="alive", send=HEALTH.with_(), answer={"status": "ok"})])),
    "ready": (READY, ready_rows),
    "redirect": (REDIRECT, lambda: iter([Row(what="gone", send=REDIRECT.with_(), code="gone")])),
}
