"""What each role runs, from opening to clean shutdown: API, worker, or all of them and the bot in one process.

SIGTERM and SIGINT set one event. The servers then take no new request and finish those in flight, the worker finishes
what it has begun and gives back the rest, the bot stops polling; last, connections are closed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from litestar import Litestar
from litestar.types import ASGIApp

from adapters.db.database import Database
from adapters.http.app import create_app
from entrypoints.container import Container
from entrypoints.lifetime import Ready, Stop, log_ready
from entrypoints.measured import measured
from entrypoints.server import serving
from entrypoints.settings import SettingError, Settings
from paywall_core.ports.clock import Clock


async def run_api(settings: Settings, stop: Stop, ready: Ready = log_ready, *, drain_seconds: float = 0) -> None:
    """The HTTP API and the pages.

    Once `stop` is set it is not ready any more. For `drain_seconds` it still answers whoever asks, so that a balancer
    sees that and looks away before the port is closed.
    """
    async with opened(settings) as container:
        await _require_schema(container.database())
        app = _app(container, stop=stop)
        async with serving(app, host=settings.http_host, port=settings.http_port) as origin:
            ready(f"api on {origin}")
            await stop.wait()
            await asyncio.sleep(drain_seconds)


async def run_worker(settings: Settings, stop: Stop, ready: Ready = log_ready) -> None:
    """The outbox and the sweep."""
    async with opened(settings) as container:
        await _require_schema(container.database())
        async with measured(container):
            ready("worker started")
            await container.worker().run(stop)


async def run_serve(settings: Settings, stop: Stop, ready: Ready = log_ready, *, clock: Clock | None = None) -> None:
    """API, worker and (when `BOT_TOKEN` is set) bot in one process, schema brought up to date first.

    `clock` is its time; None: the machine's.
    """
    from adapters.db.migrate import CannotMigrate, migrate  # noqa: PLC0415  - the other roles do without Alembic

    try:
        await migrate(settings.database_url)
    except CannotMigrate as error:
        raise SettingError(f"DATABASE_URL: {error}") from error
    async with AsyncExitStack() as stack:
        container = await stack.enter_async_context(opened(settings, clock))
        bot = None
        if settings.bot.token is not None:
            from entrypoints.bot import running_bot  # noqa: PLC0415  - without a bot, aiogram is not imported

            bot = await stack.enter_async_context(running_bot(container))
        webhook = None if bot is None else bot.webhook
        origin = await stack.enter_async_context(
            serving(_app(container, webhook, stop=stop), host=settings.http_host, port=settings.http_port)
        )
        ready(f"paywall on {origin}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_until_stopped(container.worker().run(stop), stop))
            if bot is not None:
                tasks.create_task(_until_stopped(bot.job(stop), stop))


async def _until_stopped(job: Awaitable[None], stop: Stop) -> None:
    """A part that ends by itself takes the process with it, so that a supervisor starts it anew."""
    try:
        await job
    finally:
        stop.set()


@asynccontextmanager
async def opened(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Container]:
    """The container, with everything closed at the end."""
    container = Container(settings=settings)
    if clock is not None:
        container.clock.override(clock)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.traces().close)
        stack.push_async_callback(container.database().close)
        for part in (
            container.rate_counter(),
            container.gateway(),
            container.portal(),
            container.ledger(),
            container.mailer(),
            container.messenger(),
            container.click_tracker(),
            container.ad_platform(),
        ):
            if part is not None:
                stack.push_async_callback(part.close)
        yield container


def _app(container: Container, bot_webhook: ASGIApp | None = None, *, stop: Stop) -> Litestar:
    dependencies = container.http_dependencies()
    is_ready = dependencies.readiness

    async def is_ready_and_stays() -> bool:
        return not stop.is_set() and await is_ready()

    return create_app(replace(dependencies, readiness=is_ready_and_stays), bot_webhook=bot_webhook)


async def _require_schema(database: Database) -> None:
    """Refuse to run on a schema that does not serve this version: `paywall migrate` first."""
    if not await database.is_ready():
        raise SettingError(
            "DATABASE_URL names a database that does not answer, or whose schema does not serve this version: run "
            "`paywall migrate` first, or see what it says"
        )
