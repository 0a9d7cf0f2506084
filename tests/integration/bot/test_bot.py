"""The bot's dispatcher against the real API on a real database: each state of the gate, in both languages."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.methods import SendMessage, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import Chat, Message, Update, User

from adapters.bot.api_client import PaywallApi
from adapters.bot.dispatcher import create_dispatcher, load_router

from ..http.conftest import CHECKOUT, Service, service  # noqa: F401, TID252  - the API's fixture is the bot's too


class Recorder(BaseSession):
    """Telegram's side of the wire, as far as the bot's answers go."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[SendMessage] = []

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109  - aiogram's signature
    ) -> TelegramType:
        """Remember what the bot says."""
        assert isinstance(method, SendMessage)
        self.sent.append(method)
        chat = Chat(id=int(method.chat_id), type="private")
        return Message(message_id=1, date=datetime.now(UTC), chat=chat, text=method.text)  # type: ignore[return-value]  # SendMessage's

    async def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: int = 30,  # noqa: ASYNC109  - as above
        chunk_size: int = 65536,
        raise_for_status: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        """The bot downloads nothing."""
        yield b""

    async def close(self) -> None:
        """Nothing is open."""


class Talk:
    """A person talking to the bot."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.session = Recorder()
        self.bot = Bot("123456:TEST", session=self.session)
        self.dispatcher = dispatcher

    async def say(self, text: str, *, user: int = 5, language: str = "en") -> SendMessage:
        """Say something; the bot's one answer."""
        self.session.sent.clear()
        message = Message(
            message_id=1,
            date=datetime.now(UTC),
            chat=Chat(id=user, type="private"),
            from_user=User(id=user, is_bot=False, first_name="Anna", language_code=language),
            text=text,
        )
        await self.dispatcher.feed_update(self.bot, Update(update_id=1, message=message))
        (answer,) = self.session.sent
        return answer


def button(answer: SendMessage) -> tuple[str, str]:
    """The one button's text and address."""
    keyboard: Any = answer.reply_markup
    ((only,),) = keyboard.inline_keyboard
    return only.text, only.url


@pytest.fixture
async def talk(service: Service) -> AsyncIterator[Talk]:  # noqa: F811  - the fixture
    """The bot, with the API behind it."""
    api = PaywallApi(base_url=str(service.client.base_url).rstrip("/"), internal_token="an internal token")
    dispatcher = create_dispatcher(api=api, pay_url=None, public_base_url="https://pay.example.com", paid_router=None)
    yield Talk(dispatcher)
    await api.close()


@pytest.mark.parametrize(
    ("language", "label", "stranger", "open_gate"),
    [
        ("ru", "Оплатить доступ", "Этот бот — для участников", "У вас есть доступ"),
        ("en", "Pay for access", "This bot is for paying members", "You have access"),
    ],
)
async def test_gate_through_a_whole_life(
    *,
    service: Service,  # noqa: F811  - the fixture
    talk: Talk,
    language: str,
    label: str,
    stranger: str,
    open_gate: str,
) -> None:
    """No order, pending, token issued, active, expired: the button in every closed state, and only there."""

    async def closed(word: str) -> None:
        for text in ("hello", "/start", "/status"):
            answer = await talk.say(text, language=language)
            assert word in answer.text, (text, answer.text)
            url = f"https://pay.example.com/pay?telegram_chat_id=5&locale={language}"
            assert button(answer) == (label, url)

    await closed(stranger)
    body = {**CHECKOUT, "telegram_chat_id": "5"}
    started = (await service.post("/api/payment/checkout-session", body)).json()
    await closed("не поступила" if language == "ru" else "not arrived")
    await service.webhook(service.paid(started))
    await closed("Оплата получена" if language == "ru" else "You have paid")
    ((order, _),) = await service.database.recent_orders(1)
    welcome = await talk.say("/start " + service.tokens.issue(order.id, 1), language=language)
    assert ("31 января 2026" if language == "ru" else "January 31, 2026") in welcome.text
    for text in ("hello", "/start", "/status"):
        assert open_gate in (await talk.say(text, language=language)).text
    service.clock.advance(timedelta(days=30))
    await closed("закончилось" if language == "ru" else "is over")


@pytest.mark.parametrize("token", ["x", "x" * 62])
async def test_bad_token_is_told_so(talk: Talk, token: str) -> None:
    """With the button, and nobody let in."""
    answer = await talk.say(f"/start {token}")
    assert "not valid" in answer.text
    assert button(answer)[0] == "Pay for access"


async def test_second_account_is_refused(service: Service, talk: Talk) -> None:  # noqa: F811  - the fixture
    """The link was used; the first account stays."""
    await service.buy()
    ((order, _),) = await service.database.recent_orders(1)
    token = service.tokens.issue(order.id, 1)
    assert "Welcome" in (await talk.say(f"/start {token}")).text
    assert "Welcome" in (await talk.say(f"/start {token}")).text
    assert "already used" in (await talk.say(f"/start {token}", user=6)).text


async def test_silent_api_lets_nobody_in() -> None:
    """A polite word, never access and never a traceback."""
    api = PaywallApi(base_url="http://127.0.0.1:9", internal_token="x")
    talk = Talk(create_dispatcher(api=api, pay_url=None, public_base_url="https://x.example", paid_router=None))
    for text in ("hello", "/start", "/status", "/start " + "x" * 62):
        assert "try again" in (await talk.say(text)).text
    assert "/status" in (await talk.say("/help")).text
    await api.close()


async def test_operator_s_own_pay_address_is_used_as_it_is(service: Service) -> None:  # noqa: F811  - the fixture
    """`BOT_PAY_URL` to the letter."""
    api = PaywallApi(base_url=str(service.client.base_url).rstrip("/"), internal_token="an internal token")
    pay = "https://quiz.example.com/?a=1"
    talk = Talk(create_dispatcher(api=api, pay_url=pay, public_base_url="https://x.example", paid_router=None))
    assert button(await talk.say("hello"))[1] == pay
    await api.close()


@pytest.mark.parametrize("path", ["nothing", "no.such.module:router", "json:nothing", "json:loads", ":x"])
def test_router_that_cannot_be_mounted_is_a_clear_error(path: str) -> None:
    """`BOT_ROUTER=package.module:router`."""
    with pytest.raises(ValueError, match=r"package\.module|aiogram"):
        load_router(path)
