"""The Bot API's door: `/telegram/bot<token>/<method>`, by POST (form, multipart, JSON) or GET.

Tokens are checked here, once for every call; what the methods do is in `methods.py`.
"""

import hmac
from typing import Any

import msgspec
from litestar import Request, Response, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from entrypoints.sandbox.telegram import bodies
from entrypoints.sandbox.telegram.errors import ApiRefusal, bad_gateway, conflict
from entrypoints.sandbox.telegram.method_params import GetUpdates, read_params
from entrypoints.sandbox.telegram.methods import Methods
from entrypoints.sandbox.telegram.updates import UpdateQueue
from entrypoints.sandbox.telegram.webhook import WebhookSender
from entrypoints.sandbox.troubles import Troubles


class Answer(Struct, frozen=True, kw_only=True):
    """What Telegram answers when all is well."""

    ok: bool = True
    result: object


class BotApi:
    """Answers calls of one bot."""

    def __init__(
        self, *, token: str, queue: UpdateQueue, sender: WebhookSender, methods: Methods, troubles: Troubles
    ) -> None:
        self._token = token
        self._queue = queue
        self._sender = sender
        self._methods = methods
        self._troubles = troubles

    async def answer(self, bot: str, method: str, params: dict[str, Any]) -> object:
        """The result of a call; `bot` is the path's `bot<token>`.

        Raises:
            ApiRefusal: any refusal, with Telegram's own status and words.
        """
        if not bot.startswith("bot"):
            raise ApiRefusal(404, "Not Found")
        if self._troubles.telegram_down:
            raise bad_gateway()
        if not hmac.compare_digest(bot.removeprefix("bot").encode(), self._token.encode()):
            raise ApiRefusal(401, "Unauthorized")
        if method.lower() != "getupdates":
            return self._methods.call(method, params)
        asked = read_params(params, GetUpdates)
        if self._sender.webhook.url:
            raise conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete it first")
        self._queue.allow(asked.allowed_updates)
        updates = await self._queue.poll(offset=asked.offset, limit=asked.limit, timeout_seconds=asked.timeout)
        return [update.document() for update in updates]


def bot_api_handler(api: BotApi) -> HTTPRouteHandler:
    """The Litestar handler of every call."""

    @route("/telegram/{bot:str}/{method:str}", http_method=["GET", "POST"], status_code=200, include_in_schema=False)
    async def call(bot: FromPath[str], method: FromPath[str], request: Request[Any, Any, Any]) -> Response[bytes]:
        try:
            query = request.scope["query_string"].decode()
            params = bodies.decode(await request.body(), request.headers.get("content-type", ""), query)
            result = await api.answer(bot, method, params)
        except ApiRefusal as refusal:
            return Response(
                msgspec.json.encode(refusal.body()), status_code=refusal.status, media_type="application/json"
            )
        return Response(msgspec.json.encode(Answer(result=result)), media_type="application/json")

    return call
