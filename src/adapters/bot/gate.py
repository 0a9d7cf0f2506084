"""The gate: nobody gets past it without access, and when nobody can say, nobody gets past it either.

It is a part of its own: it stands in any aiogram bot by one import and one line, and asks our API, or, with `ask`, a
use case in the process (docs/embedding.md):

    AccessGate.asking_api("http://127.0.0.1:8000", token, pay_link="https://shop.example").guard_handlers(router)
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

import structlog
from aiogram import BaseMiddleware, Router
from aiogram.dispatcher.event.telegram import TelegramEventObserver
from aiogram.enums import ChatType
from aiogram.types import (
    CallbackQuery,
    InaccessibleMessage,
    InlineKeyboardMarkup,
    InlineQuery,
    InlineQueryResultsButton,
    Message,
    TelegramObject,
    Update,
    User,
)

from adapters.bot import words
from adapters.bot.api_client import ApiUnavailable, PaywallApi
from adapters.i18n import spoken
from paywall_core.locales import Locales

_UNGUARDED: Final = frozenset({"error", "update"})
"""Aiogram's own: errors come from handlers that the gate let through, and an update is guarded by its kind."""

_ALERT_CHARACTERS: Final = 200  # Telegram's limit
_log = structlog.stdlib.get_logger("paywall.bot")


class AccessAnswer(Protocol):
    """What the gate wants to know of a user; the core's `AccessStatus` is one."""

    @property
    def is_paid(self) -> bool:
        """Access is good now."""
        ...

    @property
    def access_status(self) -> str | None:
        """The state of the user's order."""
        ...

    @property
    def locale(self) -> str | None:
        """The language of the user's order."""
        ...


Ask: TypeAlias = Callable[[int], Awaitable[AccessAnswer]]
"""May this Telegram user in? Whatever it raises means that nobody can say."""


class AccessGate(BaseMiddleware):
    """Asks for each update whether its user may in; answers with the pay button where not.

    Handlers behind it get the answer as `access`. It is an ordinary middleware, too, for a single kind of update:
    `router.message.middleware(gate)`.

    Args:
        ask: who knows. Whatever it raises means that nobody can say, and then nobody passes.
        pay_link: where the button leads; an address is used as it is.
        locales: the languages to answer in; None: all that there are words in, English where nobody said.
        close: a coroutine function that is called when the bot stops; None: nothing.
    """

    def __init__(
        self,
        *,
        ask: Ask,
        pay_link: words.PayLink | str,
        locales: Locales | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._ask = ask
        self._pay_link = words.PayLink(pay_url=pay_link, public_base_url="") if isinstance(pay_link, str) else pay_link
        self._locales = locales or Locales(supported=spoken(), default="en")
        self._close = close

    @classmethod
    def asking_api(
        cls, base_url: str, internal_token: str, *, pay_link: str, locales: Locales | None = None
    ) -> "AccessGate":
        """A gate that asks our API over HTTP. It connects at the first question, and lets go when the bot stops.

        Args:
            base_url: the API's address, without a slash at the end.
            internal_token: the newest `INTERNAL_API_TOKEN` of the API.
            pay_link: where the button leads.
            locales: as of the gate.
        """
        api = PaywallApi(base_url=base_url, internal_token=internal_token)
        return cls(ask=api.access_status, pay_link=pay_link, locales=locales, close=api.close)

    def guard(self, router: Router) -> None:
        """Stand before a router: whatever comes to it is asked about first, also what it has no handler for.

        So it belongs to the last router of a bot: those after it get nothing of somebody who has no access.
        """
        for observer in self._observers(router):
            observer.outer_middleware(self)

    def guard_handlers(self, router: Router) -> None:
        """Stand before the handlers of a router, and of those within it: what none of them wants goes on, unasked."""
        for observer in self._observers(router):
            observer.middleware(self)

    def _observers(self, router: Router) -> list[TelegramEventObserver]:
        if self._close is not None:
            router.shutdown.register(self._close)
        return [observer for kind, observer in router.observers.items() if kind not in _UNGUARDED]

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
            access = await self._ask(user.id)
        except Exception as error:  # noqa: BLE001  - whatever kept the answer from us, nobody passes; the log says why
            _log.warning("gate.nobody_can_say", reason=str(error), exc_info=not isinstance(error, ApiUnavailable))
            locale = words.locale_of(user, self._locales)
            await _answer(event, data, locale, words.unavailable(locale))
            return None
        if access.is_paid:
            return await handler(event, {**data, "access": access})
        locale = words.locale_of(user, self._locales, access.locale)
        text = words.closed(access.access_status, locale, private=_is_private(data))
        # The button always names the user's private chat, which has the user's own id: the activation link must never
        # come into a group, where anyone could press it.
        await _answer(event, data, locale, text, self._pay_link.keyboard(locale, user.id))
        return None


async def _answer(
    event: TelegramObject, data: dict[str, Any], locale: str, text: str, keyboard: InlineKeyboardMarkup | None = None
) -> None:
    """Say why nobody passes, where Telegram has a place for it; other kinds of update end in silence."""
    if isinstance(event, InlineQuery):
        button = InlineQueryResultsButton(text=words.inline_closed(locale), start_parameter=words.FROM_INLINE)
        await event.answer([], cache_time=0, is_personal=True, button=button)
    elif isinstance(event, CallbackQuery):
        if event.message is None or isinstance(event.message, InaccessibleMessage):
            await event.answer(text[:_ALERT_CHARACTERS], show_alert=True)
            return
        await event.answer()
        await event.message.answer(text, reply_markup=keyboard)
    elif isinstance(event, Message) and _is_new_message(data):
        await event.answer(text, reply_markup=keyboard)


def _is_private(data: dict[str, Any]) -> bool:
    chat = data.get("event_chat")
    return chat is None or chat.type == ChatType.PRIVATE


def _is_new_message(data: dict[str, Any]) -> bool:
    """Edits and messages to a business account are `Message`s too, but nobody waits for the bot's word there."""
    update: Update = data["event_update"]
    return update.message is not None
