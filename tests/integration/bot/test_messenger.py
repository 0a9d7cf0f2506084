"""Messages that we send by ourselves: into a chat of the sandbox's Telegram, and past one that refuses."""

import json
import logging
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from msgspec import Struct, structs

from adapters.bot.messenger import TelegramMessenger
from entrypoints.sandbox.telegram.objects import Message
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage, NoticeAction
from tests.unit.adapters.i18n.notice_sample import ACTIVATION, LOCALES, PORTAL, Sample, plain_spaces
from tests.unit.adapters.i18n.notice_samples import SAMPLES

from .conftest import ANNA, BOB, PAGES, TOKEN, World, labels
from .telegram_stub import TelegramStub

LINK = "https://t.me/paywall_bot?start=capability"
MESSAGE = AccessMessage(key="k", order_id=UUID(int=1), plan="p", locale="en", to=str(BOB), activation_link=LINK)

PAY = next(sample for sample in SAMPLES if sample.message.action is NoticeAction.PAY)


def messenger_at(base: str, *, pay_url: str | None = None) -> TelegramMessenger:
    """The messenger, pointed at an address."""
    return TelegramMessenger(token=TOKEN, api_base=base, pay_url=pay_url, public_base_url=PAGES)


class Shown(Struct, frozen=True, kw_only=True):
    """A message with at most one button, as its reader sees it."""

    text: str
    bold: tuple[str, ...]
    buttons: tuple[tuple[str, str | None], ...] = ()


def seen(message: Message) -> Shown:
    """What came."""
    rows = message.reply_markup.inline_keyboard if message.reply_markup else ()
    entities = message.entities or ()
    assert {entity.type for entity in entities} == {"bold"}
    return Shown(
        text=plain_spaces(message.text),
        bold=tuple(plain_spaces(message.text[entity.offset : entity.end]) for entity in entities),
        buttons=tuple((button.text, button.url) for row in rows for button in row),
    )


def wanted(sample: Sample, locale: str) -> Shown:
    """What must come."""
    said, message = sample.said(locale), sample.message
    pay = f"{PAGES}/pay?plan={message.plan}&telegram_chat_id={BOB}&locale={locale}"
    link = pay if message.action is NoticeAction.PAY else message.url
    return Shown(
        text=f"{said.title}\n\n{' '.join(said.sentences)}",
        bold=(said.title,),
        buttons=() if said.button is None else ((said.button, link),),
    )


@pytest.fixture
async def messenger(world: World) -> AsyncIterator[TelegramMessenger]:
    """The messenger on the sandbox's Telegram."""
    made = messenger_at(world.telegram_base)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("locale", "text", "button"),
    [
        ("en", "Your payment is here. Press the button to activate access.", "Activate access"),
        ("ru", "Оплата получена. Нажмите кнопку, чтобы активировать доступ.", "Активировать доступ"),
    ],
)
async def test_button_in_the_chat_lets_the_person_in(
    world: World, messenger: TelegramMessenger, locale: str, text: str, button: str
) -> None:
    """It comes in the order's language, and leads to the bot with the token."""
    async with world.polling_bot():
        await world.say("/start")
        await messenger.send_access(structs.replace(MESSAGE, locale=locale))
        message = await world.telegram.wait_for_message(BOB, containing=text)
        assert labels(message) == [button]
        assert await world.telegram.press(BOB, button) == f"/t.me/paywall_bot?start=capability&as={BOB}"
        await world.telegram.start(BOB, "capability")
        await world.telegram.wait_for_message(BOB, containing="Welcome!")


async def test_chat_that_cannot_be_written_to_is_final(world: World, messenger: TelegramMessenger) -> None:
    """Nobody there, or the bot was blocked."""
    await world.telegram.block(ANNA)
    for chat in (str(ANNA), str(BOB), "424242"):  # blocked, never started, unknown
        with pytest.raises(DeliveryFailed) as raised:
            await messenger.send_access(structs.replace(MESSAGE, to=chat))
        assert raised.value.permanent
        with pytest.raises(DeliveryFailed) as raised:
            await messenger.send_notice(PAY.to(chat, "en"))
        assert raised.value.permanent


@pytest.mark.parametrize("locale", LOCALES)
async def test_every_notice_comes_whole_in_the_order_s_language(
    world: World, messenger: TelegramMessenger, locale: str
) -> None:
    """Its title in bold, its sentences, and one button where there is something to do."""
    last = await world.telegram.say(BOB, "/start")
    for sample in SAMPLES:
        await messenger.send_notice(sample.to(str(BOB), locale))
        last = await world.telegram.wait_for_message(BOB, after_message_id=last.message_id)
        assert seen(last) == wanted(sample, locale), sample.name


