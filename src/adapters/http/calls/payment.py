"""Checkout, the provider's events, the success page's question, and the customer portal."""

from typing import Any, Final

import structlog
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example, OpenAPIType, Parameter, Schema
from litestar.params import JSONBody

from adapters.http.bodies import (
    CheckoutAnswer,
    CheckoutBody,
    PortalAnswer,
    PortalBody,
    SessionStatusAnswer,
    SessionStatusQuery,
    WebhookAnswer,
)
from adapters.http.dependencies import HttpDependencies
from adapters.http.fields import read_parameters
from adapters.http.openapi import Body, Saying, described, query_parameters
from adapters.http.rate_limits import Limiter
from paywall_core.errors import InvalidPayload, InvalidSignature
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout, StartCheckoutCommand, StartedCheckout

WEBHOOK_MAX_BYTES: Final = 512 * 1024
_NOT_AN_ADDRESS: Final = ("email", "must be an e-mail address")
_ORDER: Final = "0b9a3f5e-6c0e-4d55-9a56-6f1f4b1f2f10"
_REFUSALS: Final[dict[type[Exception], str]] = {
    InvalidSignature: "invalid_signature",
    InvalidPayload: "invalid_payload",
}
_log = structlog.stdlib.get_logger("paywall.http")

_CHECKOUT: Final = described(
    "startCheckout",
    "Start a checkout",
    about=StartCheckout.__doc__,
    tag="payment",
    problems=(
        "validation_failed",
        "plan_mode_mismatch",
        "payload_too_large",
        "rate_limited",
        "internal_error",
        "payment_provider_unavailable",
    ),
    wrong=_NOT_AN_ADDRESS,
    saying=Saying(
        asked={
            "mode": "one_time",
            "plan": "one_time_basic",
            "email": "anna@example.com",
            "clickid": "w8h2f5k",
            "locale": "ru",
            "telegram_chat_id": "77000001",
        },
        answered={
            "opened": {
                "checkout_url": "https://checkout.stripe.com/c/pay/cs_test_a1",
                "session_id": "cs_test_a1",
                "order_id": _ORDER,
            }
        },
    ),
)
_WEBHOOK: Final = described(
    "takeStripeEvent",
    "Stripe's events",
    about=RecordPayment.__doc__,
    tag="payment",
    problems=("invalid_signature", "invalid_payload", "payload_too_large", "internal_error"),
    saying=Saying(
        body=Body(
            description="An event as Stripe sends it; the signature is over these very bytes.",
            schema=Schema(type=OpenAPIType.OBJECT),
        ),
        asked={"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": {}}},
        answered={"first": {"received": True}, "repeated": {"received": True, "duplicate": True}},
        parameters=(
            Parameter(
                name="stripe-signature",
                param_in="header",
                schema=Schema(type=OpenAPIType.STRING),
                description="Signed by one of `STRIPE_WEBHOOK_SECRET`, at most five minutes ago.",
                required=True,
                examples={"signature": Example(value="t=1767225600,v1=5257a869")},
            ),
        ),
    ),
)
_SESSION_STATUS: Final = described(
    "getSessionStatus",
    "How does a checkout session stand?",
    about=GetSessionStatus.__doc__,
    tag="payment",
    problems=("validation_failed", "session_not_found", "rate_limited", "internal_error"),
    wrong=("session_id", "is required"),
    saying=Saying(
        parameters=query_parameters(SessionStatusQuery),
        answered={
            "pending": {
                "payment_status": "unpaid",
                "fulfillment_status": "pending",
                "access_status": "pending",
                "activation_link": None,
            },
            "paid": {
                "payment_status": "paid",
                "fulfillment_status": "fulfilled",
                "access_status": "token_issued",
                "activation_link": "https://t.me/paywall_bot?start=AAAA",
            },
        },
    ),
)
_PORTAL: Final = described(
    "openCustomerPortal",
    "Where the customer looks after the payments",
    about=OpenCustomerPortal.__doc__,
    tag="payment",
    problems=(
        "validation_failed",
        "payload_too_large",
        "rate_limited",
        "payment_provider_unavailable",
    ),
    wrong=_NOT_AN_ADDRESS,
    saying=Saying(
        asked={"email": "anna@example.com"},
        answered={
            "anybody": {
                "portal_url": "https://billing.stripe.com/p/login/test_a1?prefilled_email=anna%40example.com",
            }
        },
    ),
)


