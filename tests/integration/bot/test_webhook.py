"""Webhook mode: registered with patience, open to Telegram alone, each update once; then a whole conversation by it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiogram import Bot, Dispatcher, Router
from aiogram.exceptions import TelegramUnauthorizedError
from aiogram.types import Message, Update

from adapters.bot.webhook import MAX_UPDATE_BYTES, keep_webhook_registered, webhook_app
from entrypoints.server import serving

from .conftest import BOB, World, dispatcher_of, eventually
from .telegram_stub import MESSAGE, UNREADABLE, TelegramStub

SECRET = "a-webhook-secret"
URL = f"https://pay.example.com/tg/webhook/{SECRET}"


@asynccontextmanager
async def posting(bot: Bot, dispatcher: Dispatcher) -> AsyncIterator[Any]:
    """Posts updates as Telegram does."""
    app: Any = webhook_app(bot, dispatcher, SECRET)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot.example") as client:

        async def post(update: dict[str, Any]) -> int:
            headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
            return (await client.post(f"/tg/webhook/{SECRET}", json=update, headers=headers)).status_code

        yield post


@pytest.mark.parametrize(
    ("path", "header", "body", "status", "handled"),
    [
        (SECRET, SECRET, None, 200, True),
        ("wrong", SECRET, None, 404, False),
        (SECRET, "wrong", None, 404, False),
        (SECRET, "", None, 404, False),
        ("секрет", SECRET, None, 404, False),
        (SECRET, SECRET, b"{}", 400, False),
        (SECRET, SECRET, b"[]", 400, False),
        (SECRET, SECRET, b'{"update_id": "x"}', 400, False),
        (SECRET, SECRET, b"\xff", 400, False),
        (SECRET, SECRET, b'"\xff"', 400, False),
        (SECRET, SECRET, b" " * (MAX_UPDATE_BYTES + 1), 413, False),
    ],
)
async def test_webhook_takes_updates_from_telegram_only(
    *, bot: Bot, telegram: TelegramStub, path: str, header: str, body: bytes | None, status: int, handled: bool
) -> None:
    """Both secrets, a sane size, and an update."""
    good = Update.model_validate({"update_id": 1, "message": MESSAGE}).model_dump_json(exclude_none=True, by_alias=True)
    app: Any = webhook_app(bot, dispatcher_of(), SECRET)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot.example") as client:
        answer = await client.post(
            f"/tg/webhook/{path}",
            content=good.encode() if body is None else body,
            headers={"X-Telegram-Bot-Api-Secret-Token": header},
        )
    assert answer.status_code == status
    assert bool(telegram.calls) is handled


async def test_update_that_comes_again_is_handled_once(bot: Bot, telegram: TelegramStub) -> None:
    """After the first was handled, and while it is: Telegram does not wait for ever for our answer."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    handled: list[int] = []
    router = Router()

    @router.message()
    async def slow(_message: Message, event_update: Update) -> None:
        handled.append(event_update.update_id)
        begun.set()
        await go_on.wait()

    update = {"update_id": 7, "message": MESSAGE}
    async with posting(bot, dispatcher_of(router, is_paid=True)) as post:
        first = asyncio.create_task(post(update))
        await begun.wait()
        assert await post(update) == 200
        go_on.set()
        assert await first == 200
        assert await post(update) == 200
        assert await post({**update, "update_id": 8}) == 200
    assert handled == [7, 8]


async def test_update_whose_handling_failed_is_not_sent_again(
    bot: Bot, telegram: TelegramStub, capfd: pytest.CaptureFixture[str]
) -> None:
    """The operator's bug is in the log, and holds back nobody."""
    router = Router()

    @router.message()
    async def broken(_message: Message) -> None:
        raise RuntimeError("a bug")

    async with posting(bot, dispatcher_of(router, is_paid=True)) as post:
        assert await post({"update_id": 1, "message": MESSAGE}) == 200
    logged = "".join(capfd.readouterr())
    assert "bot.update_failed" in logged
    assert "a bug" in logged


