"""The bot as a part of a process: its connection, its dispatcher, and the job by which updates reach it.

Only processes with a bot import this: aiogram alone takes seconds to import.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiogram import Bot, Dispatcher, Router
from litestar.types import ASGIApp

from adapters.bot.dispatcher import create_dispatcher, load_router
from adapters.bot.runner import run_polling
from adapters.bot.storage import create_storage
from adapters.bot.telegram import create_bot
from adapters.bot.timing import timing
from adapters.bot.webhook import keep_webhook_registered, webhook_app
from entrypoints.container import Container
from entrypoints.lifetime import Ready, Stop, log_ready
from entrypoints.measured import measured
from entrypoints.server import serving
from entrypoints.settings import BotSettings, SettingError, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBot:
    """A bot that is connected, in one of its two modes.

    Attributes:
        webhook: what takes Telegram's updates under `/tg/webhook/<secret>`; None: the bot polls.
    """

    bot: Bot
    dispatcher: Dispatcher
    settings: Settings
    webhook: ASGIApp | None

    def job(self, stop: Stop) -> Awaitable[None]:
        """What must run until `stop` is set, so that updates come."""
        if self.webhook is None:
            return run_polling(self.bot, self.dispatcher, stop)
        secret = self.settings.bot.webhook_secret or ""
        url = f"{self.settings.public_base_url}/tg/webhook/{secret}"
        return keep_webhook_registered(self.bot, self.dispatcher, url, secret, stop)


@asynccontextmanager
async def running_bot(container: Container) -> AsyncIterator[RunningBot]:
    """The bot and its dispatcher, closed at the end.

    Raises:
        SettingError: there is no token, or the operator's router cannot be had.
    """
    settings: Settings = container.settings()
    token = settings.bot.token
    if token is None:
        raise SettingError("BOT_TOKEN is not set: it should be the token that @BotFather gave, such as 123456:ABC")
    paid_router = _paid_router(settings.bot)
    async with AsyncExitStack() as stack:
        api = container.api_client()
        stack.push_async_callback(api.close)
        bot = create_bot(token, settings.bot.api_base)
        stack.push_async_callback(bot.session.close)
        storage = create_storage(settings.redis_url)
        stack.push_async_callback(storage.close)
        dispatcher = create_dispatcher(
            api=api,
            locales=settings.locales,
            pay_url=settings.bot.pay_url,
            public_base_url=settings.public_base_url,
            paid_router=paid_router,
            storage=storage,
        )
        dispatcher.update.outer_middleware(timing(container.measures().updates))
        hooked = settings.bot.mode == "webhook"
        webhook = webhook_app(bot, dispatcher, settings.bot.webhook_secret or "") if hooked else None
        yield RunningBot(bot=bot, dispatcher=dispatcher, settings=settings, webhook=webhook)


async def run_bot(settings: Settings, stop: Stop, ready: Ready = log_ready) -> None:
    """The Telegram bot alone, talking to the API over HTTP."""
    container = Container(settings=settings)
    async with running_bot(container) as bot, measured(container):
        if bot.webhook is None:
            ready("bot polling")
            await bot.job(stop)
            return
        async with serving(bot.webhook, host=settings.bot.http_host, port=settings.bot.http_port) as origin:
            ready(f"bot webhook on {origin}")
            await bot.job(stop)


def _paid_router(bot: BotSettings) -> Router | None:
    if bot.router is None:
        return None
    try:
        return load_router(bot.router)
    except ValueError as error:
        raise SettingError(f"BOT_ROUTER is malformed: {error}") from None
