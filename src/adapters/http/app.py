"""The HTTP application: calls, pages, errors, limits and headers put together."""

from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Litestar, Request, asgi
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException
from litestar.types import (
    ASGIApp,
    ControllerRouterHandler,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Message,
    Receive,
    Scope,
    Send,
)
from litestar.utils import normalize_path

from adapters.http.assets import static_routes
from adapters.http.calls import api_routes
from adapters.http.dependencies import HttpDependencies
from adapters.http.fast_lane import FastLane
from adapters.http.fields import InvalidFields, read_document
from adapters.http.headers import security_headers
from adapters.http.openapi import openapi_config
from adapters.http.pages import page_routes
from adapters.http.problems import (
    ProblemError,
    on_core_error,
    on_framework_error,
    on_invalid_fields,
    on_problem,
    on_unexpected,
)
from adapters.http.rate_limits import Callers, Limiter
from adapters.http.schema_page import DocumentPlugin, SchemaPagePlugin
from adapters.metrics.instruments import Histogram
from paywall_core.errors import PaywallError

MAX_BODY_BYTES: Final = 64 * 1024
_TELLS_SOMETHING: Final = "/api/tracking/"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE: Final = "unknown"
_NO_ANSWER: Final = "none"


class Application(Litestar):
    """Has a fast lane, answers HEAD as it would GET, without the body, and times all: Litestar by itself would not."""

    __slots__ = ("fast_lane", "timed")

    fast_lane: FastLane | None
    timed: Histogram

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Answer a request, or live as long as the server says."""
        call: Any = scope  # ASGI's types tell the kinds of scope apart, but not by what is asked here
        source: Any = receive
        if call["type"] != "http":
            await super().__call__(call, source, send)
            return
        began = perf_counter()
        if self.fast_lane is not None:
            source = await self.fast_lane.answer(call, source, send, began=began)
            if source is None:
                return
        method, answer = call["method"], _Answer(send)
        if method == "HEAD" and not _tells(call["path"]):
            call, answer = {**call, "method": "GET"}, _Answer(_without_body(send))
        try:
            await super().__call__(call, source, answer.send)
        finally:
            # By the route's template, never by the path: paths are the callers' to invent, and may hold what is secret.
            route = call.get("path_template") or _NO_ROUTE
            labels = (method if method in _METHODS else "other", route, answer.status)
            self.timed.of(*labels).observe(perf_counter() - began)


def create_app(dependencies: HttpDependencies, *, bot_webhook: ASGIApp | None = None) -> Application:
    """The application; with `bot_webhook` Telegram's updates are taken under `/tg/webhook/` too."""
    callers = Callers(dependencies.trusted_proxies)
    limiter = Limiter(callers, dependencies.rate_counter)
    handlers: list[ControllerRouterHandler] = [
        api_routes(dependencies, callers=callers, limiter=limiter),
        *page_routes(dependencies, limiter=limiter),
        static_routes(),
    ]
    if bot_webhook is not None:
        handlers.append(_mounted(bot_webhook))
    app = Application(
        route_handlers=handlers,
        request_class=_ApiRequest,
        exception_handlers={
            PaywallError: on_core_error,
            ProblemError: on_problem,
            InvalidFields: on_invalid_fields,
            HTTPException: on_framework_error,
            Exception: on_unexpected,
        },
        request_max_body_size=MAX_BODY_BYTES,
        before_send=[security_headers(dependencies)],
        cors_config=_cors(dependencies),
        openapi_config=openapi_config(SchemaPagePlugin(), DocumentPlugin()),
        logging_config=None,
        debug=False,
    )
    app.timed = dependencies.measures.requests
    dependencies.measures.routes[:] = sorted({route.path_format for route in app.routes})
    app.fast_lane = FastLane(dependencies, status=limiter.group("status", dependencies.rate_limits.status))
    return app


class _Answer:
    """Sees the status of an answer on its way; of one that never came, `none`."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self.status = _NO_ANSWER

    async def send(self, message: Message) -> None:
        """Send it on."""
        if message["type"] == "http.response.start":
            self.status = str(message["status"])
        await self._send(message)


class _ApiRequest(Request[Any, Any, Any]):
    """Reads a JSON body as the handler's shape, with our own words for what is wrong with it."""

    async def json(self) -> Any:
        field = self.route_handler.parsed_data_field
        if field is None:
            raise TypeError("only a handler with a body reads one")
        return read_document(await self.body(), field.annotation)


def _tells(path: str) -> bool:
    """Whether a GET tells us something: to ask about such a call is not to make it."""
    return normalize_path(path).startswith(_TELLS_SOMETHING)


def _without_body(send: Any) -> Send:
    async def headers_only(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return headers_only


def _mounted(app: ASGIApp) -> ControllerRouterHandler:
    @asgi("/tg/webhook", is_mount=True, copy_scope=True)
    async def telegram(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return telegram


def _cors(dependencies: HttpDependencies) -> CORSConfig:
    """Scripts of our own pages and of the operator's other sites may call; none may send the internal token."""
    parts = urlsplit(dependencies.public_base_url)
    return CORSConfig(
        allow_origins=[f"{parts.scheme}://{parts.netloc}", *dependencies.cors_origins],
        allow_methods=["GET", "POST"],
        allow_headers=["content-type"],
        expose_headers=["Retry-After"],
    )
