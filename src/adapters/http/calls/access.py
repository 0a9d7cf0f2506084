"""Redeeming a token, and the gate's question."""

from typing import Any, Final

import structlog
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from adapters.http.bodies import AccessStatusAnswer, AccessStatusBody, ActivateAnswer, ActivateBody
from adapters.http.dependencies import HttpDependencies
from adapters.http.guards import internal_only
from adapters.http.openapi import Saying, described, internal
from adapters.http.rate_limits import Limiter
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess, ActivateAccessCommand

LANGUAGE: Final = {"Content-Language": "The order's language, in which its customer wants to be spoken to."}
_ORDER: Final = "0b9a3f5e-6c0e-4d55-9a56-6f1f4b1f2f10"
_log = structlog.stdlib.get_logger("paywall.http")
_NOT_A_USER: Final = ("telegram_user_id", "must be a positive integer, or a string of digits")


def _activation(operation_id: str, tag: str, *problems: str) -> dict[str, Any]:
    return described(
        operation_id,
        "Redeem an activation token",
        about=ActivateAccess.__doc__,
        tag=tag,
        problems=(
            "validation_failed",
            "access_revoked",
            "activation_token_invalid",
            "activation_token_used",
            "activation_token_expired",
            "payload_too_large",
            "internal_error",
            *problems,
        ),
        wrong=_NOT_A_USER,
        saying=Saying(
            asked={"activation_token": "A" * 62, "telegram_user_id": 77000001},
            answered={
                "granted": {
                    "access_granted": True,
                    "order_id": _ORDER,
                    "plan": "one_time_basic",
                    "access_status": "active",
                    "access_expires_at": "2027-01-31T00:00:00Z",
                }
            },
            headers=LANGUAGE,
        ),
    )


_ACCESS_STATUS: Final = described(
    "getAccessStatus",
    "May this Telegram user in?",
    about=GetAccessStatus.__doc__,
    tag="bot",
    problems=("validation_failed", "internal_token_invalid", "payload_too_large", "internal_error"),
    wrong=_NOT_A_USER,
    saying=Saying(
        asked={"telegram_user_id": 77000001},
        answered={
            "paid": {"is_paid": True, "order_id": _ORDER, "plan": "one_time_basic", "access_status": "active"},
            "unknown": {"is_paid": False, "order_id": None, "plan": None, "access_status": None},
        },
        headers=LANGUAGE,
    ),
)


def access_calls(d: HttpDependencies, limiter: Limiter) -> list[HTTPRouteHandler]:
    """The calls about access; the bot's are not limited by address, since one bot is one address."""
    only_the_bot = internal_only(d.internal_tokens)

    async def activate(data: JSONBody[ActivateBody]) -> Response[ActivateAnswer]:
        granted = await d.activate_access(
            ActivateAccessCommand(activation_token=data.activation_token, telegram_user_id=data.telegram_user_id)
        )
        _log.info("access.redeemed", order_id=granted.order_id, plan=granted.plan)
        answer = ActivateAnswer(
            access_granted=True,
            order_id=granted.order_id,
            plan=granted.plan,
            access_status=granted.access_status,
            access_expires_at=granted.access_expires_at,
        )
        return Response(answer, headers=in_language(granted.locale))

    @post("/api/bot/access/status", status_code=200, guards=[only_the_bot], **internal(), **_ACCESS_STATUS)
    async def access_status(data: JSONBody[AccessStatusBody]) -> Response[AccessStatusAnswer]:
        status = await d.access_status(data.telegram_user_id)
        answer = AccessStatusAnswer(
            is_paid=status.is_paid,
            order_id=status.order_id,
            plan=status.plan,
            access_status=status.access_status,
        )
        return Response(answer, headers=in_language(status.locale))

    public = post(
        "/api/access/activate",
        status_code=200,
        middleware=limiter.middleware("activation", d.rate_limits.activation),
        **_activation("activateAccess", "access", "rate_limited"),
    )
    bots = post(
        "/api/bot/access/activate",
        status_code=200,
        guards=[only_the_bot],
        **internal(),
        **_activation("activateAccessForBot", "bot", "internal_token_invalid"),
    )
    return [public(activate), access_status, bots(activate)]


def in_language(locale: str | None) -> dict[str, str]:
    """The header that tells an order's language: the bodies are the user's page's, to the letter."""
    return {} if locale is None else {"Content-Language": locale}
