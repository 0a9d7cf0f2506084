"""How updates reach the bot: by long polling, or by webhook."""

import asyncio
import hmac
from typing import Any

import structlog
from aiogram import Bot, Dispatcher
from aiogram.types import BotCommand, Update
from litestar import Litestar, Request, Response, post
from litestar.params import FromPath
from pydantic import ValidationError

from adapters.bot.words import help_text
from paywall_core.locales import LOCALES

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  - the name of a header
MAX_UPDATE_BYTES = 1024 * 1024
_log = structlog.stdlib.get_logger("paywall.bot")


async def announce_commands(bot: Bot) -> None:
    """Tell Telegram which commands to offer, in each language."""
    for locale in LOCALES:
        lines = [line for line in help_text(locale).splitlines() if line.startswith("/")]
        pairs = [line[1:].split(" ", 1) for line in lines]
        commands = [BotCommand(command=name, description=text) for name, text in pairs]
        await bot.set_my_commands(commands, language_code=locale)


async def run_polling(bot: Bot, dispatcher: Dispatcher, stop: asyncio.Event) -> None:
    """Poll until `stop` is set; what is being handled then is finished."""
    await bot.delete_webhook()
    polling = asyncio.create_task(
        dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False, polling_timeout=10)
    )
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not polling.done():
            await dispatcher.stop_polling()
        await polling
    finally:
        stopping.cancel()


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
