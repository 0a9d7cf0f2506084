"""How updates reach the bot: by long polling, or by webhook."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiogram import BaseMiddleware, Bot, Dispatcher
from aiogram.exceptions import AiogramError, TelegramNotFound, TelegramRetryAfter, TelegramUnauthorizedError
from aiogram.types import BotCommand, TelegramObject, Update
from litestar import Litestar, Request, Response, post
from litestar.params import FromPath
from pydantic import ValidationError

from adapters.bot.words import help_text
from paywall_core.locales import LOCALES

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  - the name of a header
MAX_UPDATE_BYTES = 1024 * 1024
_FINISH_SECONDS: Final = 10.0
_LONGEST_WAIT_SECONDS: Final = 30.0
_log = structlog.stdlib.get_logger("paywall.bot")


async def announce_commands(bot: Bot) -> None:
    """Tell Telegram which commands to offer, in each language."""
    for locale in LOCALES:
        lines = [line for line in help_text(locale).splitlines() if line.startswith("/")]
        pairs = [line[1:].split(" ", 1) for line in lines]
        commands = [BotCommand(command=name, description=text) for name, text in pairs]
        await bot.set_my_commands(commands, language_code=locale)


async def run_polling(bot: Bot, dispatcher: Dispatcher, stop: asyncio.Event) -> None:
    """Poll until `stop` is set; what is being handled then has ten seconds to finish.

    A Telegram that is away when we start is waited for: it must not take down the process it shares with the API.

    Raises:
        TelegramUnauthorizedError, TelegramNotFound: Telegram does not know our token.
    """
    under_way = _UnderWay()
    dispatcher.update.outer_middleware(under_way)
    stopping = asyncio.create_task(stop.wait())
    try:
        if not await _first(asyncio.create_task(_reach(bot)), stopping):
            return
        polling = asyncio.create_task(
            dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False, polling_timeout=10)
        )
        await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not polling.done():
            await dispatcher.stop_polling()
        await polling
        await under_way.finish(timeout_seconds=_FINISH_SECONDS)
    finally:
        stopping.cancel()
        dispatcher.update.outer_middleware.unregister(under_way)


class _UnderWay(BaseMiddleware):
    """Knows which updates are being handled: aiogram starts a task for each and does not wait for it at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await handler(event, data)

    async def finish(self, *, timeout_seconds: float) -> None:
        """Wait for them; what takes longer is cut off, and the log says so."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=timeout_seconds)
        for task in late:
            task.cancel()
        if late:
            _log.warning("bot.updates_cut_off", count=len(late))
            await asyncio.gather(*late, return_exceptions=True)


async def _reach(bot: Bot) -> None:
    """Get Telegram to answer, however long it takes; only a token that it does not know ends this."""
    wait_seconds = 1.0
    while True:
        try:
            await bot.delete_webhook()
            await bot.me()
        except (TelegramUnauthorizedError, TelegramNotFound):
            raise
        except AiogramError as error:
            _log.warning("bot.telegram_away", reason=type(error).__name__)
            asked = error.retry_after if isinstance(error, TelegramRetryAfter) else 0
            await asyncio.sleep(max(wait_seconds, asked))
            wait_seconds = min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)
        else:
            return


async def _first(task: asyncio.Task[None], stopping: asyncio.Task[Any]) -> bool:
    """Did the task end before we were told to stop? Otherwise it is cancelled."""
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False


async def register_webhook(bot: Bot, dispatcher: Dispatcher, url: str, secret: str) -> None:
    """Tell Telegram where updates go. The address holds the secret: it is not logged."""
    await bot.set_webhook(url, secret_token=secret, allowed_updates=dispatcher.resolve_used_update_types())


def webhook_app(bot: Bot, dispatcher: Dispatcher, secret: str) -> Litestar:
    """The receiver of `POST /tg/webhook/<secret>`; the same secret must be in Telegram's header.

    A wrong path or header is 404, so that a stranger learns nothing. An update whose handling failed is answered with
    200 all the same: Telegram would send it again and again, and hold back all others.
    """
    expected = secret.encode()

    @post(["/tg/webhook/{given:str}", "/{given:str}"], status_code=200, include_in_schema=False)
    async def receive(given: FromPath[str], request: Request[Any, Any, Any]) -> Response[None]:
        header = request.headers.get(SECRET_HEADER, "")
        known = hmac.compare_digest(expected, given.encode()) & hmac.compare_digest(expected, header.encode())
        if not known:
            return Response(None, status_code=404)
        try:
            update = Update.model_validate_json(await request.body(), context={"bot": bot})
        except ValidationError:
            return Response(None, status_code=400)
        try:
            await dispatcher.feed_update(bot, update)
        except Exception:  # noqa: BLE001  - see above: logged, and not sent again
            _log.exception("bot.update_failed", update_id=update.update_id)
        return Response(None, status_code=200)

    return Litestar([receive], openapi_config=None, logging_config=None, request_max_body_size=MAX_UPDATE_BYTES)