async def begin_checkout(d: HttpDependencies, command: StartCheckoutCommand) -> StartedCheckout:
    """Start a checkout, and tell of it: from here on the log knows the order by its id."""
    started = await d.start_checkout(command)
    _log.info("checkout.started", order_id=started.order_id, plan=command.plan)
    return started


async def take_event(d: HttpDependencies, body: bytes, signature: str) -> WebhookAnswer:
    """Record an event of Stripe's; what is answered comes after the commit.

    Raises:
        InvalidSignature, InvalidPayload: it is none; nothing was stored.
    """
    notification = d.webhook.read(body, signature, now=d.clock.now())
    event = {"event_id": notification.event_id, "event_type": notification.event_type}
    try:
        recorded = await d.record_payment(notification)
    except Exception:
        _log.warning("webhook.failed", **event)  # the error itself is logged where it becomes a 500
        raise
    _log.info(
        "webhook.recorded", **event, duplicate=recorded.duplicate, parked=recorded.parked, order_id=recorded.order_id
    )
    outcome = "duplicate" if recorded.duplicate else "parked" if recorded.parked else "recorded"
    d.measures.webhooks.add(outcome)
    if not recorded.duplicate:  # what is sent again, or by hand, says nothing about the way here
        age = (d.clock.now() - notification.occurred_at).total_seconds()
        d.measures.webhook_age.of().observe(max(0.0, age))
    return WebhookAnswer(received=True, duplicate=recorded.duplicate)


def payment_calls(d: HttpDependencies, limiter: Limiter) -> list[HTTPRouteHandler]:
    """The calls about payments."""
    limits = d.rate_limits

    @post(
        "/api/payment/checkout-session",
        status_code=200,
        middleware=limiter.middleware("checkout", limits.checkout),
        **_CHECKOUT,
    )
    async def checkout(data: JSONBody[CheckoutBody]) -> CheckoutAnswer:
        started = await begin_checkout(
            d,
            StartCheckoutCommand(
                mode=data.mode,
                plan=data.plan,
                email=data.email,
                clickid=data.clickid,
                locale=data.locale,
                telegram_chat_id=data.telegram_chat_id,
            ),
        )
        return CheckoutAnswer(
            checkout_url=started.checkout_url, session_id=started.session_id, order_id=started.order_id
        )

    @post("/api/stripe/webhook", status_code=200, request_max_body_size=WEBHOOK_MAX_BYTES, **_WEBHOOK)
    async def webhook(request: Request[Any, Any, Any]) -> WebhookAnswer:
        body, signature = await request.body(), request.headers.get("stripe-signature", "")
        try:
            return await take_event(d, body, signature)
        except Exception as error:  # counted here, and not there: the fast lane leaves it to us to fail
            d.measures.webhooks.add(_REFUSALS.get(type(error), "failed"))
            raise

    @get("/api/payment/session-status", middleware=limiter.middleware("status", limits.status), **_SESSION_STATUS)
    async def session_status(request: Request[Any, Any, Any]) -> SessionStatusAnswer:
        asked, _ = read_parameters(request.scope["query_string"], SessionStatusQuery)
        status = await d.session_status(asked.session_id)
        return SessionStatusAnswer(
            payment_status=status.payment_status,
            fulfillment_status=status.fulfillment_status,
            access_status=status.access_status,
            activation_link=status.activation_link,
        )

    @post(
        "/api/payment/customer-portal",
        status_code=200,
        middleware=limiter.middleware("restore", limits.restore),
        **_PORTAL,
    )
    async def portal(data: JSONBody[PortalBody]) -> PortalAnswer:
        return PortalAnswer(portal_url=await d.customer_portal(data.email))

    return [checkout, webhook, session_status, portal]
