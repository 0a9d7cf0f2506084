"""What each role runs, from opening to clean shutdown: API, worker, bot, or all of them in one process.

SIGTERM and SIGINT set one event. The servers then take no new request and finish those in flight, the worker finishes
what it has begun and gives back the rest, the bot stops polling; last, connections are closed.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from aiogram import Bot, Dispatcher, Router
from aiogram.exceptions import TelegramAPIError
from litestar import Litestar
from litestar.types import ASGIApp

from adapters.bot.dispatcher import create_dispatcher, load_router
from adapters.bot.messenger import create_bot
from adapters.bot.runner import announce_commands, register_webhook, run_polling, webhook_app
from adapters.db.database import Database
from adapters.db.migrate import migrate
from adapters.http.app import create_app
from entrypoints.container import Container
from entrypoints.server import serving
from entrypoints.settings import BotSettings, SettingError, Settings

_log = structlog.stdlib.get_logger("paywall.process")

Stop = asyncio.Event
Ready = Callable[[str], None]


def log_ready(what: str) -> None:
    """Say in the log that a part is up."""
    _log.info("ready", part=what)


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[Stop]:
    """An event that SIGTERM and SIGINT set while the block runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def run_api(settings: Settings, stop: Stop, ready: Ready = log_ready) -> None:
    """The HTTP API and the pages."""
    async with _opened(settings) as container:
        await _require_schema(container.database())
        async with serving(_app(container), host=settings.http_host, port=settings.http_port) as origin:
            ready(f"api on {origin}")
            await stop.wait()


async def run_worker(settings: Settings, stop: Stop, ready: Ready = log_ready) -> None:
    """The outbox and the sweep."""
    async with _opened(settings) as container:
        await _require_schema(container.database())
        ready("worker started")
        await container.worker().run(stop)


async def run_bot(settings: Settings, stop: Stop, ready: Ready = log_ready) -> None:
    """The Telegram bot, talking to the API over HTTP."""
    container = Container(settings=settings)
    async with _bot(container) as (bot, dispatcher):
        if settings.bot.mode == "polling":
            ready("bot polling")
            await run_polling(bot, dispatcher, stop)
            return
        app = webhook_app(bot, dispatcher, settings.bot.webhook_secret or "")
        async with serving(app, host=settings.bot.http_host, port=settings.bot.http_port) as origin:
            await _register(bot, dispatcher, settings)
            ready(f"bot webhook on {origin}")
            await stop.wait()


async def run_serve(settings: Settings, stop: Stop, ready: Ready = log_ready) -> None:
    """API, worker and (when `BOT_TOKEN` is set) bot in one process, schema brought up to date first."""
    await migrate(settings.database_url)
    async with AsyncExitStack() as stack:
        container = await stack.enter_async_context(_opened(settings))
        bot_parts = None if settings.bot.token is None else await stack.enter_async_context(_bot(container))
        hooked = bot_parts is not None and settings.bot.mode == "webhook"
        mounted = webhook_app(*bot_parts, settings.bot.webhook_secret or "") if bot_parts and hooked else None
        origin = await stack.enter_async_context(
            serving(_app(container, mounted), host=settings.http_host, port=settings.http_port)
        )
        jobs: list[Awaitable[None]] = [container.worker().run(stop)]
        if bot_parts is not None and hooked:
            await _register(*bot_parts, settings)
        elif bot_parts is not None:
            jobs.append(run_polling(*bot_parts, stop))
        ready(f"paywall on {origin}")
        async with asyncio.TaskGroup() as tasks:
            for job in jobs:
                tasks.create_task(_until_stopped(job, stop))


async def _until_stopped(job: Awaitable[None], stop: Stop) -> None:
    """A part that ends by itself takes the process with it, so that a supervisor starts it anew."""
    try:
        await job
    finally:
        stop.set()


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Container]:
    """The container, with everything closed at the end."""
    container = Container(settings=settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.database().close)
        stack.push_async_callback(container.gateway().close)
        for channel in (container.messenger(), container.sale_tracker()):
            if channel is not None:
                stack.push_async_callback(channel.close)
        yield container


@asynccontextmanager
async def _bot(container: Container) -> AsyncIterator[tuple[Bot, Dispatcher]]:
    """The bot and its dispatcher, closed at the end."""
    settings: Settings = container.settings()
    token = settings.bot.token
    if token is None:
        raise SettingError("BOT_TOKEN is not set: it should be the token that @BotFather gave, such as 123456:ABC")
    api = container.api_client()
    bot = create_bot(token, settings.bot.api_base)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(api.close)
        stack.push_async_callback(bot.session.close)
        dispatcher = create_dispatcher(
            api=api,
            pay_url=settings.bot.pay_url,
            public_base_url=settings.public_base_url,
            paid_router=_paid_router(settings.bot),
        )
        await _announce(bot)
        yield bot, dispatcher


async def _announce(bot: Bot) -> None:
    """The list of commands is a nicety: a Telegram that is away must not keep the product from starting."""
    try:
        await announce_commands(bot)
    except TelegramAPIError as error:
        _log.warning("bot.commands_not_announced", reason=type(error).__name__)


def _paid_router(bot: BotSettings) -> Router | None:
    if bot.router is None:
        return None
    try:
        return load_router(bot.router)
    except ValueError as error:
        raise SettingError(f"BOT_ROUTER is malformed: {error}") from None


def _app(container: Container, bot_webhook: ASGIApp | None = None) -> Litestar:
    return create_app(container.http_dependencies(), bot_webhook=bot_webhook)


async def _register(bot: Bot, dispatcher: Dispatcher, settings: Settings) -> None:
    secret = settings.bot.webhook_secret or ""
    await register_webhook(bot, dispatcher, f"{settings.public_base_url}/tg/webhook/{secret}", secret)


async def _require_schema(database: Database) -> None:
    """Refuse to run on another schema than ours: `paywall migrate` first."""
    if not await database.is_ready():
        raise SettingError("DATABASE_URL names a database whose schema is not current: run `paywall migrate` first")
