"""Is it alive, is it ready; and what is no longer served."""

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.http.bodies import StatusAnswer
from adapters.http.dependencies import HttpDependencies
from adapters.http.openapi import Saying, described
from adapters.http.problems import ProblemError


def service_calls(d: HttpDependencies) -> list[HTTPRouteHandler]:
    """For whoever runs the service, and for old links."""

    @get(
        "/health",
        **described(
            "health",
            "Is the process alive?",
            about="Touches nothing.",
            tag="service",
            problems=(),
            saying=Saying(answered={"alive": {"status": "ok"}}),
        ),
    )
    async def health() -> StatusAnswer:
        return StatusAnswer(status="ok")

    @get(
        "/health/ready",
        **described(
            "ready",
            "Is the database there, and its schema current?",
            about="For whatever sends requests here: only a service that is ready should get any.",
            tag="service",
            problems=("not_ready", "internal_error"),
            saying=Saying(answered={"ready": {"status": "ready"}}),
        ),
    )
    async def ready() -> StatusAnswer:
        if not await d.readiness():
            raise ProblemError("not_ready")
        return StatusAnswer(status="ready")

    @get(
        "/api/payment/redirect",
        deprecated=True,
        status_code=410,
        **described(
            "redirect",
            "Gone",
            about="The old redirect to a payment; pages link to `/pay` now.",
            tag="legacy",
            problems=("gone",),
        ),
    )
    async def redirect() -> None:
        raise ProblemError("gone")

    return [health, ready, redirect]
