"""The commands: `/start`, `/start <token>`, `/status`, `/help`. In private chats only."""

import structlog
from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.types import Message, User

from adapters.bot import words
from adapters.bot.api_client import ApiUnavailable, Granted, PaywallApi
from paywall_core.locales import Locales

_log = structlog.stdlib.get_logger("paywall.bot")


def commands_router(*, api: PaywallApi, locales: Locales, pay_link: words.PayLink) -> Router:
    """The commands' handlers; they want `Conversations` before them.

    In the middle of a conversation `/start` begins anew, unless its link was no good; `/status` and `/help` are asked
    aside.
    """
    commands = _Commands(api, locales, pay_link)
    router = Router(name="commands")
    router.message.register(commands.start, CommandStart(deep_link=True, magic=F.args == words.FROM_INLINE))
    router.message.register(commands.start_with_token, CommandStart(deep_link=True))
    router.message.register(commands.start, CommandStart())
    router.message.register(commands.tell_status, Command("status"))
    router.message.register(commands.tell_help, Command("help"))
    return router


class _Commands:
    def __init__(self, api: PaywallApi, locales: Locales, pay_link: words.PayLink) -> None:
        self._api = api
        self._locales = locales
        self._pay_link = pay_link

    async def start(
        self, message: Message, state: FSMContext, event_from_user: User, raw_state: str | None = None
    ) -> None:
        """Where the user stands, and the end of a conversation that was under way."""
        if raw_state is not None:
            await state.clear()
        await self.tell_status(message, event_from_user)

    async def start_with_token(
        self,
        message: Message,
        command: CommandObject,
        state: FSMContext,
        event_from_user: User,
        raw_state: str | None = None,
    ) -> None:
        """An activation link was pressed."""
        user = event_from_user
        locale = words.locale_of(user, self._locales)
        try:
            result = await self._api.activate(command.args or "", user.id)
        except ApiUnavailable as error:
            _log.warning("bot.api_unavailable", reason=str(error))
            await message.answer(words.unavailable(locale))
            return
        if not isinstance(result, Granted):
            keyboard = self._pay_link.keyboard(locale, message.chat.id)
            await message.answer(words.refused(result, locale), reply_markup=keyboard)
            return
        if raw_state is not None:
            await state.clear()
        locale = words.locale_of(user, self._locales, result.locale)
        await message.answer(words.granted(result.access_expires_at, locale))

    async def tell_status(self, message: Message, event_from_user: User) -> None:
        """Has the user access?"""
        try:
            access = await self._api.access_status(event_from_user.id)
        except ApiUnavailable as error:
            _log.warning("bot.api_unavailable", reason=str(error))
            await message.answer(words.unavailable(words.locale_of(event_from_user, self._locales)))
            return
        locale = words.locale_of(event_from_user, self._locales, access.locale)
        if access.is_paid:
            await message.answer(words.open_gate(locale))
        else:
            keyboard = self._pay_link.keyboard(locale, message.chat.id)
            await message.answer(words.closed(access.access_status, locale), reply_markup=keyboard)

    async def tell_help(self, message: Message, event_from_user: User) -> None:
        """What the bot understands, whether or not the API answers."""
        try:
            known = (await self._api.access_status(event_from_user.id)).locale
        except ApiUnavailable as error:
            _log.warning("bot.api_unavailable", reason=str(error))
            known = None
        await message.answer(words.help_text(words.locale_of(event_from_user, self._locales, known)))
