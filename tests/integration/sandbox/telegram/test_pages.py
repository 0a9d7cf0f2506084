"""The chat page and t.me without a browser: plain forms, as a person without JavaScript uses them."""

import json
import re

import pytest
from aiogram import Bot, Dispatcher
from aiogram.types import BotCommand, MessageEntity

from .conftest import ANNA, BOB, World, echo_router, polling

LINK = "/t.me/paywall_sandbox_bot"
CHAT = f"/telegram/chat/{ANNA}"


async def page(world: World, path: str) -> str:
    """A page's HTML."""
    answer = await world.http.get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    return answer.text


async def test_a_deep_link_leads_into_the_chat(world: World, bot: Bot) -> None:
    """Pick Bob, press START: the bot gets the payload, Bob sees only /start and the answer."""
    dispatcher = Dispatcher()
    dispatcher.include_router(echo_router([]))
    async with polling(bot, dispatcher):
        shown = await page(world, f"{LINK}?start=tok_1")
        assert 'data-testid="start-button"' in shown
        assert f'data-testid="user-choice-{BOB}"' in shown
        assert 'name="start" value="tok_1"' in shown
        answer = await world.http.post(LINK, data={"user_id": str(BOB), "start": "tok_1"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/telegram/chat/{BOB}")
        assert world.telegram.messages(BOB)[0].text == "/start tok_1"
        await world.telegram.wait_for_message(BOB, containing="Hello Bob: tok_1")
        chat = await page(world, f"/telegram/chat/{BOB}")
        assert "/start tok_1" not in chat
        assert "<strong>Hello</strong> Bob: tok_1" in chat
        assert f'href="{LINK}?start=again&amp;as={BOB}"' in chat


@pytest.mark.parametrize("payload", ["x" * 65, "a b", "ж", "<script>", ""])
async def test_a_payload_that_telegram_refuses_is_not_passed_on(world: World, payload: str) -> None:
    """Neither the page nor the press hands it over."""
    answer = await world.http.get(LINK, params={"start": payload})
    assert 'name="start"' not in answer.text
    await world.http.post(LINK, data={"user_id": str(ANNA), "start": payload})
    assert [message.text for message in world.telegram.messages(ANNA)] == ["/start"]


async def test_an_unknown_bot_or_person_is_404(world: World) -> None:
    """With a page that says so."""
    paths = ["/t.me/someone_else", "/telegram/chat/77", "/telegram/chat/77/state", "/telegram/static/none"]
    for path in paths:
        assert (await world.http.get(path)).status_code == 404
    assert (await world.http.post("/telegram/chat/77/say", data={"text": "x"})).status_code == 404
    assert (await world.http.post(f"{CHAT}/fly")).status_code == 404


async def test_forms_alone_carry_a_whole_talk(world: World, bot: Bot) -> None:
    """START, writing and pressing work by forms, and the page after each already shows the bot's answer."""
    dispatcher = Dispatcher()
    dispatcher.include_router(echo_router([]))
    async with polling(bot, dispatcher):
        assert 'data-testid="chat-input"' not in await page(world, CHAT)
        await world.http.post(f"{CHAT}/start")
        assert "<strong>Hello</strong> Анна" in await page(world, CHAT)
        await world.http.post(f"{CHAT}/say", data={"text": "раз\r\nдва"})
        assert "echo раз\nдва" in await page(world, CHAT)
        greeting = world.telegram.messages(ANNA)[1]
        await world.http.post(f"{CHAT}/press", data={"message_id": str(greeting.message_id), "place": "0.0"})
        shown = await page(world, CHAT)
        assert 'data-testid="alert">Well pressed' in shown
        await world.telegram.wait_for_message(ANNA, containing="You pressed it")
        gone = await world.http.post(f"{CHAT}/press", data={"message_id": str(greeting.message_id), "place": "0.0"})
        assert gone.status_code == 409


async def test_page_without_the_script_asks_again_while_the_bot_owes_an_answer(world: World, bot: Bot) -> None:
    """A slow bot's answer comes to whoever has no JavaScript, too; then the page leaves them alone."""
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh not in await page(world, CHAT)
    await world.http.post(f"{CHAT}/start")
    assert refresh in await page(world, CHAT)
    dispatcher = Dispatcher()
    dispatcher.include_router(echo_router([]))
    async with polling(bot, dispatcher):
        await world.telegram.wait_for_message(ANNA, containing="Hello")
    assert refresh not in await page(world, CHAT)


async def test_no_markup_of_anyones_reaches_the_page(world: World, bot: Bot) -> None:
    """Texts, names, button texts and addresses are escaped; overlapping entities do no harm."""
    evil = "<script>alert(1)</script>"
    user = world.telegram.add_user(evil[:60])
    await world.telegram.say(user.id, evil)
    entities = [
        MessageEntity(type="bold", offset=0, length=10),
        MessageEntity(type="italic", offset=5, length=15),
        MessageEntity(type="text_link", offset=22, length=3, url='https://example.com/"onclick="x'),
    ]
    await bot.send_message(user.id, evil, entities=entities)
    shown = await page(world, f"/telegram/chat/{user.id}")
    assert "<script>alert" not in shown
    assert '"onclick="' not in shown
    assert "&lt;script&gt;" in shown
    assert re.findall(r"</?(?:strong|em)>", shown)


async def test_blocking_and_language_are_the_persons_choice(world: World, bot: Bot) -> None:
    """Block shows RESTART, which unblocks; the chosen language is what the bot sees."""
    await world.http.post(f"{CHAT}/start")
    await world.http.post(f"{CHAT}/block")
    assert world.telegram.user(ANNA).has_blocked
    assert "ПЕРЕЗАПУСТИТЬ" in await page(world, CHAT)
    await world.http.post(f"{CHAT}/language", data={"language_code": "en"})
    assert "RESTART" in await page(world, CHAT)
    await world.http.post(f"{CHAT}/start")
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert message.from_user is not None
    assert (message.text, message.from_user.language_code) == ("/start", "en")
    assert (await world.http.post(f"{CHAT}/language", data={"language_code": "xx"})).status_code == 400


async def test_the_menu_shows_the_commands_of_the_language(world: World, bot: Bot) -> None:
    """Anna's are Russian, Bob's fall back to those for everyone."""
    await bot.set_my_commands([BotCommand(command="status", description="Your access")])
    await bot.set_my_commands([BotCommand(command="status", description="Ваш доступ")], language_code="ru")
    for user_id, words in ((ANNA, "Ваш доступ"), (BOB, "Your access")):
        await world.telegram.say(user_id, "hi")
        shown = await page(world, f"/telegram/chat/{user_id}")
        assert words in shown
        assert 'data-testid="menu-command"' in shown


async def test_a_new_person_can_be_added(world: World) -> None:
    """A name and a language are enough; no name is refused."""
    answer = await world.http.post("/telegram/users", data={"first_name": "Зоя", "language_code": "ru"})
    assert answer.headers["location"] == "/telegram/chat/1003"
    assert world.telegram.user(1003).first_name == "Зоя"
    assert "Зоя" in await page(world, "/telegram")
    refused = await world.http.post("/telegram/users", data={"first_name": " ", "language_code": "ru"})
    assert refused.status_code == 400


async def test_the_state_changes_only_with_the_chat(world: World, bot: Bot) -> None:
    """The script's ids stay while nothing happens, and are the page's own."""
    await world.telegram.say(ANNA, "hi")
    first = (await world.http.get(f"{CHAT}/state")).json()
    assert (await world.http.get(f"{CHAT}/state")).json() == first
    assert f'data-thread="{first["thread_id"]}"' in await page(world, CHAT)
    await bot.send_chat_action(ANNA, "typing")
    typing = (await world.http.get(f"{CHAT}/state")).json()
    assert (typing["status"], typing["thread_id"]) == ("печатает…", first["thread_id"])
    await bot.send_message(ANNA, "x")
    later = (await world.http.get(f"{CHAT}/state")).json()
    assert later["thread_id"] != first["thread_id"]
    assert later["status"] == "бот"


async def test_the_snapshot_is_json_and_hides_payloads(world: World) -> None:
    """What the console gets can be encoded, and shows /start without its token."""
    await world.telegram.start(ANNA, "secret_token")
    snapshot = json.dumps(world.telegram.snapshot())
    assert "secret_token" not in snapshot
    assert world.telegram.snapshot()["users"][0]["last_messages"][0]["text"] == "/start"
    assert world.telegram.snapshot()["pending_updates"] == 1
