"""The Bot API's methods and refusals, called by aiogram, which checks each answer against its own types."""

import json
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramNotFound
from aiogram.methods import SendDice
from aiogram.types import (
    BotCommand,
    BotCommandScopeChat,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    LinkPreviewOptions,
    MenuButtonCommands,
    Message,
    MessageEntity,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
)

from entrypoints.sandbox.telegram import PersonRefusal

from .conftest import ANNA, BOB, TOKEN, World

CALL = f"/telegram/bot{TOKEN}"


def keyboard(**button: Any) -> InlineKeyboardMarkup:
    """One button."""
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(**button)]])


@pytest.fixture(autouse=True)
async def _anna_has_started(world: World) -> None:
    await world.telegram.say(ANNA, "/start")


async def pressed_query(world: World, bot: Bot, button_text: str) -> CallbackQuery:
    """Press, and take the query."""
    await world.telegram.press(ANNA, button_text)
    query = (await bot.get_updates())[-1].callback_query
    assert query is not None
    return query


async def test_a_sent_message_comes_back_whole(world: World, bot: Bot) -> None:
    """Formatting, buttons, reply, preview options: aiogram's Message holds what was sent."""
    sent = await bot.send_message(
        ANNA,
        "<b>Привет 🎉</b> <a href='https://example.com/a?b=1&amp;c=2'>link</a> &lt;tag&gt;",
        parse_mode="HTML",
        reply_markup=keyboard(text="Go", url="https://example.com"),
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        reply_parameters=ReplyParameters(message_id=1),
        protect_content=True,
    )
    assert sent.text == "Привет 🎉 link <tag>"
    assert [(one.type, one.offset, one.length, one.url) for one in sent.entities or []] == [
        ("bold", 0, 9, None),
        ("text_link", 10, 4, "https://example.com/a?b=1&c=2"),
    ]
    assert sent.reply_markup is not None
    assert sent.reply_markup.inline_keyboard[0][0].url == "https://example.com"
    assert sent.reply_to_message is not None
    assert (sent.reply_to_message.text, sent.has_protected_content) == ("/start", True)
    assert sent.from_user is not None
    assert (sent.from_user.id, sent.from_user.is_bot, sent.chat.type) == (123456, True, "private")
    assert sent.link_preview_options is not None
    assert sent.link_preview_options.is_disabled


async def test_entities_may_be_given_and_are_found(world: World, bot: Bot) -> None:
    """Given entities are kept, moved by the trimming; commands and addresses are found by themselves."""
    sent = await bot.send_message(
        ANNA, "  bold, /help, a@b.io", parse_mode=None, entities=[MessageEntity(type="bold", offset=2, length=4)]
    )
    assert sent.text == "bold, /help, a@b.io"
    assert [(one.type, one.offset, one.length) for one in sent.entities or []] == [
        ("bold", 0, 4),
        ("bot_command", 6, 5),
        ("email", 13, 6),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<b>open", 'Can\'t find end tag corresponding to start tag "b"'),
        ("ж</b>", "Unexpected end tag at byte offset 2"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<div>x</div>", 'Unsupported start tag "div" at byte offset 0'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<b" + " a" * 2000, "Unclosed start tag at byte offset 0"),
    ],
)
async def test_bad_html_is_refused(world: World, bot: Bot, text: str, reason: str) -> None:
    """With Telegram's own words, and nothing is sent."""
    with pytest.raises(TelegramBadRequest) as refusal:
        await bot.send_message(ANNA, text, parse_mode="HTML")
    assert refusal.value.message == f"Bad Request: can't parse entities: {reason}"
    assert len(world.telegram.messages(ANNA)) == 1


