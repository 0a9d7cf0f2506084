"""What Prometheus reads: whether everything holds that must always hold. Only for those who know the internal token."""

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from adapters.http.dependencies import HttpDependencies
from adapters.http.guards import metrics_only
from adapters.http.openapi import BEARER_TOKEN, Saying, described
from paywall_core.ports.operations import INVARIANTS


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
            about="One gauge for each invariant: how many cases there are in which it does not hold. All must be 0. "
            "Send the internal token as `Authorization: Bearer`.",
            tag="service",
            problems=("bearer_token_invalid", "internal_error"),
            saying=Saying(answered={"one gauge": 'paywall_invariant_violations{invariant="dead_letters"} 0.0'}),
        ),
    )
    async def metrics() -> Response[str]:
        registry = CollectorRegistry()
        violations = Gauge(
            "paywall_invariant_violations",
            "Cases in which an invariant does not hold; all must be 0",
            ["invariant"],
            registry=registry,
        )
        for name in INVARIANTS:
            violations.labels(name)
        for violation in await d.check_invariants():
            violations.labels(violation.invariant).set(violation.count)
        return Response(generate_latest(registry).decode(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [metrics]
