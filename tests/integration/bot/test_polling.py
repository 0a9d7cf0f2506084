"""Polling over a Bot API on loopback: how it starts, what it survives, how it stops; and the list of commands."""

import asyncio
import json

import pytest
from aiogram import Bot, Router
from aiogram.exceptions import TelegramUnauthorizedError
from aiogram.types import Message, TelegramObject

from adapters.bot.runner import announce_commands, run_polling
from paywall_core.locales import Locales

from .conftest import ANNA, BOB, LOCALES, World, dispatcher_of, eventually
from .telegram_stub import MESSAGE, UNREADABLE, TelegramStub


async def test_telegram_that_is_away_at_the_start_is_waited_for(bot: Bot, telegram: TelegramStub) -> None:
    """The process, and the API in it, go on; polling begins once Telegram answers."""
    telegram.answer = (502, "<html>bad gateway")
    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(), stop))
    await asyncio.wait_for(telegram.called.wait(), 5)
    telegram.answer = None
    await telegram.until("getUpdates")
    assert not polling.done()
    stop.set()
    await asyncio.wait_for(polling, 5)


async def test_stop_ends_the_wait_for_telegram(bot: Bot, telegram: TelegramStub) -> None:
    """A process whose Telegram is away stops at once."""
    telegram.answer = (500, '{"ok": false, "description": "away"}')
    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(), stop))
    await asyncio.wait_for(telegram.called.wait(), 5)
    stop.set()
    await asyncio.wait_for(polling, 2)


async def test_unknown_token_is_not_waited_for(bot: Bot, telegram: TelegramStub) -> None:
    """Waiting would not help, and would hide the mistake."""
    telegram.answer = (401, '{"ok": false, "description": "Unauthorized"}')
    with pytest.raises(TelegramUnauthorizedError):
        await asyncio.wait_for(run_polling(bot, dispatcher_of(), asyncio.Event()), 5)


async def test_update_under_way_is_finished_before_polling_ends(bot: Bot, telegram: TelegramStub) -> None:
    """A customer's activation is not cut off by a restart."""
    begun, go_on, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()
    router = Router()

    @router.message()
    async def slow(_event: TelegramObject) -> None:
        begun.set()
        await go_on.wait()
        finished.set()

    telegram.updates = [{"update_id": 1, "message": MESSAGE}]
    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(router, is_paid=True), stop))
    await asyncio.wait_for(begun.wait(), 5)
    stop.set()
    asyncio.get_running_loop().call_later(0.3, go_on.set)
    await asyncio.wait_for(polling, 5)
    assert finished.is_set()


async def test_update_that_nobody_understands_stops_nothing_and_is_in_no_log(
    bot: Bot, telegram: TelegramStub, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Aiogram by itself would ask for it again for ever, and log it whole each time."""
    heard: list[str | None] = []
    router = Router()

    @router.message()
    async def hear(message: Message) -> None:
        heard.append(message.text)

    router.my_chat_member.register(hear)
    telegram.updates = [
        {"update_id": 1, "my_chat_member": UNREADABLE},
        {"update_id": 2, "message": MESSAGE},
        {"update_id": 3, "my_chat_member": UNREADABLE},
        {"update_id": 4, "of_a_kind_that_came_later": {"text": "code 987654"}},
    ]
    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(router, is_paid=True), stop))
    await eventually(lambda: ("getUpdates", "5") in [(name, form.get("offset")) for name, form in telegram.calls])
    stop.set()
    await asyncio.wait_for(polling, 5)
    assert heard == ["hi"]
    logged = "".join(capfd.readouterr()) + caplog.text
    assert "bot.update_not_understood" in logged
    assert "987654" not in logged


async def test_update_that_is_nested_too_deeply_stops_nothing_and_is_in_no_log(
    bot: Bot, telegram: TelegramStub, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No reader of JSON follows it, so that the whole batch would be asked for again for ever."""
    heard = asyncio.Event()
    router = Router()

    @router.message()
    async def hear(_message: Message) -> None:
        heard.set()

    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(router, is_paid=True), stop))
    await telegram.until("getUpdates")
    strange = '{"update_id": 1, "message": {"text": "code 987654", "x": ' + "[" * 100_000 + "]" * 100_000 + "}}"
    good = json.dumps({"update_id": 2, "message": MESSAGE})
    telegram.answer = (200, f'{{"ok": true, "result": [{strange}, {good}]}}')
    await eventually(lambda: ("getUpdates", "3") in [(name, form.get("offset")) for name, form in telegram.calls])
    await asyncio.wait_for(heard.wait(), 5)
    stop.set()
    await asyncio.wait_for(polling, 5)
    logged = "".join(capfd.readouterr()) + caplog.text
    assert "bot.update_not_understood" in logged
    assert "987654" not in logged


async def test_answer_that_nobody_understands_is_in_no_log(
    bot: Bot, telegram: TelegramStub, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Only that it was none."""
    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(), stop))
    await telegram.until("getUpdates")
    telegram.answer = (200, '{"ok": true, "result": "code 987654"')
    await eventually(lambda: "ClientDecodeError" in caplog.text)
    stop.set()
    await asyncio.wait_for(polling, 5)
    assert "987654" not in "".join(capfd.readouterr()) + caplog.text


async def test_commands_are_offered_in_each_language(world: World) -> None:
    """In the person's own, where we speak it, else in the default one; /restore among them."""
    french = world.telegram.add_user("Chloé", language_code="fr")
    async with world.polling_bot():
        await eventually(lambda: len(world.telegram._world.commands) == 3)
        offered = {user.id: world.telegram._world.menu(user) for user in world.telegram.users()}
    assert [command.command for command in offered[BOB]] == ["status", "restore", "help"]
    assert offered[BOB][1].description == "Get your access back by e-mail"
    assert offered[ANNA][1].description == "Вернуть доступ по e-mail"
    assert offered[french.id] == offered[ANNA]


async def test_languages_that_telegram_does_not_take_see_the_default(bot: Bot, telegram: TelegramStub) -> None:
    """Its codes have two letters."""
    await announce_commands(bot, Locales(supported=("en", "ceb", "ru"), default="en"))
    assert [form.get("language_code") for _, form in telegram.calls] == [None, "en", "ru"]
    described = [json.loads(form["commands"])[0]["description"] for _, form in telegram.calls]
    assert described == ["Your access", "Your access", "Ваш доступ"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '{"ok": false, "description": "Bad Request: BOT_COMMAND_INVALID"}'),
        (401, '{"ok": false, "description": "Unauthorized"}'),
        (429, '{"ok": false, "description": "Too Many", "parameters": {"retry_after": 7}}'),
        (502, "<html>bad gateway"),
    ],
)
async def test_list_of_commands_is_a_nicety(bot: Bot, telegram: TelegramStub, status: int, body: str) -> None:
    """Whatever Telegram says to it, nothing is raised."""
    telegram.answer = (status, body)
    await announce_commands(bot, LOCALES)
    assert telegram.methods() == ["setMyCommands"]
