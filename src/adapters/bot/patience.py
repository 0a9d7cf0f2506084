"""Waiting for a Telegram that is away, without holding up the process that we share with the API and the worker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)

_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 30.0
_log = structlog.stdlib.get_logger("paywall.bot")


async def try_until_done(
    attempt: Callable[[], Awaitable[object]], stop: asyncio.Event, *, what: str, secret: str = ""
) -> bool:
    """Do it, again and again with growing pauses, until Telegram has said yes (True) or `stop` is set (False).

    Args:
        attempt: what is tried.
        stop: ends the waiting.
        what: its name, for the log.
        secret: never comes into the log, not even where Telegram repeats it.

    Raises:
        TelegramUnauthorizedError, TelegramNotFound: Telegram does not know our token. Waiting would not help, and
            would hide the mistake.
    """
    stopping = asyncio.create_task(stop.wait())
    trying = asyncio.create_task(_try(attempt, what, secret))
    try:
        await asyncio.wait({trying, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if trying.done():
            await trying
            return True
        return False
    finally:
        for task in (trying, stopping):
            task.cancel()
        await asyncio.gather(trying, stopping, return_exceptions=True)


async def _try(attempt: Callable[[], Awaitable[object]], what: str, secret: str) -> None:
    wait_seconds = _FIRST_WAIT_SECONDS
    while True:
        try:
            await attempt()
        except (TelegramUnauthorizedError, TelegramNotFound):
            raise
        except AiogramError as error:
            _log.warning("bot.telegram_away", trying=what, reason=_reason(error, secret))
            asked = error.retry_after if isinstance(error, TelegramRetryAfter) else 0
            await asyncio.sleep(max(wait_seconds, asked))
            wait_seconds = min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)
        else:
            return


def _reason(error: AiogramError, secret: str) -> str:
    """Telegram's own words where we may be at fault; a network's words may hold more than we want to know."""
    name = type(error).__name__
    if not isinstance(error, TelegramBadRequest):
        return name
    return f"{name}: {error.message.replace(secret, '***') if secret else error.message}"