async def test_update_that_nobody_understands_is_taken(
    bot: Bot, telegram: TelegramStub, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Refused, it would come again and again; what is in it is nobody's business."""
    async with posting(bot, dispatcher_of()) as post:
        assert await post({"update_id": 1, "my_chat_member": UNREADABLE}) == 200
        assert await post({"update_id": 2, "of_a_kind_that_came_later": {"text": "code 987654"}}) == 200
    logged = "".join(capfd.readouterr()) + caplog.text
    assert "bot.update_not_understood" in logged
    assert "987654" not in logged
    assert telegram.calls == []


async def test_registration_goes_on_until_telegram_takes_it(bot: Bot, telegram: TelegramStub) -> None:
    """In the background; then the commands are announced, and the job waits for the end."""
    telegram.answer = (502, "<html>bad gateway")
    stop = asyncio.Event()
    job = asyncio.create_task(keep_webhook_registered(bot, dispatcher_of(), URL, SECRET, stop))
    await telegram.until("setWebhook")
    telegram.answer = None
    await telegram.until("setMyCommands", 3)
    registered = [form for method, form in telegram.calls if method == "setWebhook"][-1]
    assert (registered["url"], registered["secret_token"]) == (URL, SECRET)
    assert registered["allowed_updates"] == '["callback_query", "message"]'
    assert not job.done()
    stop.set()
    await asyncio.wait_for(job, 2)


async def test_stop_ends_the_registration(bot: Bot, telegram: TelegramStub) -> None:
    """A process whose Telegram is away stops at once."""
    telegram.answer = (500, '{"ok": false, "description": "away"}')
    stop = asyncio.Event()
    job = asyncio.create_task(keep_webhook_registered(bot, dispatcher_of(), URL, SECRET, stop))
    await telegram.until("setWebhook")
    stop.set()
    await asyncio.wait_for(job, 2)


async def test_unknown_token_ends_the_registration_with_an_error(bot: Bot, telegram: TelegramStub) -> None:
    """Waiting would not help, and would hide the mistake."""
    telegram.answer = (401, '{"ok": false, "description": "Unauthorized"}')
    with pytest.raises(TelegramUnauthorizedError):
        await asyncio.wait_for(keep_webhook_registered(bot, dispatcher_of(), URL, SECRET, asyncio.Event()), 5)


async def test_refused_registration_says_why_without_the_secret(
    bot: Bot, telegram: TelegramStub, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Even where Telegram repeats the address."""
    telegram.answer = (400, f'{{"ok": false, "description": "Bad Request: bad webhook: {URL}"}}')
    stop = asyncio.Event()
    with caplog.at_level(logging.DEBUG):
        job = asyncio.create_task(keep_webhook_registered(bot, dispatcher_of(), URL, SECRET, stop))
        await telegram.until("setWebhook")
        await telegram.until("setWebhook", 2)
        stop.set()
        await job
    logged = "".join(capfd.readouterr()) + caplog.text
    assert "bad webhook: https://pay.example.com/tg/webhook/***" in logged
    assert SECRET not in logged


async def test_whole_conversation_by_webhook(world: World) -> None:
    """Telegram posts with the secret in the path and the header; a Telegram that is down for a while loses nothing."""
    stop = asyncio.Event()
    async with (
        world.parts() as (bot, dispatcher),
        serving(webhook_app(bot, dispatcher, SECRET), host="127.0.0.1", port=0) as origin,
    ):
        world.troubles.telegram_down = True
        url = f"{origin}/tg/webhook/{SECRET}"
        job = asyncio.create_task(keep_webhook_registered(bot, dispatcher, url, SECRET, stop))
        await world.telegram.start(BOB)
        world.troubles.telegram_down = False
        await world.telegram.wait_for_message(BOB, containing="paying members")
        assert "e-mail address" in (await world.say("/restore")).text
        assert "is on its way" in (await world.say("payer@shop.example")).text
        assert "Welcome back" in (await world.say("123456")).text
        await eventually(lambda: world.telegram.snapshot()["pending_updates"] == 0)
        assert world.telegram.snapshot()["webhook"]["last_error"] is None
        stop.set()
        await job
        await bot.delete_webhook()
