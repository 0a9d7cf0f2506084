"""The gate: nobody gets past it without access, and when nobody can say, nobody gets past it either."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.types import CallbackQuery, Chat, InaccessibleMessage, Message, TelegramObject, User

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
            await self._answer(event, data, words.unavailable(words.locale_of(user)), pay=False)
            return None
        if access.is_paid:
            return await handler(event, data)
        await self._answer(event, data, words.closed(access.access_status, words.locale_of(user)), pay=True)
        return None

    async def _answer(self, event: TelegramObject, data: dict[str, Any], text: str, *, pay: bool) -> None:
        chat: Chat | None = data.get("event_chat")
        locale = words.locale_of(data.get("event_from_user"))
        keyboard = self._pay_link.keyboard(locale, chat.id) if pay and chat else None
        if isinstance(event, CallbackQuery):
            await event.answer()
            target = event.message
        else:
            target = event if isinstance(event, Message) else None
        if target is not None and not isinstance(target, InaccessibleMessage):
            await target.answer(text, reply_markup=keyboard)
