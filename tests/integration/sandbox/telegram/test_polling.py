"""Long polling, as an unmodified aiogram does it."""

import asyncio
import time

import pytest
from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramConflictError, TelegramServerError, TelegramUnauthorizedError

from .conftest import ANNA, BOB, World, echo_router, eventually, polling


async def test_a_person_talks_with_a_polling_bot(world: World, bot: Bot) -> None:
    """A deep link's payload, an echo, a pressed button, its alert and the edit it causes all arrive."""
    dispatcher = Dispatcher()
    dispatcher.include_router(echo_router([]))
    async with polling(bot, dispatcher):
        await world.telegram.start(ANNA, "abc_DEF-1")
        greeting = await world.telegram.wait_for_message(ANNA, containing="Hello Анна: abc_DEF-1")
        assert greeting.entities is not None
        assert [(one.type, one.offset, one.length) for one in greeting.entities] == [("bold", 0, 5)]
        assert await world.telegram.press(ANNA, "Press me") is None
        edited = await world.telegram.wait_for_message(ANNA, containing="You pressed it")
        assert (edited.message_id, edited.reply_markup) == (greeting.message_id, None)
        notice = world.telegram.user(ANNA).notice
        assert notice is not None
        assert (notice.text, notice.alert) == ("Well pressed", True)
        await world.telegram.say(BOB, "hi")
        await world.telegram.wait_for_message(BOB, containing="echo hi")
        assert len(world.telegram.messages(ANNA)) == 2


async def test_link_buttons_give_their_address(world: World, bot: Bot) -> None:
    """A link to the bot itself leads to the sandbox's page; any other stays what it is."""
    dispatcher = Dispatcher()
    dispatcher.include_router(echo_router([]))
    async with polling(bot, dispatcher):
        await world.telegram.start(ANNA)
        await world.telegram.wait_for_message(ANNA, containing="Hello")
        assert await world.telegram.press(ANNA, "Site") == "http://127.0.0.1:8000/pay"
        assert await world.telegram.press(ANNA, "Again") == f"/t.me/paywall_sandbox_bot?start=again&as={ANNA}"


async def test_blocking_is_told_to_the_bot(world: World, bot: Bot) -> None:
    """Block and restart come as my_chat_member, the restart with a new /start."""
    memberships: list[str] = []
    dispatcher = Dispatcher()
    dispatcher.include_router(echo_router(memberships))
    async with polling(bot, dispatcher):
        await world.telegram.start(ANNA)
        await world.telegram.wait_for_message(ANNA)
        await world.telegram.block(ANNA)
        await eventually(lambda: memberships == ["kicked"])
        await world.telegram.start(ANNA)
        await eventually(lambda: memberships == ["kicked", "member"])


async def test_the_newer_of_two_polls_wins(world: World, bot: Bot) -> None:
    """The older long poll is answered with a conflict, the newer goes on."""
    older = asyncio.create_task(bot.get_updates(timeout=20))
    await eventually(lambda: world.telegram.snapshot()["is_polled"])
    newer = asyncio.create_task(bot.get_updates(timeout=20))
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request"):
        await older
    await world.telegram.say(ANNA, "hello")
    (update,) = await newer
    assert update.message is not None
    assert update.message.text == "hello"


async def test_a_webhook_ends_polling(world: World, bot: Bot) -> None:
    """Setting a webhook ends the open poll, and no other is taken until it is deleted."""
    poll = asyncio.create_task(bot.get_updates(timeout=20))
    await eventually(lambda: world.telegram.snapshot()["is_polled"])
    await bot.set_webhook("http://127.0.0.1:9/hook")
    with pytest.raises(TelegramConflictError, match="terminated by setWebhook"):
        await poll
    with pytest.raises(TelegramConflictError, match="while webhook is active"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert await bot.get_updates() == []


async def test_an_update_stays_until_its_offset_confirms_it(world: World, bot: Bot) -> None:
    """The same updates come again until a greater offset is asked for; a negative one keeps the last only."""
    for text in ("one", "two", "three"):
        await world.telegram.say(ANNA, text)
    first = await bot.get_updates(limit=2)
    assert [update.message and update.message.text for update in first] == ["one", "two"]
    assert await bot.get_updates(limit=2) == first
    (third,) = await bot.get_updates(offset=first[-1].update_id + 1)
    assert third.message is not None
    assert third.message.text == "three"
    await world.telegram.say(ANNA, "four")
    (last,) = await bot.get_updates(offset=-1)
    assert last.message is not None
    assert last.message.text == "four"


async def test_allowed_updates_hold_others_back(world: World, bot: Bot) -> None:
    """Once only callbacks are allowed, a message makes no update, also for later polls that do not say."""
    assert await bot.get_updates(allowed_updates=["callback_query"]) == []
    await world.telegram.say(ANNA, "unseen")
    assert await bot.get_updates() == []
    assert await bot.get_updates(allowed_updates=[]) == []
    await world.telegram.say(ANNA, "seen")
    assert len(await bot.get_updates()) == 1


async def test_telegram_down_answers_502_and_loses_nothing(world: World, bot: Bot) -> None:
    """The open poll and every call fail while it is down; what was said meanwhile comes afterwards."""
    poll = asyncio.create_task(bot.get_updates(timeout=20))
    await eventually(lambda: world.telegram.snapshot()["is_polled"])
    world.troubles.telegram_down = True
    with pytest.raises(TelegramServerError):
        await poll
    with pytest.raises(TelegramServerError):
        await bot.get_me()
    await world.telegram.say(ANNA, "still here")
    world.troubles.telegram_down = False
    (update,) = await bot.get_updates()
    assert update.message is not None
    assert update.message.text == "still here"


async def test_stopping_ends_an_open_poll_at_once(world: World, bot: Bot) -> None:
    """Leaving `running` answers a poll that had twenty seconds left."""
    async with world.telegram.running():
        poll = asyncio.create_task(bot.get_updates(timeout=20))
        await eventually(lambda: world.telegram.snapshot()["is_polled"])
        began = time.monotonic()
    with pytest.raises(TelegramServerError):
        await poll
    assert time.monotonic() - began < 2


async def test_a_wrong_token_is_unauthorized(world: World) -> None:
    """Nothing is told to a stranger."""
    stranger = world.bot("123456:WRONG")
    try:
        with pytest.raises(TelegramUnauthorizedError):
            await stranger.get_me()
    finally:
        await stranger.session.close()
    answer = await world.http.get("/telegram/bot123456:WRONG/getMe")
    assert answer.status_code == 401
    assert answer.json() == {"ok": False, "error_code": 401, "description": "Unauthorized"}
