"""Messages that we send by ourselves: the activation button, once the payment is there.

Aiogram takes seconds to import. Only a process that really sends something pays for that, and in a thread, so that its
event loop goes on.
"""

import asyncio
from typing import TYPE_CHECKING

from paywall_core.ports.delivery import AccessMessage, AccessMessenger

if TYPE_CHECKING:
    from adapters.bot.sender import Sender


class TelegramAccessMessenger(AccessMessenger):
    """Sends the activation button into a chat. Connects at the first message.

    Args:
        token: the bot's token.
        api_base: Telegram's address, where it is another than Telegram's own.
    """

    def __init__(self, *, token: str, api_base: str | None) -> None:
        self._token = token
        self._api_base = api_base
        self._sender: Sender | None = None

    async def send_access(self, message: AccessMessage) -> None:
        """Send it. A chat that never started the bot, or blocked it, is final.

        Raises:
            DeliveryFailed: Telegram did not take it.
        """
        if self._sender is None:
            made_by = await asyncio.to_thread(_load)
            if self._sender is None:  # another message may have been first
                self._sender = made_by(token=self._token, api_base=self._api_base)
        await self._sender.send_access(message)

    async def close(self) -> None:
        """Close the connections."""
        if self._sender is not None:
            await self._sender.close()


def _load() -> "type[Sender]":
    from adapters.bot.sender import Sender  # noqa: PLC0415  - see the module's docstring

    return Sender
