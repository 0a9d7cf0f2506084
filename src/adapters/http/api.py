"""The calls of the user's page. Each handler decodes, asks one use case, and encodes."""

import hmac
from collections.abc import Sequence
from typing import Any, Final

import structlog
from litestar import Request, Router, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import JSONBody, Parameter
from litestar.types import Guard

from adapters.http.bodies import (
    AccessStatusAnswer,
    AccessStatusBody,
    ActivateAnswer,
    ActivateBody,
    CheckoutAnswer,
    CheckoutBody,
    SessionStatusAnswer,
    StatusAnswer,
    WebhookAnswer,
    telegram_user_id,
)
from adapters.http.dependencies import HttpDependencies
from adapters.http.problems import ProblemError
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess, ActivateAccessCommand
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout, StartCheckoutCommand

WEBHOOK_MAX_BYTES: Final = 512 * 1024
_log = structlog.stdlib.get_logger("paywall.http")


def api_routes(dependencies: HttpDependencies) -> Router:
    """All calls under one router."""
    return Router(
        "/",
        route_handlers=[*_service(dependencies), *_payment(dependencies), *_access(dependencies)],
    )


def _service(d: HttpDependencies) -> list[HTTPRouteHandler]:
    """Is it alive, is it ready; and what is no longer served."""

    @get("/health", summary="Is the process alive?", tags=["service"])
    async def health() -> StatusAnswer:
        """Touches nothing."""
        return StatusAnswer(status="ok")

    @get("/health/ready", summary="Is the database there, and its schema current?", tags=["service"])
    async def ready() -> StatusAnswer:
        """503 `not_ready` when it is not."""
        if not await d.readiness():
            raise ProblemError(503, "not_ready", "The database does not answer, or its schema is not current.")
        return StatusAnswer(status="ready")

    @get("/api/payment/redirect", summary="Gone", tags=["legacy"], deprecated=True)
    async def redirect() -> None:
        """The old redirect; pages link to /pay now."""
        raise ProblemError(410, "gone", "Start at /pay.")

    return [health, ready, redirect]


def _payment(d: HttpDependencies) -> list[HTTPRouteHandler]:
    """Checkout, the provider's events, and the success page's question."""

    @post(
        "/api/payment/checkout-session",
        status_code=200,
        summary="Start a checkout",
        description=StartCheckout.__doc__,
        tags=["payment"],
    )
    async def checkout(data: JSONBody[CheckoutBody]) -> CheckoutAnswer:
        started = await d.start_checkout(
            StartCheckoutCommand(
                mode=data.mode,
                plan=data.plan,
                email=data.email,
                clickid=data.clickid,
                locale=data.locale,
                telegram_chat_id=data.telegram_chat_id,
            )
        )
        return CheckoutAnswer(
            checkout_url=started.checkout_url, session_id=started.session_id, order_id=started.order_id
        )

    @post(
        "/api/stripe/webhook",
        status_code=200,
        request_max_body_size=WEBHOOK_MAX_BYTES,
        summary="Stripe's events",
        description=RecordPayment.__doc__,
        tags=["payment"],
    )
    async def webhook(request: Request[Any, Any, Any]) -> WebhookAnswer:
        signature = _header(request, "stripe-signature")
        notification = d.webhook.read(await request.body(), signature, now=d.clock.now())
        log = _log.bind(event_id=notification.event_id, event_type=notification.event_type)
        try:
            recorded = await d.record_payment(notification)
        except Exception:
            log.warning("webhook.failed")  # the error itself is logged where it becomes a 500
            raise
        d.on_recorded()
        log.info("webhook.recorded", duplicate=recorded.duplicate, parked=recorded.parked, order_id=recorded.order_id)
        return WebhookAnswer(received=True, duplicate=recorded.duplicate)

    @get(
        "/api/payment/session-status",
        summary="How does a checkout session stand?",
        description=GetSessionStatus.__doc__,
        tags=["payment"],
    )
    async def session_status(
        session_id: str = Parameter(examples=[Example(value="cs_test_a1")]),
    ) -> SessionStatusAnswer:
        status = await d.session_status(session_id)
        d.on_recorded()
        return SessionStatusAnswer(
            payment_status=status.payment_status,
            fulfillment_status=status.fulfillment_status,
            access_status=status.access_status,
            activation_link=status.activation_link,
        )

    return [checkout, webhook, session_status]


def _access(d: HttpDependencies) -> list[HTTPRouteHandler]:
    """Redeeming a token, and the gate's question."""

    async def activate(data: JSONBody[ActivateBody]) -> ActivateAnswer:
        granted = await d.activate_access(
            ActivateAccessCommand(
                activation_token=data.activation_token, telegram_user_id=telegram_user_id(data.telegram_user_id)
            )
        )
        return ActivateAnswer(
            access_granted=True,
            order_id=granted.order_id,
            plan=granted.plan,
            access_status=granted.access_status,
            access_expires_at=granted.access_expires_at,
        )

    @post(
        "/api/bot/access/status",
        status_code=200,
        guards=[internal_only(d.internal_tokens)],
        summary="May this Telegram user in?",
        description=GetAccessStatus.__doc__,
        tags=["bot"],
    )
    async def access_status(data: JSONBody[AccessStatusBody]) -> AccessStatusAnswer:
        status = await d.access_status(telegram_user_id(data.telegram_user_id))
        return AccessStatusAnswer(
            is_paid=status.is_paid,
            order_id=status.order_id,
            plan=status.plan,
            access_status=status.access_status,
        )

    def activation(path: str, tag: str, *guards: Guard) -> HTTPRouteHandler:
        return post(
            path,
            status_code=200,
            guards=list(guards),
            summary="Redeem an activation token",
            description=ActivateAccess.__doc__,
            tags=[tag],
        )(activate)

    return [
        access_status,
        activation("/api/access/activate", "access"),
        activation("/api/bot/access/activate", "bot", internal_only(d.internal_tokens)),
    ]


def internal_only(tokens: Sequence[str]) -> Guard:
    """Let only callers in that know one of the internal tokens; compared in constant time, all of them."""
    accepted = [token.encode() for token in tokens]

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        given = _header(connection, "x-internal-token").encode("utf-8", "surrogatepass")
        known = False
        for token in accepted:
            known |= hmac.compare_digest(token, given)
        if not known:
            raise ProblemError(401, "internal_token_invalid", "Send the internal token in X-Internal-Token.")

    return guard


def _header(connection: ASGIConnection[Any, Any, Any, Any], name: str) -> str:
    """A header's value, whatever bytes a caller sent."""
    return connection.headers.get(name, "")
