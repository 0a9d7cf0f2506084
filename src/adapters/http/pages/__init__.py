"""The pages that a customer sees: choose and pay, thank you, changed your mind, lost the link.

Rendered here, usable without JavaScript; a script only refreshes the success page sooner.
"""

from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.exceptions import TooManyRequestsException
from litestar.handlers import HTTPRouteHandler
from litestar.router import Router
from litestar.types import Middleware

from adapters.http.dependencies import HttpDependencies
from adapters.http.pages.outcome import OutcomePages
from adapters.http.pages.pay import PayPage
from adapters.http.pages.rendering import Renderer
from adapters.http.pages.restore import RestorePage
from adapters.http.pages.trouble import TroublePages
from adapters.http.rate_limits import Limiter


def page_routes(dependencies: HttpDependencies, *, limiter: Limiter) -> list[Router]:
    """The pages. Their forms count as the calls that they stand for."""
    limits = dependencies.rate_limits
    renderer = Renderer(dependencies.locales)
    trouble = TroublePages(renderer)
    return [
        Router(
            "/pay",
            route_handlers=[
                *_pay(PayPage(dependencies, renderer), limiter.middleware("checkout", limits.checkout)),
                *_outcome(OutcomePages(dependencies, renderer), limiter.middleware("status", limits.status)),
                *_restore(RestorePage(dependencies, renderer), limiter.middleware("restore", limits.restore)),
            ],
            exception_handlers={TooManyRequestsException: trouble.too_many, Exception: trouble.broken},
            include_in_schema=False,
        )
    ]


def _pay(page: PayPage, limit: list[Middleware]) -> list[HTTPRouteHandler]:
    @get("/", media_type=MediaType.HTML)
    async def show(request: Request[Any, Any, Any]) -> Response[str]:
        return await page.show(request)

    @post("/", status_code=303, middleware=limit)
    async def start(request: Request[Any, Any, Any]) -> Response[Any]:
        return await page.start(request)

    return [show, start]


def _outcome(pages: OutcomePages, limit: list[Middleware]) -> list[HTTPRouteHandler]:
    @get("/success", media_type=MediaType.HTML, middleware=limit)
    async def success(request: Request[Any, Any, Any]) -> Response[str]:
        return await pages.success(request)

    @get("/cancel", media_type=MediaType.HTML)
    async def cancel(request: Request[Any, Any, Any]) -> Response[str]:
        return pages.cancel(request)

    return [success, cancel]


def _restore(page: RestorePage, limit: list[Middleware]) -> list[HTTPRouteHandler]:
    @get("/restore", media_type=MediaType.HTML)
    async def show(request: Request[Any, Any, Any]) -> Response[str]:
        return page.show(request)

    @post("/restore", status_code=200, media_type=MediaType.HTML, middleware=limit)
    async def answer(request: Request[Any, Any, Any]) -> Response[Any]:
        return await page.answer(request)

    return [show, answer]