@pytest.mark.parametrize(
    ("html", "text", "entities"),
    [
        ("<i>a<b>b</b></i>", "ab", [("italic", 0, 2), ("bold", 1, 1)]),
        ('<pre><code class="language-python">x</code></pre>', "x", [("pre", 0, 1)]),
        ("<tg-spoiler>x</tg-spoiler><span class='tg-spoiler'>y</span>", "xy", [("spoiler", 0, 1), ("spoiler", 1, 1)]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("&#1078;&#x436; &nbsp; &amp;", "жж &nbsp; &", []),
        ("<a href='nowhere'>x</a>", "x", []),
        ("a > b", "a > b", []),
    ],
)
async def test_html_becomes_text_and_entities(
    bot: Bot, html: str, text: str, entities: list[tuple[str, int, int]]
) -> None:
    """Telegram's subset of HTML, nested too."""
    sent = await bot.send_message(ANNA, html, parse_mode="HTML")
    assert sent.text == text
    assert [(one.type, one.offset, one.length) for one in sent.entities or []] == entities


@pytest.mark.parametrize(
    ("button", "reason"),
    [
        ({"text": "x", "url": "ftp://example.com"}, "Wrong HTTP URL"),
        ({"text": "x", "url": "http://nohost"}, "Wrong HTTP URL"),
        ({"text": "x", "callback_data": "ж" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "x"}, "Text buttons are unallowed"),
        ({"text": " ", "url": "https://example.com"}, "non-empty String"),
        ({"text": "x", "pay": True}, "BUTTON_TYPE_INVALID"),
    ],
)
async def test_bad_buttons_are_refused(bot: Bot, button: dict[str, Any], reason: str) -> None:
    """As Telegram does, with the same status."""
    with pytest.raises(TelegramBadRequest, match=reason):
        await bot.send_message(ANNA, "x", reply_markup=keyboard(**button))


async def test_texts_have_limits(bot: Bot) -> None:
    """Nothing and 4097 characters are refused; 4096 are taken."""
    with pytest.raises(TelegramBadRequest, match="message text is empty"):
        await bot.send_message(ANNA, "  ")
    with pytest.raises(TelegramBadRequest, match="message is too long"):
        await bot.send_message(ANNA, "x" * 4097)
    assert len((await bot.send_message(ANNA, "x" * 4096)).text or "") == 4096


async def test_who_may_be_written_to(world: World, bot: Bot) -> None:
    """Unknown, never started, blocked, unblocked: each with Telegram's own answer."""
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(4242, "x")
    with pytest.raises(TelegramForbiddenError, match="bot can't initiate conversation with a user"):
        await bot.send_message(BOB, "x")
    await world.telegram.block(ANNA)
    with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
        await bot.send_message(ANNA, "x")
    with pytest.raises(PersonRefusal):
        await world.telegram.say(ANNA, "can you hear me?")
    await world.telegram.unblock(ANNA)
    await bot.send_message(ANNA, "x")


async def test_messages_are_edited_and_deleted(world: World, bot: Bot) -> None:
    """Only the bot's own, only when something changes, and only while they are there."""
    sent = await bot.send_message(ANNA, "one", reply_markup=keyboard(text="Go", callback_data="go"))
    kept = await bot.edit_message_reply_markup(
        chat_id=ANNA, message_id=sent.message_id, reply_markup=keyboard(text="Stop", callback_data="stop")
    )
    assert isinstance(kept, Message)
    assert kept.text == "one"
    edited = await bot.edit_message_text("<i>two</i>", chat_id=ANNA, message_id=sent.message_id, parse_mode="HTML")
    assert isinstance(edited, Message)
    assert (edited.text, edited.reply_markup) == ("two", None)
    assert edited.edit_date is not None
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await bot.edit_message_text("<i>two</i>", chat_id=ANNA, message_id=sent.message_id, parse_mode="HTML")
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_text("mine now", chat_id=ANNA, message_id=1)
    assert await bot.delete_message(ANNA, sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(ANNA, sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await bot.edit_message_text("three", chat_id=ANNA, message_id=sent.message_id)


async def test_a_query_is_answered_once(world: World, bot: Bot) -> None:
    """A second answer comes too late; a third with an unknown id too."""
    await bot.send_message(ANNA, "x", reply_markup=keyboard(text="Go", callback_data="go"))
    query = await pressed_query(world, bot, "Go")
    assert (query.data, query.from_user.id) == ("go", ANNA)
    assert await bot.answer_callback_query(query.id, text="done")
    for query_id in (query.id, "nonsense"):
        with pytest.raises(TelegramBadRequest, match="query is too old"):
            await bot.answer_callback_query(query_id)


async def test_reply_keyboards_send_their_text(world: World, bot: Bot) -> None:
    """A one-time keyboard goes after a press; another is taken away by the bot."""
    row = [KeyboardButton(text="Yes"), KeyboardButton(text="No")]
    await bot.send_message(ANNA, "?", reply_markup=ReplyKeyboardMarkup(keyboard=[row], one_time_keyboard=True))
    await world.telegram.press(ANNA, "Yes")
    assert world.telegram.messages(ANNA)[-1].text == "Yes"
    assert world.telegram.user(ANNA).reply_keyboard is None
    await bot.send_message(ANNA, "?", reply_markup=ReplyKeyboardMarkup(keyboard=[row]))
    await bot.send_message(ANNA, "!", reply_markup=ReplyKeyboardRemove())
    assert world.telegram.user(ANNA).reply_keyboard is None


async def test_commands_are_kept_by_scope_and_language(bot: Bot) -> None:
    """What was set is what is got; deleting one leaves the others."""
    anna = BotCommandScopeChat(chat_id=ANNA)
    await bot.set_my_commands([BotCommand(command="help", description="Help")])
    await bot.set_my_commands([BotCommand(command="help", description="Помощь")], language_code="ru")
    await bot.set_my_commands([BotCommand(command="own", description="Own")], scope=anna)
    assert [one.description for one in await bot.get_my_commands()] == ["Help"]
    assert [one.description for one in await bot.get_my_commands(language_code="ru")] == ["Помощь"]
    assert [one.command for one in await bot.get_my_commands(scope=anna)] == ["own"]
    await bot.delete_my_commands(scope=anna)
    assert await bot.get_my_commands(scope=anna) == []
    with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand(command="No Spaces", description="x")])


async def test_the_rest_of_the_methods_answer(bot: Bot) -> None:
    """getMe, getChat, chat action, menu button: aiogram's types take what comes."""
    me = await bot.get_me()
    assert (me.id, me.is_bot, me.username) == (123456, True, "paywall_sandbox_bot")
    chat = await bot.get_chat(ANNA)
    assert (chat.id, chat.first_name) == (ANNA, "Анна")
    assert await bot.send_chat_action(ANNA, "typing")
    assert await bot.set_chat_menu_button(menu_button=MenuButtonCommands())
    assert isinstance(await bot.get_chat_menu_button(), MenuButtonCommands)
    assert await bot.log_out()


async def test_a_method_that_is_not_there_is_404(world: World, bot: Bot) -> None:
    """For aiogram and for anyone else."""
    with pytest.raises(TelegramNotFound, match="method not found"):
        await bot(SendDice(chat_id=ANNA))
    answer = await world.http.post(f"{CALL}/noSuchMethod")
    assert (answer.status_code, answer.json()["ok"], answer.json()["error_code"]) == (404, False, 404)


@pytest.mark.parametrize("way", ["query", "form", "multipart", "json"])
async def test_each_way_of_calling_works(world: World, way: str) -> None:
    """GET, form, multipart and JSON say the same; method names know no case."""
    markup = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    flat = {"chat_id": str(ANNA), "text": "ü & ж\nx", "reply_markup": json.dumps(markup)}
    if way == "query":
        answer = await world.http.get(f"{CALL}/sendmessage", params=flat)
    elif way == "form":
        answer = await world.http.post(f"{CALL}/SendMessage", data=flat)
    elif way == "multipart":
        fields = {name: (None, value.encode()) for name, value in flat.items()}
        answer = await world.http.post(f"{CALL}/sendMessage", files=fields)
    else:
        document = {"chat_id": ANNA, "text": flat["text"], "reply_markup": markup}
        answer = await world.http.post(f"{CALL}/sendMessage", json=document)
    assert answer.status_code == 200
    result = answer.json()["result"]
    assert (result["text"], result["reply_markup"]) == (flat["text"], markup)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"chat_id=1001&text=x&reply_markup={", "application/x-www-form-urlencoded"),
        (b"chat_id=1001&text=x&entities=[{}]", "application/x-www-form-urlencoded"),
        (b"chat_id=\xff", "application/x-www-form-urlencoded"),
    ],
)
async def test_garbage_is_a_bad_request(world: World, body: bytes, content_type: str) -> None:
    """Never a crash."""
    answer = await world.http.post(f"{CALL}/sendMessage", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert answer.json()["error_code"] == 400


async def test_webhook_addresses_are_checked(bot: Bot) -> None:
    """Http only on loopback, and a secret of the allowed letters only."""
    for url in ("http://example.com/hook", "nonsense"):
        with pytest.raises(TelegramBadRequest, match="HTTPS URL must be provided"):
            await bot.set_webhook(url)
    with pytest.raises(TelegramBadRequest, match="unallowed characters"):
        await bot.set_webhook("https://example.com/hook", secret_token="not ok")
    assert await bot.set_webhook("")
