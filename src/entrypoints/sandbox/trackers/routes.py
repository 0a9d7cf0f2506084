"""The HTTP face of the trackers: Meta's events and pixel, MobiSлон's postback, the page that shows what arrived."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import MediaType, Request, Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from entrypoints.sandbox.console.look import page, templates_of
from entrypoints.sandbox.trackers.meta import OUTAGE, GraphError, read_body

if TYPE_CHECKING:
    from entrypoints.sandbox.trackers.trackers import Trackers

_templates: Final = templates_of(Path(__file__).parent)
_BAD_REQUEST, _UNAVAILABLE = 400, 503


def _meta_handlers(trackers: "Trackers") -> list[HTTPRouteHandler]:
    """What is under `/meta`: a Graph API that knows one pixel."""

    @post("/meta/{version:str}/{pixel_id:str}/events", include_in_schema=False, name="meta-events")
    async def meta(
        request: Request[Any, Any, Any], version: FromPath[str], pixel_id: FromPath[str]
    ) -> Response[dict[str, Any]]:
        refused = _refused_at_the_door(trackers, version)
        if refused is not None:
            return refused
        try:
            fields = read_body(request.headers.get("content-type", ""), await request.body())
            token = request.query_params.get("access_token") or fields.get("access_token") or _bearer(request)
            count = await trackers.take_meta(pixel_id=pixel_id, access_token=str(token), data=fields.get("data"))
        except GraphError as error:
            return Response(error.body(_trace_id()), status_code=_BAD_REQUEST)
        return Response({"events_received": count, "messages": [], "fbtrace_id": _trace_id()}, status_code=200)

    @get("/meta/{version:str}/{pixel_id:str}", include_in_schema=False, name="meta-pixel")
    async def meta_pixel(
        request: Request[Any, Any, Any], version: FromPath[str], pixel_id: FromPath[str]
    ) -> Response[dict[str, Any]]:
        refused = _refused_at_the_door(trackers, version)
        if refused is not None:
            return refused
        token = request.query_params.get("access_token") or _bearer(request)
        fields = request.query_params.get("fields") or ""
        try:
            pixel = trackers.read_meta(pixel_id=pixel_id, access_token=token, fields=fields)
        except GraphError as error:
            return Response(error.body(_trace_id()), status_code=_BAD_REQUEST)
        return Response(dict(pixel), status_code=200)

    return [meta, meta_pixel]


def trackers_router(trackers: "Trackers") -> Router:
    """Everything under `/trackers`."""

    @get("/mobi-slon/index.php", include_in_schema=False, name="mobi-slon", media_type=MediaType.TEXT)
    async def mobi_slon(request: Request[Any, Any, Any]) -> Response[str]:
        if trackers.troubles.trackers_down:
            return Response("Service Unavailable", status_code=_UNAVAILABLE, media_type=MediaType.TEXT)
        # Of a name that is there twice the last one counts, as in PHP.
        fields = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if not fields.get("cnv_id") or not fields.get("cnv_status"):
            return Response("cnv_id and cnv_status are required", status_code=_BAD_REQUEST, media_type=MediaType.TEXT)
        await trackers.take_mobi_slon(fields)
        return Response("OK", media_type=MediaType.TEXT)

    @get("/", include_in_schema=False, name="trackers")
    async def show() -> Response[str]:
        hits = [
            (hit, msgspec.json.format(msgspec.json.encode(hit.fields), indent=2).decode())
            for hit in trackers.received()[::-1]
        ]
        return page(_templates.get_template("trackers.html").render(hits=hits))

    return Router(path="/trackers", route_handlers=[*_meta_handlers(trackers), mobi_slon, show])


def _refused_at_the_door(trackers: "Trackers", version: str) -> Response[dict[str, Any]] | None:
    """The answer of a Graph API that is down; None: it is not.

    Raises:
        NotFoundException: there is no such path.
    """
    if trackers.troubles.trackers_down:
        outage = GraphError("Service temporarily unavailable", code=OUTAGE)
        return Response(outage.body(_trace_id()), status_code=_UNAVAILABLE)
    if not version.startswith("v"):
        raise NotFoundException(detail="The Graph API's paths begin with a version.")
    return None


def _trace_id() -> str:
    """Meta's name of one call."""
    return secrets.token_urlsafe(16)


def _bearer(request: Request[Any, Any, Any]) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
