"""`/restore`: asks for the address, then for the code that was mailed to it, and lets the person in.

    /restore ──► address ──► code ──► in
                    ▲          │ nothing paid behind the address; another address
                    └──────────┘

/cancel and the button leave it at any point. Where the API does not answer, the conversation stays where it is: the
person answers again. Neither the address nor the code is ever logged, and a message with a code is deleted.
"""

import time
from contextlib import suppress

import msgspec
import structlog
from aiogram import Bot, F, Router
from aiogram.exceptions import AiogramError, TelegramBadRequest
from aiogram.filters import Command, StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message, User
from msgspec import Struct, structs

from adapters.bot import restore_words as says
from adapters.bot import words
from adapters.bot.allowance import take_one
from adapters.bot.api_client import ApiUnavailable, PaywallApi, RestoreRefusal, TooSoon
from paywall_core.locales import Locales
from paywall_core.restore_challenge import MAX_TRIES

_log = structlog.stdlib.get_logger("paywall.bot")


class Restoring(StatesGroup):
    """How far the conversation is: what the next message is taken for."""

    address = State()
    code = State()


class _Talk(Struct, frozen=True, kw_only=True):
    """What has been said.

    Attributes:
        locale: the language of this conversation.
        email: the address, once it was given.
        wrong: wrong answers to the newest code.
        unsure: a code was given, and the API did not say what it made of it.
    """

    locale: str
    email: str = ""
    wrong: int = 0
    unsure: bool = False


def restore_router(*, api: PaywallApi, locales: Locales, pay_link: words.PayLink) -> Router:
    """The conversation's handlers; they want `Conversations` before them."""
    restore = _Restore(api, locales, pay_link)
    router = Router(name="restore")
    said = F.text & ~F.text.startswith("/")  # a command is the business of whoever knows it
    router.message.register(restore.begin, Command("restore"))
    router.message.register(restore.cancel, Command("cancel"), StateFilter(Restoring))
    router.message.register(restore.take_address, StateFilter(Restoring.address), said)
    router.message.register(restore.take_code, StateFilter(Restoring.code), said)
    router.message.register(restore.ask_again, StateFilter(Restoring), ~F.text)
    router.callback_query.register(restore.press_again, F.data == says.AGAIN, StateFilter(Restoring.code))
    router.callback_query.register(restore.press_cancel, F.data == says.CANCEL, StateFilter(Restoring))
    router.callback_query.register(restore.press_too_late, F.data.in_({says.AGAIN, says.CANCEL}))
    return router


