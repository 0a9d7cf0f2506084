"""The calls of the user's page, by subject. Each handler reads, asks one use case, and answers."""

from litestar import Router

from adapters.http.calls.access import access_calls
from adapters.http.calls.metrics import metrics_calls
from adapters.http.calls.payment import payment_calls
from adapters.http.calls.restore import restore_calls
from adapters.http.calls.service import service_calls
from adapters.http.calls.tracking import tracking_calls
from adapters.http.dependencies import HttpDependencies
from adapters.http.rate_limits import Callers, Limiter


def api_routes(dependencies: HttpDependencies, *, callers: Callers, limiter: Limiter) -> Router:
    """All calls under one router."""
    d = dependencies
    return Router(
        "/",
        route_handlers=[
            *payment_calls(d, limiter),
            *access_calls(d, limiter),
            *restore_calls(d, limiter),
            *tracking_calls(d, limiter, callers),
            *service_calls(d),
            *metrics_calls(d),
        ],
    )
