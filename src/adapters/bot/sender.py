"""How a message of ours is sent through aiogram, and what a refusal means for another try."""

from typing import Any

from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from adapters.bot.notice_words import notice
from adapters.bot.telegram import create_bot
from adapters.bot.words import PayLink
from adapters.i18n import translator
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage, NoticeMessage


class Sender:
    """Sends through one bot. Needs a running event loop; connects at the first message.

    Args:
        token: the bot's token.
        api_base: Telegram's address, where it is another than Telegram's own.
        pay_link: where a customer pays again.
    """

    def __init__(self, *, token: str, api_base: str | None, pay_link: PayLink) -> None:
        self._bot = create_bot(token, api_base)
        self._pay_link = pay_link

    async def send_access(self, message: AccessMessage) -> None:
        """Send the activation button.

        Raises:
            DeliveryFailed: Telegram did not take it.
        """
        t = translator(message.locale)
        button = InlineKeyboardButton(text=t("Activate access"), url=message.activation_link)
        await self._send(
            message.to,
            text=t("Your payment is here. Press the button to activate access."),
            reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]),
        )

    async def send_notice(self, message: NoticeMessage) -> None:
        """Say what became of the payment.

        Raises:
            DeliveryFailed: Telegram did not take it.
        """
        await self._send(message.to, **notice(message, self._pay_link))

    async def _send(self, chat: str, **words: Any) -> None:
        """Send a message.

        Raises:
            DeliveryFailed: Telegram did not take it; its reason holds neither a link nor the bot's token.
        """
        try:
            await self._bot.send_message(int(chat), **words)
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
