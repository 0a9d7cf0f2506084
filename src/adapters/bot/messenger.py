"""Messages that we send by ourselves: the activation button once the payment is there, and what becomes of it later.

Aiogram takes its time to import. Only a process that really sends something pays for that, and in a thread, so that its
event loop goes on.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from paywall_core.ports.delivery import AccessMessage, AccessMessenger, NoticeMessage, NoticeMessenger

if TYPE_CHECKING:
    from adapters.bot.sender import Sender


class TelegramMessenger(AccessMessenger, NoticeMessenger):
    """Sends words of ours into a chat. Connects at the first message.

    Args:
        token: the bot's token.
        api_base: Telegram's address, where it is another than Telegram's own.
        pay_url: where to pay again, as the operator has it; None: our own page.
        public_base_url: where our pages are, without a slash at the end.
    """

    def __init__(self, *, token: str, api_base: str | None, pay_url: str | None, public_base_url: str) -> None:
        self._token = token
        self._api_base = api_base
        self._pay_url = pay_url
        self._public_base_url = public_base_url
        self._sender: Sender | None = None

    async def send_access(self, message: AccessMessage) -> None:
        """Send the activation button. A chat that never started the bot, or blocked it, is final.

        Raises:
            DeliveryFailed: Telegram did not take it.
        """
        sender = await self._connected()
        await sender.send_access(message)

    async def send_notice(self, message: NoticeMessage) -> None:
        """Say what became of the payment. A chat that never started the bot, or blocked it, is final.

        Raises:
            DeliveryFailed: Telegram did not take it.
        """
        sender = await self._connected()
        await sender.send_notice(message)

    async def close(self) -> None:
        """Close the connections."""
        if self._sender is not None:
            await self._sender.close()

    async def _connected(self) -> "Sender":
        if self._sender is None:
            make = await asyncio.to_thread(self._load)
            if self._sender is None:  # another message may have been first
                self._sender = make()
        return self._sender

    def _load(self) -> "Callable[[], Sender]":
        from adapters.bot.sender import Sender  # noqa: PLC0415  - see the module's docstring
        from adapters.bot.words import PayLink  # noqa: PLC0415  - as above

        link = PayLink(pay_url=self._pay_url, public_base_url=self._public_base_url)
        return lambda: Sender(token=self._token, api_base=self._api_base, pay_link=link)
