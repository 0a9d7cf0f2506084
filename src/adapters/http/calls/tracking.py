"""What the quiz front end tells the trackers: by a call, a beacon or an image."""

from collections.abc import Mapping
from typing import Any, Final, cast

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example, OpenAPIType, Parameter, Schema
from litestar.params import JSONBody

from adapters.http.bodies import FunnelBody, FunnelQuery, MetaEventQuery, StatusAnswer
from adapters.http.dependencies import HttpDependencies
from adapters.http.fields import read_parameters
from adapters.http.openapi import Saying, described, query_parameters
from adapters.http.rate_limits import Callers, Limiter
from paywall_core.use_cases.track_event import TrackAd, TrackAdCommand, TrackFunnel, TrackFunnelCommand

GIF: Final = "image/gif"
PIXEL: Final = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""One transparent point."""

_MAX_OWN_AGENT: Final = 1024  # what a browser says of itself is cut, not refused: nobody chose to send it
_JSON: Final = "application/json"
_ACCEPTED: Final = {"accepted": {"status": "accepted"}}
_PROBLEMS: Final = ("validation_failed", "rate_limited", "internal_error", "tracking_not_configured")
_NO_STEP: Final = ("status", "must be one of start_quiz, …")

_META: Final = described(
    "trackMetaEvent",
    "An event for Meta's Conversions API",
    about=TrackAd.__doc__,
    tag="tracking",
    problems=_PROBLEMS,
    wrong=("status", "is required"),
    saying=Saying(parameters=query_parameters(MetaEventQuery), answered=_ACCEPTED),
)
_FUNNEL: Final = described(
    "trackFunnelStep",
    "A step of the funnel, for MobiSлон",
    about=TrackFunnel.__doc__,
    tag="tracking",
    problems=(*_PROBLEMS, "payload_too_large"),
    wrong=_NO_STEP,
    saying=Saying(
        asked={
            "status": "block1_completed",
            "clickid": "w8h2f5k",
            "page_path": "/quiz/1",
            "tracking_params": {"utm_source": "newsletter"},
        },
        answered=_ACCEPTED,
    ),
)
_BEACON: Final = described(
    "trackFunnelStepByImage",
    "The same by a beacon or an image",
    about=(
        "For where no call can be made. Whoever prefers an image (by `Accept`, as an `<img>` does) gets one of a "
        "single transparent point."
    ),
    tag="tracking",
    problems=_PROBLEMS,
    wrong=_NO_STEP,
    saying=Saying(
        parameters=(
            *query_parameters(FunnelQuery),
            Parameter(
                name="tracking_params",
                param_in="query",
                schema=Schema(
                    type=OpenAPIType.OBJECT, additional_properties=Schema(type=OpenAPIType.STRING, max_length=1024)
                ),
                description="All other parameters, passed on as they come.",
                style="form",
                explode=True,
                examples={"utm": Example(value={"utm_source": "newsletter"})},
            ),
        ),
        answered=_ACCEPTED,
        images=GIF,
    ),
)


def tracking_calls(d: HttpDependencies, limiter: Limiter, callers: Callers) -> list[HTTPRouteHandler]:
    """The calls about tracking. Nothing here decides about access."""
    limit = limiter.middleware("tracking", d.rate_limits.tracking)

    @get("/api/tracking/meta-event", middleware=limit, **_META)
    async def meta(request: Request[Any, Any, Any]) -> StatusAnswer:
        asked, _ = read_parameters(request.scope["query_string"], MetaEventQuery)
        ip, ua = asked.ip, asked.ua
        if not (asked.fbclid or ip or ua):
            ip, ua = _own(request, callers)
        await d.track_ad(TrackAdCommand(status=asked.status, fbclid=asked.fbclid, ip=ip, ua=ua))
        return StatusAnswer(status="accepted")

    @post("/api/tracking/mobi-slon-event", status_code=200, middleware=limit, **_FUNNEL)
    async def funnel(data: JSONBody[FunnelBody]) -> StatusAnswer:
        await d.track_funnel(_step(data, data.tracking_params or {}))
        return StatusAnswer(status="accepted")

    @get("/api/tracking/mobi-slon-event", middleware=limit, **_BEACON)
    async def beacon(request: Request[Any, Any, Any]) -> Response[StatusAnswer]:
        asked, others = read_parameters(request.scope["query_string"], FunnelQuery)
        await d.track_funnel(_step(asked, others))
        if request.accept.best_match([_JSON, GIF], _JSON) == GIF:
            return cast("Response[StatusAnswer]", Response(PIXEL, media_type=GIF))  # the types tell of the JSON one
        return Response(StatusAnswer(status="accepted"))

    return [meta, funnel, beacon]


def _step(asked: FunnelBody | FunnelQuery, params: Mapping[str, str]) -> TrackFunnelCommand:
    return TrackFunnelCommand(
        status=asked.status,
        clickid=asked.clickid,
        session_id=asked.session_id or None,
        page_path=asked.page_path or None,
        params=params,
    )


def _own(request: Request[Any, Any, Any], callers: Callers) -> tuple[str | None, str | None]:
    """The request's own address and user agent."""
    address = callers.address(request.scope)
    agent = "".join(character for character in request.headers.get("user-agent", "") if character.isprintable())
    return None if address is None else str(address), agent[:_MAX_OWN_AGENT] or None
