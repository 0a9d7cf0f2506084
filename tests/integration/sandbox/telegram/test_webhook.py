"""Webhook mode: a real receiver on loopback, aiogram's own and a plain one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiogram import Bot, Dispatcher, F
from aiogram.methods import SendMessage
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web
from litestar import Litestar, Request, Response, post

from entrypoints.server import serving

from .conftest import ANNA, BOB, World, echo_router, eventually

SECRET = "s3cret_-token"


@asynccontextmanager
async def aiogram_receiver(bot: Bot, dispatcher: Dispatcher, *, in_background: bool) -> AsyncIterator[str]:
    """Aiogram's own aiohttp webhook server; gives the webhook's address."""
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, handle_in_background=in_background, secret_token=SECRET).register(
        app, "/hook"
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


class Receiver:
    """Takes updates, and answers as it is told."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.secrets: list[str | None] = []
        self.failures_left = 0
        self.answer: dict[str, Any] = {}

    def texts(self) -> list[str]:
        """What was said to the bot, each attempt."""
        return [update["message"]["text"] for update in self.seen]

    def app(self) -> Litestar:
        """As an application."""

        @post("/hook", status_code=200)
        async def hook(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
            self.seen.append(await request.json())
            self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
            if self.failures_left:
                self.failures_left -= 1
                return Response({}, status_code=500)
            return Response(self.answer)

        return Litestar([hook], openapi_config=None, logging_config=None)


async def test_a_person_talks_with_a_webhook_bot(world: World, bot: Bot) -> None:
    """Aiogram's own webhook server takes the updates, secret and all."""
    dispatcher = Dispatcher()
    dispatcher.include_router(echo_router([]))
    async with aiogram_receiver(bot, dispatcher, in_background=True) as url:
        await bot.set_webhook(url, secret_token=SECRET, allowed_updates=dispatcher.resolve_used_update_types())
        await world.telegram.start(ANNA, "token1")
        await world.telegram.wait_for_message(ANNA, containing="Hello Анна: token1")
        await world.telegram.press(ANNA, "Press me")
        await world.telegram.wait_for_message(ANNA, containing="You pressed it")


async def test_a_call_in_aiograms_answer_is_carried_out(world: World, bot: Bot) -> None:
    """A handler that returns a method answers by multipart in the webhook's own response."""
    dispatcher = Dispatcher()

    @dispatcher.message(F.text)
    async def answer(message: Message) -> SendMessage:
        return message.answer(f"«{message.text}» в ответе\nвторая строка")

    async with aiogram_receiver(bot, dispatcher, in_background=False) as url:
        await bot.set_webhook(url, secret_token=SECRET)
        await world.telegram.say(BOB, "привет")
        await world.telegram.wait_for_message(BOB, containing="«привет» в ответе\nвторая строка")


async def test_a_call_in_a_json_answer_is_carried_out(world: World, bot: Bot) -> None:
    """The same by JSON; a call that is refused stops nothing."""
    receiver = Receiver()
    receiver.answer = {"method": "sendMessage", "chat_id": 999, "text": "to nobody"}
    async with serving(receiver.app(), host="127.0.0.1", port=0) as origin:
        await bot.set_webhook(f"{origin}/hook")
        await world.telegram.say(ANNA, "one")
        await eventually(lambda: receiver.texts() == ["one"])
        receiver.answer = {"method": "sendMessage", "chat_id": ANNA, "text": "by JSON"}
        await world.telegram.say(ANNA, "two")
        await world.telegram.wait_for_message(ANNA, containing="by JSON")
        assert receiver.secrets == [None, None]
        await bot.delete_webhook()


async def test_failures_are_retried_in_order(world: World, bot: Bot) -> None:
    """A failing update is sent again before the next one is, and getWebhookInfo tells of it."""
    receiver = Receiver()
    receiver.failures_left = 2
    async with serving(receiver.app(), host="127.0.0.1", port=0) as origin:
        await bot.set_webhook(f"{origin}/hook", secret_token=SECRET)
        await world.telegram.say(ANNA, "one")
        await world.telegram.say(ANNA, "two")
        await eventually(lambda: len(receiver.seen) == 4)
        assert receiver.texts() == ["one", "one", "one", "two"]
        assert set(receiver.secrets) == {SECRET}
        await eventually(lambda: world.telegram.snapshot()["pending_updates"] == 0)
        info = await bot.get_webhook_info()
        assert info.url == f"{origin}/hook"
        assert info.last_error_message == "Wrong response from the webhook: 500 Internal Server Error"
        assert SECRET not in str(world.telegram.snapshot())
        await bot.delete_webhook()


async def test_nothing_is_sent_while_telegram_is_down(world: World, bot: Bot) -> None:
    """Updates wait for the end of the trouble."""
    receiver = Receiver()
    async with serving(receiver.app(), host="127.0.0.1", port=0) as origin:
        await bot.set_webhook(f"{origin}/hook")
        world.troubles.telegram_down = True
        await world.telegram.say(ANNA, "later")
        await asyncio.sleep(0.3)  # the absence of something has no event
        assert receiver.seen == []
        world.troubles.telegram_down = False
        await eventually(lambda: receiver.texts() == ["later"])
        await bot.delete_webhook()


async def test_pending_updates_can_be_dropped(world: World, bot: Bot) -> None:
    """What could not be delivered is forgotten when the bot asks for it."""
    await bot.set_webhook("http://127.0.0.1:9/nobody")
    await world.telegram.say(ANNA, "lost")
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates() == []
