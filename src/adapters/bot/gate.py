"""The gate: nobody gets past it without access, and when nobody can say, nobody gets past it either."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.types import (
    CallbackQuery,
    InaccessibleMessage,
    InlineQuery,
    InlineQueryResultsButton,
    Message,
    TelegramObject,
    Update,
    User,
)

from adapters.bot import words
from adapters.bot.api_client import ApiUnavailable, PaywallApi

_log = structlog.stdlib.get_logger("paywall.bot")


class AccessGate(BaseMiddleware):
    """Asks for each update whether its user may in; answers with the pay button where not.

    Args:
        api: who knows.
        pay_link: where the button leads.
    """

    def __init__(self, *, api: PaywallApi, pay_link: words.PayLink) -> None:
        self._api = api
        self._pay_link = pay_link

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Let the update through, or answer it."""
        user: User | None = data.get("event_from_user")
        if user is None:
            return None  # nobody, so nobody with access
        try:
            access = await self._api.access_status(user.id)
        except ApiUnavailable as error:
            _log.warning("gate.api_unavailable", reason=str(error))
            await self._answer(event, data, user, words.unavailable(words.locale_of(user)), pay=False)
            return None
        if access.is_paid:
            return await handler(event, data)
        await self._answer(event, data, user, words.closed(access.access_status, words.locale_of(user)), pay=True)
        return None

    async def _answer(self, event: TelegramObject, data: dict[str, Any], user: User, text: str, *, pay: bool) -> None:
        """Say why the gate is closed, where Telegram has a place for it; other kinds of update end in silence.

        The button always names the user's private chat, which has the user's own id: the activation link must never
        come into a group, where anyone could press it.
        """
        locale = words.locale_of(user)
        keyboard = self._pay_link.keyboard(locale, user.id) if pay else None
        if isinstance(event, InlineQuery):
            button = InlineQueryResultsButton(text=words.inline_closed(locale), start_parameter=words.FROM_INLINE)
            await event.answer([], cache_time=0, is_personal=True, button=button)
        elif isinstance(event, CallbackQuery):
            if event.message is None or isinstance(event.message, InaccessibleMessage):
                await event.answer(text, show_alert=True)
                return
            await event.answer()
            await event.message.answer(text, reply_markup=keyboard)
        elif isinstance(event, Message) and _is_new_message(data):
            await event.answer(text, reply_markup=keyboard)


def _is_new_message(data: dict[str, Any]) -> bool:
    """Edits and messages to a business account are `Message`s too, but nobody waits for the bot's word there."""
    update: Update = data["event_update"]
    return update.message is not None