async def test_pressing_the_activation_button_of_a_notice_lets_the_person_in(
    world: World, messenger: TelegramMessenger
) -> None:
    """The way from a dispute that was won into the bot."""
    sample = next(sample for sample in SAMPLES if sample.message.url == ACTIVATION)
    token = ACTIVATION.partition("start=")[2]
    async with world.polling_bot():
        await world.say("/start")
        await messenger.send_notice(sample.to(str(BOB), "en"))
        await world.telegram.wait_for_message(BOB, containing=sample.en.title)
        assert await world.telegram.press(BOB, "Activate access") == f"/t.me/paywall_bot?start={token}&as={BOB}"
        await world.telegram.start(BOB, token)
        await world.telegram.wait_for_message(BOB, containing="Welcome!")


@pytest.mark.parametrize(
    ("chat", "pay_url", "query"),
    [
        ("5", None, {"plan": PAY.message.plan, "telegram_chat_id": "5", "locale": "ru"}),
        ("-100500", None, {"plan": PAY.message.plan, "locale": "ru"}),
        ("5", "https://quiz.example.com/?a=1", {"a": "1"}),
    ],
    ids=["private chat", "group", "operator's own page"],
)
async def test_pay_button_leads_where_the_gate_s_leads(
    telegram: TelegramStub, chat: str, pay_url: str | None, query: dict[str, str]
) -> None:
    """To the plan that was bought and back to this chat; a group is not named: the activation link would come there."""
    messenger = messenger_at(telegram.base, pay_url=pay_url)
    try:
        await messenger.send_notice(PAY.to(chat, "ru"))
    finally:
        await messenger.close()
    ((method, form),) = telegram.calls
    assert (method, form["chat_id"]) == ("sendMessage", chat)
    assert "parse_mode" not in form
    ((button,),) = json.loads(form["reply_markup"])["inline_keyboard"]
    address = urlsplit(button["url"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == (f"{PAGES}/pay" if pay_url is None else pay_url[:-4])
    assert dict(parse_qsl(address.query)) == query


async def test_language_that_is_no_longer_spoken_is_english(telegram: TelegramStub) -> None:
    """The words and the page behind the button agree on it."""
    messenger = messenger_at(telegram.base)
    try:
        await messenger.send_notice(PAY.to("5", "xx"))
    finally:
        await messenger.close()
    ((_, form),) = telegram.calls
    assert form["text"].startswith(PAY.en.title)
    assert "locale=en" in form["reply_markup"]


@pytest.mark.parametrize(
    ("status", "body", "permanent", "retry_after"),
    [
        (403, '{"ok": false, "description": "Forbidden: bot was blocked by the user"}', True, None),
        (400, '{"ok": false, "description": "Bad Request: chat not found"}', True, None),
        (429, '{"ok": false, "description": "Too Many", "parameters": {"retry_after": 7}}', False, 7),
        (401, '{"ok": false, "description": "Unauthorized"}', False, None),
        (500, '{"ok": false, "description": "Internal"}', False, None),
        (502, "<html>bad gateway", False, None),
    ],
)
async def test_refusals_of_the_message_decide_about_a_retry(
    *,
    telegram: TelegramStub,
    status: int,
    body: str,
    permanent: bool,
    retry_after: float | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Only a chat that cannot be reached is final; neither the reason nor a log has a link or the bot's token."""
    caplog.set_level(logging.DEBUG)
    telegram.answer = (status, body)
    messenger = messenger_at(telegram.base)
    notices = [sample.to(str(BOB), "en") for sample in SAMPLES if sample.message.url]
    try:
        with pytest.raises(DeliveryFailed) as raised:
            await messenger.send_access(MESSAGE)
        failures = [raised.value]
        for notice in notices:
            with pytest.raises(DeliveryFailed) as raised:
                await messenger.send_notice(notice)
            failures.append(raised.value)
    finally:
        await messenger.close()
    assert {failure.permanent for failure in failures} == {permanent}
    assert {failure.retry_after_seconds for failure in failures} == {retry_after}
    logging.getLogger("paywall.test").debug("the log is being read")
    # The far side's own server runs in this process too, and logs what it is asked.
    logged = [logging.Formatter().format(one) for one in caplog.records if one.name != "aiohttp.access"]
    assert "the log is being read" in logged
    told = "\n".join([*logged, *(f"{failure!r} {failure.reason}" for failure in failures), repr(notices)])
    for secret in ("capability", ACTIVATION.partition("start=")[2], PORTAL, TOKEN):
        assert secret not in told
