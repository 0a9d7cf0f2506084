"""How a message of ours is sent through aiogram, and what a refusal means for another try."""

from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from adapters.bot.telegram import create_bot
from adapters.i18n import translator
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage


class Sender:
    """Sends through one bot. Needs a running event loop; connects at the first message."""

    def __init__(self, *, token: str, api_base: str | None) -> None:
        self._bot = create_bot(token, api_base)

    async def send_access(self, message: AccessMessage) -> None:
        """Send the activation button.

        Raises:
            DeliveryFailed: Telegram did not take it; its reason holds neither the link nor the bot's token.
        """
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
        await self._bot.session.close()
