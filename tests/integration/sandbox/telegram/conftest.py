"""The sandbox's Telegram on a free port, and a real aiogram bot pointed at it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import CallbackQuery, ChatMemberUpdated, InlineKeyboardButton, InlineKeyboardMarkup, Message
from litestar import Litestar

from entrypoints.sandbox.telegram import TelegramSandbox
from entrypoints.sandbox.troubles import Troubles
from entrypoints.server import serving
from paywall_core.ports.clock import Clock

TOKEN = "123456:TEST-token"
ANNA, BOB = 1001, 1002


class WallClock(Clock):
    """The real time."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class World:
    """A running sandbox, and what it takes to talk to it."""

    telegram: TelegramSandbox
    troubles: Troubles
    origin: str
    http: httpx.AsyncClient

    def bot(self, token: str = TOKEN) -> Bot:
        """A new aiogram bot; close its session."""
        return Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(f"{self.origin}/telegram")))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A sandbox of the test's own."""
    troubles = Troubles()
    telegram = TelegramSandbox(
        bot_token=TOKEN,
        bot_username="paywall_sandbox_bot",
        troubles=troubles,
        clock=WallClock(),
        delay_seconds=lambda _: 0.02,
    )
    app = Litestar([telegram.router], openapi_config=None, logging_config=None)
    async with (
        serving(app, host="127.0.0.1", port=0) as origin,
        httpx.AsyncClient(base_url=origin) as http,
        telegram.running(),
    ):
        yield World(telegram=telegram, troubles=troubles, origin=origin, http=http)


@pytest.fixture
async def bot(world: World) -> AsyncIterator[Bot]:
    """An aiogram bot on the sandbox."""
    bot = world.bot()
    yield bot
    await bot.session.close()


def echo_router(memberships: list[str]) -> Router:
    """A small bot: greets, echoes, edits on a press, notes who blocks it."""
    router = Router()

    @router.message(CommandStart())
    async def start(message: Message, command: CommandObject) -> None:
        keyboard = InlineKeyboardMarkup(
            inline_keyboard=[
                [InlineKeyboardButton(text="Press me", callback_data="pressed")],
                [InlineKeyboardButton(text="Site", url="http://127.0.0.1:8000/pay")],
                [InlineKeyboardButton(text="Again", url="https://t.me/paywall_sandbox_bot?start=again")],
            ]
        )
        await message.answer(
            f"<b>Hello</b> {message.chat.first_name}: {command.args}", parse_mode="HTML", reply_markup=keyboard
        )

    @router.message(Command("boom"))
    async def boom(message: Message) -> None:
        raise RuntimeError("as wanted")

    @router.callback_query(F.data == "pressed")
    async def pressed(query: CallbackQuery) -> None:
        await query.answer("Well pressed", show_alert=True)
        assert isinstance(query.message, Message)
        await query.message.edit_text("You pressed it")

    @router.my_chat_member()
    async def membership(event: ChatMemberUpdated) -> None:
        memberships.append(event.new_chat_member.status)

    @router.message()
    async def echo(message: Message) -> None:
        await message.answer(f"echo {message.text}")

    return router


@asynccontextmanager
async def polling(bot: Bot, dispatcher: Dispatcher) -> AsyncIterator[None]:
    """Aiogram's own long polling while the block runs."""
    task = asyncio.create_task(
        dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False, polling_timeout=10)
    )
    try:
        yield
    finally:
        await eventually(lambda: dispatcher._stop_signal is not None)
        with contextlib.suppress(RuntimeError):  # it has not begun yet, or is over already
            await dispatcher.stop_polling()
        await task


async def eventually(is_true: Callable[[], bool], timeout_seconds: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(timeout_seconds):
        while not is_true():
            await asyncio.sleep(0.01)
