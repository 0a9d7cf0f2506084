"""The bot put together: our conversations and commands first, then the gate, behind it the operator's own handlers."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from aiogram import Dispatcher, Router
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.types import Message, TelegramObject, Update, User
from aiogram.types.update import UpdateTypeLookupError

from adapters.bot import words
from adapters.bot.api_client import Access, PaywallApi
from adapters.bot.commands import commands_router
from adapters.bot.conversations import Conversations
from adapters.bot.gate import AccessGate
from adapters.bot.restore import restore_router
from adapters.bot.storage import ConversationStorage, create_storage
from paywall_core.locales import Locales


def create_dispatcher(
    *,
    api: PaywallApi,
    locales: Locales,
    pay_url: str | None,
    public_base_url: str,
    paid_router: Router | None = None,
    storage: ConversationStorage | None = None,
) -> Dispatcher:
    """A dispatcher with our commands and the gate.

    Args:
        api: who knows who has paid.
        locales: the languages that the bot speaks; handlers get them as `locales`.
        pay_url: where the pay button leads; None: to our own page.
        public_base_url: where that page is.
        paid_router: the operator's handlers; None: a paying user is just told so.
        storage: where conversations are kept; None: in this process.
    """
    storage = storage or create_storage(None)
    pay_link = words.PayLink(pay_url=pay_url, public_base_url=public_base_url)
    dispatcher = Dispatcher(storage=storage.paid, locales=locales)
    dispatcher.update.outer_middleware(_pass_over_unknown)

    ours = Router(name="paywall")
    conversations = Conversations(storage=storage, locales=locales)
    ours.message.outer_middleware(conversations)
    ours.callback_query.outer_middleware(conversations)
    ours.include_router(commands_router(api=api, locales=locales, pay_link=pay_link))
    ours.include_router(restore_router(api=api, locales=locales, pay_link=pay_link))
    dispatcher.include_router(ours)

    behind = Router(name="paid")
    AccessGate(ask=api.access_status, pay_link=pay_link, locales=locales).guard(behind)
    behind.include_router(paid_router or _default_router())
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


async def _pass_over_unknown(
    handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject, data: dict[str, Any]
) -> Any:
    """Leave out an update of a kind that aiogram does not know: it would print it whole, with what people wrote."""
    if isinstance(event, Update):
        try:
            event.event_type  # noqa: B018  - it raises
        except UpdateTypeLookupError:
            return UNHANDLED
    return await handler(event, data)


def _default_router() -> Router:
    """What stands behind the gate until the operator puts something there."""
    router = Router(name="default")

    @router.message()
    async def welcome(message: Message, event_from_user: User, locales: Locales, access: Access) -> None:
        await message.answer(words.open_gate(words.locale_of(event_from_user, locales, access.locale)))

    return router
