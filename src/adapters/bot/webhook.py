"""How the bot lives by webhook: registered with Telegram, and the receiver of what Telegram sends."""

import asyncio
import hmac
from collections import OrderedDict
from typing import Any, Final

import msgspec
import structlog
from aiogram import Bot, Dispatcher
from litestar import Litestar, MediaType, Request, Response, post
from litestar.params import FromPath

from adapters.bot.patience import try_until_done
from adapters.bot.runner import announce_commands
from adapters.bot.telegram import read_update

SECRET_HEADER: Final = "x-telegram-bot-api-secret-token"  # noqa: S105  - the name of a header
MAX_UPDATE_BYTES: Final = 1024 * 1024
_REMEMBERED_UPDATES: Final = 1000
_log = structlog.stdlib.get_logger("paywall.bot")


async def keep_webhook_registered(bot: Bot, dispatcher: Dispatcher, url: str, secret: str, stop: asyncio.Event) -> None:
    """Tell Telegram where updates go, as often as it takes, then wait for `stop`: a job, as polling is.

    The address holds the secret: neither is ever logged.

    Raises:
        TelegramUnauthorizedError, TelegramNotFound: Telegram does not know our token.
    """

    async def register() -> None:
        await bot.set_webhook(url, secret_token=secret, allowed_updates=dispatcher.resolve_used_update_types())

    if await try_until_done(register, stop, what="setWebhook", secret=secret):
        _log.info("bot.webhook_registered")
        announcing = asyncio.create_task(announce_commands(bot, dispatcher["locales"]))
        await stop.wait()
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)


def webhook_app(bot: Bot, dispatcher: Dispatcher, secret: str) -> Litestar:
    """The receiver of `POST /tg/webhook/<secret>`; the same secret must be in Telegram's header.

    A wrong path or header is 404, so that a stranger learns nothing. An update whose handling failed is answered with
    200 all the same, and so is one that is nested too deeply to be read: Telegram would send it again and again, and
    hold back all others. One that comes again, because the first answer took too long or got lost, is not handled
    again.
    """
    expected = secret.encode()
    newest = _NewestUpdates()

    @post(["/tg/webhook/{given:str}", "/{given:str}"], status_code=200, include_in_schema=False)
    async def receive(given: FromPath[str], request: Request[Any, Any, Any]) -> Response[str]:
        header = request.headers.get(SECRET_HEADER, "")
        known = hmac.compare_digest(expected, given.encode()) & hmac.compare_digest(expected, header.encode())
        if not known:
            return _answer(404)
        try:
            update = read_update(msgspec.json.decode(await request.body()), bot)
        except (msgspec.DecodeError, UnicodeDecodeError):
            update = None
        except RecursionError:  # nested beyond what any reader follows, today and when it comes again
            _log.warning("bot.update_not_understood", update_id=None, places=[])
            return _answer(200)
        if update is None:
            return _answer(400)
        if newest.add(update.update_id):
            try:
                await dispatcher.feed_update(bot, update)
            except Exception:  # noqa: BLE001  - see above: logged, and not sent again
                _log.exception("bot.update_failed", update_id=update.update_id)
        return _answer(200)

    return Litestar([receive], openapi_config=None, logging_config=None, request_max_body_size=MAX_UPDATE_BYTES)


def _answer(status_code: int) -> Response[str]:
    """Nothing at all: Telegram would take a JSON body for a call of the Bot API."""
    return Response("", status_code=status_code, media_type=MediaType.TEXT)


class _NewestUpdates:
    """The ids of the updates that came last."""

    def __init__(self) -> None:
        self._ids: OrderedDict[int, None] = OrderedDict()

    def add(self, update_id: int) -> bool:
        """Whether it is new."""
        if update_id in self._ids:
            return False
        self._ids[update_id] = None
        if len(self._ids) > _REMEMBERED_UPDATES:
            self._ids.popitem(last=False)
        return True
