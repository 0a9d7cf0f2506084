"""A person in a chat of the sandbox's Telegram, our bot on the other side, and our API behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from aiogram import Bot, Dispatcher, Router
from litestar import Litestar

from adapters.bot.api_client import Access, PaywallApi
from adapters.bot.dispatcher import create_dispatcher
from adapters.bot.runner import run_polling
from adapters.bot.storage import ConversationStorage
from adapters.bot.telegram import create_bot
from entrypoints.sandbox.telegram import TelegramSandbox
from entrypoints.sandbox.telegram.objects import Message
from entrypoints.sandbox.troubles import Troubles
from entrypoints.server import serving
from paywall_core.locales import Locales
from paywall_core.ports.clock import Clock

from .api_stub import INTERNAL_TOKEN, ApiStub, api_stub, on_loopback
from .telegram_stub import TelegramStub

TOKEN = "123456:TEST-token"
ANNA, BOB = 1001, 1002
"""Anna has her Telegram in Russian, Bob in English."""

LOCALES = Locales(supported=("ru", "en"), default="ru")
PAGES = "https://pay.example.com"


class KnownApi(PaywallApi):
    """Lets everyone in, or no one, without asking anybody."""

    def __init__(self, *, is_paid: bool) -> None:
        super().__init__(base_url="http://127.0.0.1:9", internal_token="x")
        self._is_paid = is_paid

    async def access_status(self, telegram_user_id: int) -> Access:
        """The same for everyone."""
        return Access(is_paid=self._is_paid, order_id=None, plan=None, access_status=None)


def dispatcher_of(router: Router | None = None, *, is_paid: bool = False) -> Dispatcher:
    """The whole bot, with an operator's router behind the gate."""
    api = KnownApi(is_paid=is_paid)
    return create_dispatcher(api=api, locales=LOCALES, pay_url=None, public_base_url=PAGES, paid_router=router)


class WallClock(Clock):
    """The real time."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class World:
    """Telegram, and what it takes to put a bot there."""

    telegram: TelegramSandbox
    troubles: Troubles
    telegram_base: str
    api: ApiStub

    def paywall_api(self) -> PaywallApi:
        """A new client of our API; close it."""
        return PaywallApi(base_url=self.api.base_url, internal_token=INTERNAL_TOKEN)

    @asynccontextmanager
    async def parts(
        self,
        *,
        storage: ConversationStorage | None = None,
        paid_router: Router | None = None,
        pay_url: str | None = None,
    ) -> AsyncIterator[tuple[Bot, Dispatcher]]:
        """A bot process's parts, closed at the end."""
        api = self.paywall_api()
        bot = create_bot(TOKEN, self.telegram_base)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(api.close)
            stack.push_async_callback(bot.session.close)
            yield (
                bot,
                create_dispatcher(
                    api=api,
                    locales=LOCALES,
                    pay_url=pay_url,
                    public_base_url=PAGES,
                    paid_router=paid_router,
                    storage=storage,
                ),
            )

    @asynccontextmanager
    async def polling_bot(
        self,
        *,
        storage: ConversationStorage | None = None,
        paid_router: Router | None = None,
        pay_url: str | None = None,
    ) -> AsyncIterator[None]:
        """A bot that polls while the block runs."""
        stop = asyncio.Event()
        async with self.parts(storage=storage, paid_router=paid_router, pay_url=pay_url) as (bot, dispatcher):
            polling = asyncio.create_task(run_polling(bot, dispatcher, stop))
            try:
                yield
            finally:
                stop.set()
                await polling

    async def say(self, text: str, *, user: int = BOB) -> Message:
        """Say something; the bot's newest answer to it."""
        said = await self.telegram.say(user, text)
        return await self.telegram.wait_for_message(user, after_message_id=said.message_id)

    async def press(self, button: str, *, user: int = BOB) -> Message:
        """Press the newest button with this text; the bot's newest answer to it."""
        last = self.telegram.messages(user)[-1].message_id
        await self.telegram.press(user, button)
        return await self.telegram.wait_for_message(user, after_message_id=last)

    def texts(self, user: int = BOB) -> list[str]:
        """The chat as it stands, oldest first."""
        return [message.text for message in self.telegram.messages(user)]


async def eventually(is_true: Callable[[], bool], timeout_seconds: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(timeout_seconds):
        while not is_true():
            await asyncio.sleep(0.01)


def labels(message: Message) -> list[str]:
    """The buttons under a message."""
    rows = message.reply_markup.inline_keyboard if message.reply_markup else ()
    return [button.text for row in rows for button in row]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Telegram and our API, running."""
    troubles = Troubles()
    telegram = TelegramSandbox(
        bot_token=TOKEN,
        bot_username="paywall_bot",
        troubles=troubles,
        clock=WallClock(),
        delay_seconds=lambda _: 0.02,
    )
    app = Litestar([telegram.router], openapi_config=None, logging_config=None)
    async with (
        api_stub() as api,
        serving(app, host="127.0.0.1", port=0) as origin,
        telegram.running(),
    ):
        yield World(telegram=telegram, troubles=troubles, telegram_base=f"{origin}/telegram", api=api)


@pytest.fixture
async def polled(world: World) -> AsyncIterator[World]:
    """The same, with a bot that polls."""
    async with world.polling_bot():
        yield world


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStub]:
    """A Bot API that answers as it is told."""
    stub = TelegramStub()
    async with on_loopback(stub.app()) as stub.base:
        yield stub


@pytest.fixture
async def bot(telegram: TelegramStub) -> AsyncIterator[Bot]:
    """A real bot, pointed there."""
    made = create_bot(TOKEN, telegram.base)
    yield made
    await made.session.close()
