"""The way in was lost: a code by e-mail, and a new way in."""

from typing import Any, Final

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from adapters.http.bodies import (
    BotRestoreConfirmBody,
    RestoreConfirmAnswer,
    RestoreConfirmBody,
    RestoreRequestAnswer,
    RestoreRequestBody,
    StatusAnswer,
)
from adapters.http.calls.access import LANGUAGE, in_language
from adapters.http.dependencies import HttpDependencies
from adapters.http.guards import internal_only
from adapters.http.openapi import Saying, described, internal
from adapters.http.rate_limits import Limiter
from paywall_core.use_cases.confirm_restore import ConfirmRestore, ConfirmRestoreCommand, RestoredAccess
from paywall_core.use_cases.request_restore import RequestRestore, RequestRestoreCommand

_NOT_AN_ADDRESS: Final = ("email", "must be an e-mail address")


def _request(operation_id: str, tag: str, answer: dict[str, Any], *problems: str) -> dict[str, Any]:
    return described(
        operation_id,
        "Have a one-time code mailed",
        about=RequestRestore.__doc__,
        tag=tag,
        problems=("validation_failed", "payload_too_large", "rate_limited", "internal_error", *problems),
        wrong=_NOT_AN_ADDRESS,
        saying=Saying(asked={"email": "anna@example.com"}, answered={"anybody": answer}),
    )


def _confirm(operation_id: str, tag: str, *problems: str) -> dict[str, Any]:
    return described(
        operation_id,
        "Answer with the code, and get a new way in",
        about=ConfirmRestore.__doc__,
        tag=tag,
        problems=(
            "validation_failed",
            "otp_invalid",
            "no_restorable_order",
            "payload_too_large",
            "internal_error",
            *problems,
        ),
        wrong=("otp", "is required"),
        saying=Saying(
            asked={"email": "anna@example.com", "otp": "024680", "telegram_user_id": 77000001},
            answered={
                "redeemed at once": {"status": "restored", "activation_link": None, "access_granted": True},
                "to be redeemed": {
                    "status": "restored",
                    "activation_link": "https://t.me/paywall_bot?start=AAAA",
                    "access_granted": False,
                },
            },
            headers=LANGUAGE,
        ),
    )


def restore_calls(d: HttpDependencies, limiter: Limiter) -> list[HTTPRouteHandler]:
    """The calls about getting access back. Each address of e-mail has limits of its own, in the core."""
    limit = limiter.middleware("restore", d.rate_limits.restore)
    only_the_bot = internal_only(d.internal_tokens)

    @post(
        "/api/auth/restore/request",
        status_code=200,
        middleware=limit,
        **_request("requestRestore", "access", {"otp_delivery_sent": True}),
    )
    async def request(data: JSONBody[RestoreRequestBody]) -> RestoreRequestAnswer:
        await d.request_restore(RequestRestoreCommand(email=data.email))
        return RestoreRequestAnswer(otp_delivery_sent=True)

    @post(
        "/api/auth/restore/confirm",
        status_code=200,
        middleware=limit,
        **_confirm("confirmRestore", "access", "rate_limited"),
    )
    async def confirm(data: JSONBody[RestoreConfirmBody]) -> Response[RestoreConfirmAnswer]:
        command = ConfirmRestoreCommand(email=data.email, code=data.otp, telegram_user_id=data.telegram_user_id)
        return _restored(await d.confirm_restore(command))

    @post(
        "/api/bot/restore/request",
        status_code=200,
        guards=[only_the_bot],
        **internal(),
        **_request("requestRestoreForBot", "bot", {"status": "otp_logged"}, "internal_token_invalid"),
    )
    async def bot_request(data: JSONBody[RestoreRequestBody]) -> StatusAnswer:
        await d.request_restore(RequestRestoreCommand(email=data.email))
        return StatusAnswer(status="otp_logged")

    @post(
        "/api/bot/restore/confirm",
        status_code=200,
        guards=[only_the_bot],
        **internal(),
        **_confirm("confirmRestoreForBot", "bot", "internal_token_invalid"),
    )
    async def bot_confirm(data: JSONBody[BotRestoreConfirmBody]) -> Response[RestoreConfirmAnswer]:
        command = ConfirmRestoreCommand(email=data.email, code=data.otp, telegram_user_id=data.telegram_user_id)
        return _restored(await d.confirm_restore(command))

    return [request, confirm, bot_request, bot_confirm]


def _restored(restored: RestoredAccess) -> Response[RestoreConfirmAnswer]:
    answer = RestoreConfirmAnswer(
        status="restored", activation_link=restored.activation_link, access_granted=restored.access_granted
    )
    return Response(answer, headers=in_language(restored.locale))
