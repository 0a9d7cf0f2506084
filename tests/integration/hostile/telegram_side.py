"""The bot's doors, webhook and polling, each with a check that must hold for whatever comes in; also for `fuzz/`."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, Final

import httpx
import msgspec
from aiogram import Bot, Router
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import AiogramError
from aiogram.methods import GetUpdates, TelegramMethod
from aiogram.types import Chat, ErrorEvent, Message, Update, User

from adapters.bot.api_client import PaywallApi
from adapters.bot.dispatcher import create_dispatcher
from adapters.bot.telegram import create_bot
from adapters.bot.webhook import webhook_app
from tests.integration.bot.conftest import LOCALES, PAGES, TOKEN
from tests.integration.bot.telegram_stub import MESSAGE, USER
from tests.integration.http.service import INTERNAL

from .worlds import Api

_OK: Final = 200
_BOT_SECRET: Final = "a-webhook-secret"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{62}")


class _Silent(BaseSession):
    """Sends nothing, and remembers what would have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[TelegramMethod[Any]] = []

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[Any],
        timeout: int | None = None,  # noqa: ASYNC109  - aiogram's
    ) -> Any:
        self.sent.append(method)
        if type(method).__name__ == "SendMessage":
            chat = Chat(id=1, type="private")
            return Message.model_validate({"message_id": 1, "date": 1, "chat": chat}, context={"bot": bot})
        if type(method).__name__ == "GetMe":
            return User(id=1, is_bot=True, first_name="bot", username="paywall_bot")
        return True

    async def close(self) -> None:
        """Nothing is open."""

    async def stream_content(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        """Nothing is fetched."""
        nothing: tuple[bytes, ...] = ()
        for chunk in nothing:
            yield chunk


class _InProcess(PaywallApi):
    """The bot's way to the real API, without a network."""

    def __init__(self, api: Api) -> None:
        super().__init__(base_url="http://testserver.local", internal_token=INTERNAL["X-Internal-Token"])
        self._client = httpx.AsyncClient(transport=api.transport, headers=INTERNAL)


class TelegramSide:
    """The bot, by webhook and by polling, before the real API; behind its gate a handler that nobody may reach.

    Args:
        runner: of the loop that everything runs in.
        api: where somebody has paid, and nobody has redeemed.
    """

    def __init__(self, runner: asyncio.Runner, api: Api) -> None:
        self._runner = runner
        self._api = api
        self._genuine = api.pay()
        self._pushed = 0
        self._reached: list[object] = []
        self._failed: list[Exception] = []
        self._session = _Silent()
        self._bot = Bot(TOKEN, session=self._session)
        router = Router()
        router.message.register(self._reach)
        router.callback_query.register(self._reach)
        dispatcher = create_dispatcher(
            api=_InProcess(api), locales=LOCALES, pay_url=None, public_base_url=PAGES, paid_router=router
        )
        dispatcher.errors.register(self._fail)
        app: Any = webhook_app(self._bot, dispatcher, _BOT_SECRET)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot.example")
        self._polling = runner.run(_made())

    async def _reach(self, event: Any) -> None:
        self._reached.append(event)

    async def _fail(self, event: ErrorEvent) -> None:
        """The receiver would log it and say 200."""
        self._failed.append(event.exception)

    def push(self, body: bytes) -> int:
        """An update by webhook: taken or refused, nothing fails, nobody is let in, and no link is said."""
        self._session.sent.clear()
        self._failed.clear()
        headers = {"X-Telegram-Bot-Api-Secret-Token": _BOT_SECRET}
        path = f"/tg/webhook/{_BOT_SECRET}"
        status = int(self._runner.run(self._client.post(path, content=body, headers=headers)).status_code)
        if self._failed:
            raise self._failed[0]
        assert status in (200, 400, 413), (status, body[:200])
        assert not self._reached
        for method in self._session.sent:
            said = repr(dict(method))
            assert "start=" not in said
            assert not _TOKEN.search(said)
        return status

    def start(self, payload: str) -> list[str]:
        """`/start` with a payload in a private chat: whoever has not the one genuine token stays outside.

        Gives what the bot said.
        """
        self._api.reset()
        self._pushed += 1
        text = payload.replace("GENUINE", self._genuine)
        message = {**MESSAGE, "text": text}
        assert self.push(msgspec.json.encode({"update_id": 2**41 + self._pushed, "message": message})) == _OK
        users = {order.telegram_user_id for order in self._api.store.tables.orders.values()}
        if self._genuine not in text:
            assert users == {None}
        return [str(getattr(method, "text", "")) for method in self._session.sent]

    def has_entered(self) -> bool:
        """Whether the last `/start` redeemed the token."""
        return self._api.order().telegram_user_id == USER["id"]

    def poll(self, body: bytes) -> list[Update] | None:
        """An answer to `getUpdates`: updates, or an error of aiogram's."""
        content = body.decode("utf-8", "replace")
        try:
            read: list[Update] = self._polling.session.check_response(  # type: ignore[assignment]
                bot=self._polling, method=GetUpdates(), status_code=_OK, content=content
            ).result
        except AiogramError:
            return None
        return read


async def _made() -> Bot:
    return create_bot(TOKEN, None)
