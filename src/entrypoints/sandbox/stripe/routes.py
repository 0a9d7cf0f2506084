"""The HTTP face of the sandbox's Stripe: the API at `/stripe/v1/…`, pages at `/stripe/pay/…` and `/stripe/portal/…`."""

from typing import Any
from urllib.parse import parse_qsl

from litestar import MediaType, Request, Response, Router, get, post, route
from litestar.params import FromPath

from entrypoints.sandbox.stripe.api import ApiRequest, StripeApi
from entrypoints.sandbox.stripe.checkout_page import CheckoutPage
from entrypoints.sandbox.stripe.engine import Engine
from entrypoints.sandbox.stripe.portal_page import PortalPage, portal_handlers


def stripe_router(*, engine: Engine, api: StripeApi, page: CheckoutPage, portal: PortalPage) -> Router:
    """Everything, as one router. Until an origin is set, the first caller's view of this server is taken for it."""

    @route("/v1/{path:path}", http_method=["GET", "POST", "DELETE"], include_in_schema=False, name="stripe-api")
    async def call(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
        if not engine.checkout.origin:
            engine.checkout.origin = str(request.base_url).rstrip("/")
        raw = request.scope["query_string"].decode("latin-1")
        if request.method == "POST":
            # Two encodings of one form: parameters may stand in the query too.
            raw = "&".join(part for part in (raw, (await request.body()).decode("utf-8", "replace")) if part)
        answer = api.answer(
            ApiRequest(
                method=request.method,
                path=path.strip("/"),
                pairs=tuple(parse_qsl(raw, keep_blank_values=True)),
                headers=dict(request.headers),
            )
        )
        return Response(answer.body, status_code=answer.status, media_type=MediaType.JSON, headers=answer.headers)

    @get("/pay/{session_id:str}", include_in_schema=False, name="stripe-checkout")
    async def show(request: Request[Any, Any, Any], session_id: FromPath[str]) -> Response[Any]:
        return page.show(request, session_id)

    @post("/pay/{session_id:str}", include_in_schema=False, name="stripe-checkout-pay")
    async def pay(request: Request[Any, Any, Any], session_id: FromPath[str]) -> Response[Any]:
        return await page.pay(request, session_id)

    return Router(path="/stripe", route_handlers=[call, show, pay, *portal_handlers(portal)])
