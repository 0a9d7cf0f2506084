"""What Prometheus reads: what this process counted, what must never be, what waits. For those who know the token."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from adapters.http.dependencies import HttpDependencies
from adapters.http.guards import metrics_only
from adapters.http.openapi import BEARER_TOKEN, Saying, described
from adapters.metrics.exposition import CONTENT_TYPE, exposition
from adapters.metrics.instruments import Family
from adapters.metrics.readings import backlog_read, database_up, violations_read

_READ_SECONDS: Final = 8.0  # Prometheus itself waits for ten
_log = structlog.stdlib.get_logger("paywall.http")


def metrics_calls(d: HttpDependencies) -> list[HTTPRouteHandler]:
    """`GET /metrics`."""

    @get(
        "/metrics",
        guards=[metrics_only(d.internal_tokens)],
        media_type=MediaType.TEXT,
        security=[{BEARER_TOKEN: []}],
        **described(
            "metrics",
            "What Prometheus reads",
            about="What this process has counted and timed; from the database, what must never be and what waits. "
            "While the database is away `paywall_database_up` is 0, and what is read from it is not there. "
            "Send the internal token as `Authorization: Bearer`.",
            tag="service",
            problems=("bearer_token_invalid",),
            saying=Saying(answered={"one gauge": 'paywall_invariant_violations{invariant="dead_letters"} 0.0'}),
        ),
    )
    async def metrics() -> Response[str]:
        page = exposition([*d.measures.families, *await _readings(d)])
        return Response(page.decode(), headers={"Content-Type": CONTENT_TYPE})

    return [metrics]


async def _readings(d: HttpDependencies) -> Sequence[Family]:
    """What the database says; what the process counted is most wanted when that is away."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            violations, backlog = await d.check_invariants(), await d.measure_backlog()
    except Exception as error:  # noqa: BLE001  - whatever it was, the page says that it was
        _log.warning("metrics.unread", reason=type(error).__name__)
        return [database_up(is_up=False)]
    return [database_up(is_up=True), *violations_read(violations), *backlog_read(backlog, d.clock.now())]
