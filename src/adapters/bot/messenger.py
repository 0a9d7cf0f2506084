"""Messages that we send by ourselves: the activation button, once the payment is there."""

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from adapters.i18n import translator
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage, AccessMessenger


class TelegramAccessMessenger(AccessMessenger):
    """Sends the activation button into a chat."""

    def __init__(self, *, token: str, api_base: str | None) -> None:
        self._token = token
        self._api_base = api_base
        self._bot: Bot | None = None

    async def send_access(self, message: AccessMessage) -> None:
        """Send it. A chat that never started the bot, or blocked it, is final."""
        if self._bot is None:
            self._bot = create_bot(self._token, self._api_base)
        t = translator(message.locale)
        button = InlineKeyboardButton(text=t("Activate access"), url=message.activation_link)
        try:
            await self._bot.send_message(
                int(message.to),
                t("Your payment is here. Press the button to activate access."),
                reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]),
            )
        except TelegramRetryAfter as error:
            raise DeliveryFailed("Telegram asks us to wait", retry_after_seconds=error.retry_after) from None
        except TelegramUnauthorizedError:
            raise DeliveryFailed("Telegram does not know our bot token") from None
        except (TelegramForbiddenError, TelegramBadRequest) as error:
            reason = f"Telegram refused the message: {type(error).__name__}"
            raise DeliveryFailed(reason, permanent=True) from None
        except AiogramError as error:  # also what is no JSON at all: a proxy's own error page
            raise DeliveryFailed(f"Telegram did not answer: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._bot is not None:
            await self._bot.session.close()


def create_bot(token: str, api_base: str | None) -> Bot:
    """A bot on Telegram's servers, or on another address. Needs a running event loop; connects at the first call."""
    if api_base is None:
        return Bot(token)
    return Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(api_base)))
