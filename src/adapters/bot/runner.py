"""How the bot lives by long polling, and the list of commands that Telegram shows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiogram import BaseMiddleware, Bot, Dispatcher
from aiogram.exceptions import AiogramError
from aiogram.types import BotCommand, TelegramObject

from adapters.bot import words
from adapters.bot.patience import try_until_done
from paywall_core.locales import Locales

_FINISH_SECONDS: Final = 10.0
_TELEGRAM_LANGUAGE_LETTERS: Final = 2
_log = structlog.stdlib.get_logger("paywall.bot")


async def announce_commands(bot: Bot, locales: Locales) -> None:
    """Tell Telegram which commands to offer: to everybody in the default language, to those who have another in theirs.

    The list is a nicety: where Telegram does not take it, the log says so, and nothing else happens.
    """
    try:
        await bot.set_my_commands(_commands(locales.default))
        for locale in locales.supported:
            if len(locale) == _TELEGRAM_LANGUAGE_LETTERS:  # Telegram takes no others; those see the default
                await bot.set_my_commands(_commands(locale), language_code=locale)
    except AiogramError as error:
        _log.warning("bot.commands_not_announced", reason=type(error).__name__)


def _commands(locale: str) -> list[BotCommand]:
    return [BotCommand(command=name, description=what) for name, what in words.commands(locale).items()]


async def run_polling(bot: Bot, dispatcher: Dispatcher, stop: asyncio.Event) -> None:
    """Poll until `stop` is set; what is being handled then has ten seconds to finish.

    A Telegram that is away when we start is waited for: it must not take down the process it shares with the API.

    Raises:
        TelegramUnauthorizedError, TelegramNotFound: Telegram does not know our token.
    """

    async def reach() -> None:
        await bot.delete_webhook()
        await bot.me()

    if not await try_until_done(reach, stop, what="polling"):
        return
    under_way = _UnderWay()
    dispatcher.update.outer_middleware(under_way)
    announcing = asyncio.create_task(announce_commands(bot, dispatcher["locales"]))
    stopping = asyncio.create_task(stop.wait())
    try:
        polling = asyncio.create_task(
            dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False, polling_timeout=10)
        )
        await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not polling.done():
            await dispatcher.stop_polling()
        await polling
        await under_way.finish(timeout_seconds=_FINISH_SECONDS)
    finally:
        for task in (announcing, stopping):
            task.cancel()
        await asyncio.gather(announcing, stopping, return_exceptions=True)
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
