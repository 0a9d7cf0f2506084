"""What stands before our own handlers: the private chat, the person's own conversation, and one update at a time."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiogram import BaseMiddleware, Bot
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.enums import ChatType
from aiogram.fsm.context import FSMContext
from aiogram.fsm.storage.base import StorageKey
from aiogram.types import CallbackQuery, Chat, Message, TelegramObject, Update, User

from adapters.bot import words
from adapters.bot.restore_words import AGAIN, CANCEL
from adapters.bot.storage import ConversationStorage, StorageAway
from paywall_core.locales import Locales

SEEN: Final = "seen"
"""Where the conversation's data holds the update that it has dealt with last."""

_log = structlog.stdlib.get_logger("paywall.bot")


class Conversations(BaseMiddleware):
    """Lets into our handlers what may be for them; `state` and `raw_state` are of our conversation, not the operator's.

    Telegram sends an update again when it believes that the first did not arrive. In the middle of a conversation the
    second one would be taken for the next answer, an address for a code: it is dropped.

    Args:
        storage: where conversations are kept.
        locales: the languages to answer in.
    """

    def __init__(self, *, storage: ConversationStorage, locales: Locales) -> None:
        self._storage = storage
        self._locales = locales

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Hand it on, or leave it to whoever comes after us."""
        user: User | None = data.get("event_from_user")
        chat: Chat | None = data.get("event_chat")
        if user is None or chat is None or chat.type != ChatType.PRIVATE:
            return UNHANDLED
        bot: Bot = data["bot"]
        key = StorageKey(bot_id=bot.id, chat_id=chat.id, user_id=user.id)
        state = FSMContext(storage=self._storage.ours, key=key)
        if not _speaks_to_us(event) and await state.get_state() is None:
            return UNHANDLED
        try:
            async with self._storage.turns.lock(key):
                return await self._take_turn(handler, event, data, state)
        except StorageAway as error:
            _log.warning("bot.redis_away", reason=type(error).__name__)
            await bot.send_message(chat.id, words.unavailable(words.locale_of(user, self._locales)))
            return None

    async def _take_turn(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
        state: FSMContext,
    ) -> Any:
        update: Update = data["event_update"]
        raw_state = await state.get_state()  # again: the turn before ours may have changed it
        if raw_state is not None and await state.get_value(SEEN) == update.update_id:
            return None
        result = await handler(event, {**data, "state": state, "raw_state": raw_state})
        if result is not UNHANDLED and await state.get_state() is not None:
            await state.update_data({SEEN: update.update_id})
        return result


def _speaks_to_us(event: TelegramObject) -> bool:
    """Whether it may be ours without a conversation under way: a command, or a button of ours."""
    if isinstance(event, CallbackQuery):
        return event.data in (AGAIN, CANCEL)
    return isinstance(event, Message) and (event.text or "").startswith("/")
