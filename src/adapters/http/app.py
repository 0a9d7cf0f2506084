"""The HTTP application: routes, pages, errors, limits and headers put together."""

from typing import Final
from urllib.parse import urlsplit

from litestar import Litestar, asgi
from litestar.config.cors import CORSConfig
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, ScalarRenderPlugin
from litestar.types import (
    ASGIApp,
    BeforeMessageSendHookHandler,
    ControllerRouterHandler,
    Message,
    Receive,
    Scope,
    Send,
)

from adapters.http.api import api_routes
from adapters.http.dependencies import HttpDependencies
from adapters.http.pages.routes import page_routes
from adapters.http.problems import (
    ProblemError,
    on_core_error,
    on_deep_nesting,
    on_framework_error,
    on_problem,
    on_unexpected,
)
from paywall_core.errors import PaywallError

MAX_BODY_BYTES: Final = 64 * 1024
_SCHEMA_CSP: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; font-src https: data:; img-src 'self' data: https:"
)


def create_app(dependencies: HttpDependencies, *, bot_webhook: ASGIApp | None = None) -> Litestar:
    """The application; with `bot_webhook` Telegram's updates are taken under `/tg/webhook/` too."""
    handlers: list[ControllerRouterHandler] = [api_routes(dependencies), *page_routes(dependencies)]
    if bot_webhook is not None:
        handlers.append(_mounted(bot_webhook))
    return Litestar(
        route_handlers=handlers,
        exception_handlers={
            PaywallError: on_core_error,
            ProblemError: on_problem,
            HTTPException: on_framework_error,
            RecursionError: on_deep_nesting,
            Exception: on_unexpected,
        },
        request_max_body_size=MAX_BODY_BYTES,
        before_send=[_security_headers(dependencies)],
        cors_config=_cors(dependencies),
        openapi_config=OpenAPIConfig(
            title="Paywall",
            version="0.1.0",
            path="/schema",
            render_plugins=[ScalarRenderPlugin(), JsonRenderPlugin()],
        ),
        logging_config=None,
        debug=False,
    )


def _mounted(app: ASGIApp) -> ControllerRouterHandler:
    @asgi("/tg/webhook", is_mount=True, copy_scope=True)
    async def telegram(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return telegram


def _cors(dependencies: HttpDependencies) -> CORSConfig:
    parts = urlsplit(dependencies.public_base_url)
    return CORSConfig(
        allow_origins=[f"{parts.scheme}://{parts.netloc}", *dependencies.cors_origins],
        allow_methods=["GET", "POST"],
        allow_headers=["content-type"],
    )


def _security_headers(dependencies: HttpDependencies) -> BeforeMessageSendHookHandler:
    """Headers for every answer, errors included. A page may send its form to us and on to a checkout, nowhere else."""
    targets = " ".join(["'self'", "https:", *dependencies.checkout_origins])
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = MutableScopeHeaders.from_message(message)
        path = scope["path"]
        headers["Content-Security-Policy"] = _SCHEMA_CSP if path.startswith("/schema") else policy
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "no-referrer"
        if not path.startswith("/static/"):
            headers["Cache-Control"] = "no-store"

    return add
