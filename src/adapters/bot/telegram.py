"""A connection to Telegram that one strange update cannot stop, and whose errors hold nothing that people wrote."""

from typing import Any, Final

import msgspec
import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.exceptions import ClientDecodeError
from aiogram.methods import GetUpdates, Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import Update
from pydantic import ValidationError

from adapters.bot.batches import RawUpdate, take_apart

_OK: Final = 200
_log = structlog.stdlib.get_logger("paywall.bot")


def create_bot(token: str, api_base: str | None) -> Bot:
    """A bot on Telegram's servers, or on another address. Needs a running event loop; connects at the first call."""
    server = PRODUCTION if api_base is None else TelegramAPIServer.from_base(api_base)
    return Bot(token, session=_Session(api=server))


def read_update(document: Any, bot: Bot) -> Update | None:
    """A decoded update; one that aiogram cannot read (Telegram is ahead of it) is empty, so that it is passed over.

    None: it is no update at all.
    """
    update_id = document.get("update_id") if isinstance(document, dict) else None
    if not isinstance(update_id, int):
        return None
    try:
        return Update.model_validate(document, context={"bot": bot})
    except ValidationError as error:
        places = [".".join(map(str, one["loc"])) for one in error.errors(include_input=False, include_context=False)]
        return _passed_over(update_id, bot, places)


def _read_raw(raw: RawUpdate, bot: Bot) -> Update | None:
    """As `read_update`; one whose very JSON nobody can read (nested too deeply, half a character) is empty, too."""
    try:
        return read_update(msgspec.json.decode(raw.text), bot)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None if raw.update_id is None else _passed_over(raw.update_id, bot, [])


def _passed_over(update_id: int, bot: Bot, places: list[str]) -> Update:
    """Nothing but its id; `places`: of what was not understood, where that is known."""
    _log.warning("bot.update_not_understood", update_id=update_id, places=places)
    return Update.model_validate({"update_id": update_id}, context={"bot": bot})


class _Session(AiohttpSession):
    """Aiogram's session, with two mends.

    An answer that cannot be read is an error without that answer: aiogram would log it whole, and a person's one-time
    code with it. And of a batch of updates only the one that cannot be read is lost: aiogram would ask for the same
    batch for ever.
    """

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """Read an answer.

        Raises:
            AiogramError: Telegram refused, or said something that cannot be read.
        """
        try:
            return super().check_response(bot=bot, method=method, status_code=status_code, content=content)
        except ClientDecodeError as error:
            if isinstance(method, GetUpdates) and status_code == _OK:
                batch = take_apart(content)
                if batch is not None:
                    read = [_read_raw(raw, bot) for raw in batch]
                    updates = [update for update in read if update is not None]
                    return Response[TelegramType].model_construct(ok=True, result=updates)
            original = ValueError(type(error.original).__name__)
            raise ClientDecodeError(error.message, original, f"{len(content)} characters") from None
