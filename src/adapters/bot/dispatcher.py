"""The bot put together: commands first, then the gate, and behind it the operator's own handlers."""

from importlib import import_module

from aiogram import Dispatcher, F, Router
from aiogram.enums import ChatType
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import Message

from adapters.bot import words
from adapters.bot.api_client import ApiUnavailable, Granted, PaywallApi
from adapters.bot.gate import AccessGate


def create_dispatcher(
    *, api: PaywallApi, pay_url: str | None, public_base_url: str, paid_router: Router | None
) -> Dispatcher:
    """A dispatcher with our commands and the gate; `paid_router` None: a paying user is just told so."""
    pay_link = words.PayLink(pay_url=pay_url, public_base_url=public_base_url)
    gate = AccessGate(api=api, pay_link=pay_link)
    behind = Router(name="paid")
    for kind, observer in behind.observers.items():
        if kind != "error":  # errors come from handlers that the gate let through
            observer.outer_middleware(gate)
    behind.include_router(paid_router or _default_router())
    dispatcher = Dispatcher()
    dispatcher.include_router(_commands(api, pay_link))
    dispatcher.include_router(behind)
    return dispatcher


def load_router(path: str) -> Router:
    """The router that `package.module:name` names.

    Raises:
        ValueError: there is no such module or name, or it is no router.
    """
    module_name, _, name = path.partition(":")
    try:
        router = getattr(import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"it should be package.module:router, and importable ({type(error).__name__})") from error
    if not isinstance(router, Router):
        raise ValueError("it names something that is no aiogram Router")  # noqa: TRY004  - a setting's value is wrong
    return router


def _commands(api: PaywallApi, pay_link: words.PayLink) -> Router:
    router = Router(name="commands")
    router.message.filter(F.chat.type == ChatType.PRIVATE)

    async def tell_status(message: Message) -> None:
        user, locale = message.from_user, words.locale_of(message.from_user)
        try:
            access = await api.access_status(user.id if user else 0)
        except ApiUnavailable:
            await message.answer(words.unavailable(locale))
            return
        if access.is_paid:
            await message.answer(words.open_gate(locale))
        else:
            keyboard = pay_link.keyboard(locale, message.chat.id)  # a private chat: the filter above
            await message.answer(words.closed(access.access_status, locale), reply_markup=keyboard)

    router.message.register(tell_status, CommandStart(deep_link=True, magic=F.args == words.FROM_INLINE))

    @router.message(CommandStart(deep_link=True))
    async def start_with_token(message: Message, command: CommandObject) -> None:
        user, locale = message.from_user, words.locale_of(message.from_user)
        try:
            result = await api.activate(command.args or "", user.id if user else 0)
        except ApiUnavailable:
            await message.answer(words.unavailable(locale))
            return
        if isinstance(result, Granted):
            await message.answer(words.granted(result.access_expires_at, locale))
        else:
            keyboard = pay_link.keyboard(locale, message.chat.id)
            await message.answer(words.refused(result, locale), reply_markup=keyboard)

    router.message.register(tell_status, CommandStart())
    router.message.register(tell_status, Command("status"))

    @router.message(Command("help"))
    async def tell_help(message: Message) -> None:
        await message.answer(words.help_text(words.locale_of(message.from_user)))

    return router


def _default_router() -> Router:
    """What stands behind the gate until the operator puts something there."""
    router = Router(name="default")

    @router.message()
    async def welcome(message: Message) -> None:
        await message.answer(words.open_gate(words.locale_of(message.from_user)))

    return router