class _Restore:
    def __init__(self, api: PaywallApi, locales: Locales, pay_link: words.PayLink) -> None:
        self._api = api
        self._locales = locales
        self._pay_link = pay_link

    async def begin(self, message: Message, state: FSMContext, event_from_user: User) -> None:
        """From the start, whatever was before."""
        locale = words.locale_of(event_from_user, self._locales)
        with suppress(ApiUnavailable):
            access = await self._api.access_status(event_from_user.id)
            locale = words.locale_of(event_from_user, self._locales, access.locale)
        await _remember(state, _Talk(locale=locale), Restoring.address)
        await message.answer(says.ask_address(locale), reply_markup=says.cancel_keyboard(locale))

    async def cancel(self, message: Message, state: FSMContext) -> None:
        """Out, by the command."""
        talk = await self._talk(state, message.from_user)
        await state.clear()
        await message.answer(says.cancelled(talk.locale))

    async def take_address(self, message: Message, state: FSMContext, bot: Bot) -> None:
        """An address: have a code sent to it."""
        talk = await self._talk(state, message.from_user)
        address = (message.text or "").strip()
        await self._send_code(bot, message.chat.id, state, structs.replace(talk, email=address))

    async def take_code(self, message: Message, state: FSMContext, bot: Bot, event_from_user: User) -> None:
        """A code; or another address, when the first one was mistyped."""
        text = message.text or ""
        if "@" in text:
            await self.take_address(message, state, bot)
            return
        talk = await self._talk(state, event_from_user)
        code = says.code_in(text)
        if code is None:
            await message.answer(says.no_code(talk.locale), reply_markup=says.code_keyboard(talk.locale))
            return
        try:
            answer, keyboard = await self._try_code(event_from_user, state, talk, code)
        except ApiUnavailable as error:
            _log.warning("bot.api_unavailable", reason=str(error))
            await _remember(state, structs.replace(talk, unsure=True), Restoring.code)
            answer, keyboard = words.unavailable(talk.locale), says.code_keyboard(talk.locale)
        await _delete(message)
        await message.answer(answer, reply_markup=keyboard)

    async def ask_again(self, message: Message, state: FSMContext, raw_state: str) -> None:
        """A picture, a voice message: no answer to the question."""
        locale = (await self._talk(state, message.from_user)).locale
        if raw_state == Restoring.address.state:
            await message.answer(says.ask_address(locale), reply_markup=says.cancel_keyboard(locale))
        else:
            await message.answer(says.no_code(locale), reply_markup=says.code_keyboard(locale))

    async def press_again(self, query: CallbackQuery, state: FSMContext, bot: Bot) -> None:
        """A new code."""
        await _acknowledge(query)
        await self._send_code(bot, query.from_user.id, state, await self._talk(state, query.from_user))

    async def press_cancel(self, query: CallbackQuery, state: FSMContext, bot: Bot) -> None:
        """Out, by the button."""
        await _acknowledge(query)
        talk = await self._talk(state, query.from_user)
        await state.clear()
        await bot.send_message(query.from_user.id, says.cancelled(talk.locale))

    async def press_too_late(self, query: CallbackQuery) -> None:
        """A button under an old message."""
        await _acknowledge(query, says.over(words.locale_of(query.from_user, self._locales)))

    async def _talk(self, state: FSMContext, user: User | None) -> _Talk:
        """What has been said; where it is forgotten already, at least the language."""
        data = await state.get_data()
        if not data:
            return _Talk(locale=words.locale_of(user, self._locales) if user else self._locales.default)
        return msgspec.convert(data, _Talk)

    async def _send_code(self, bot: Bot, chat_id: int, state: FSMContext, talk: _Talk) -> None:
        locale = talk.locale
        try:
            result = await self._ask_for_code(state, talk.email)
        except ApiUnavailable as error:
            _log.warning("bot.api_unavailable", reason=str(error))
            await bot.send_message(chat_id, words.unavailable(locale))
            return
        if result is RestoreRefusal.ADDRESS:
            await _remember(state, _Talk(locale=locale), Restoring.address)
            await bot.send_message(chat_id, says.address_wrong(locale), reply_markup=says.cancel_keyboard(locale))
            return
        if isinstance(result, TooSoon):
            text = says.too_soon(result.retry_after_seconds, locale)
        else:
            talk, text = _Talk(locale=locale, email=talk.email), says.code_sent(locale)
        await _remember(state, talk, Restoring.code)
        await bot.send_message(chat_id, text, reply_markup=says.code_keyboard(locale))

    async def _ask_for_code(self, state: FSMContext, email: str) -> RestoreRefusal | TooSoon | None:
        wait_seconds = await take_one(state, time.time())
        if wait_seconds:
            return TooSoon(retry_after_seconds=wait_seconds)
        return await self._api.request_restore(email)

    async def _try_code(
        self, user: User, state: FSMContext, talk: _Talk, code: str
    ) -> tuple[str, InlineKeyboardMarkup | None]:
        """What to say, and the buttons under it.

        Raises:
            ApiUnavailable: nobody can say whether the code was taken.
        """
        locale = talk.locale
        result = await self._api.confirm_restore(talk.email, code, user.id)
        if result is RestoreRefusal.NOTHING:
            await _remember(state, _Talk(locale=locale), Restoring.address)
            pay = self._pay_link.button(locale, user.id)
            return says.nothing_to_restore(locale), says.cancel_keyboard(locale, pay)
        if result is RestoreRefusal.ADDRESS:
            await _remember(state, _Talk(locale=locale), Restoring.address)
            return says.ask_address(locale), says.cancel_keyboard(locale)
        if result is RestoreRefusal.CODE:
            # The answer to an earlier try may have been lost on its way, and the code have been taken all the same.
            if talk.unsure and (await self._api.access_status(user.id)).is_paid:
                await state.clear()
                return says.restored(locale), None
            talk = structs.replace(talk, wrong=talk.wrong + 1, unsure=False)
            await _remember(state, talk, Restoring.code)
            text = says.too_many_tries(locale) if talk.wrong >= MAX_TRIES else says.code_wrong(locale)
            return text, says.code_keyboard(locale)
        await state.clear()
        return says.restored(words.locale_of(user, self._locales, result.locale or locale)), None


async def _remember(state: FSMContext, talk: _Talk, step: State) -> None:
    await state.set_data(msgspec.to_builtins(talk))
    await state.set_state(step)


async def _delete(message: Message) -> None:
    """Take the code out of the chat, where Telegram lets us."""
    try:
        await message.delete()
    except AiogramError as error:
        _log.info("bot.code_not_deleted", reason=type(error).__name__)


async def _acknowledge(query: CallbackQuery, text: str | None = None) -> None:
    """Stop the button's clock; Telegram no longer minds a press that is too old."""
    with suppress(TelegramBadRequest):
        await query.answer(text)
