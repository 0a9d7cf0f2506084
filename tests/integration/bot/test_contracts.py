"""The contracts of what brings words to customers, kept by our Telegram messenger before a Bot API on loopback."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from paywall_core.testing.contract import AccessMessengerContract, NoticeMessengerContract

from .api_stub import on_loopback
from .telegram_stub import TelegramStub
from .test_messenger import messenger_at


class TestTelegram(AccessMessengerContract, NoticeMessengerContract):
    """Both kinds of message that go into a chat."""

    to = "1002"
    locales = ("ru", "en")

    async def set_up(self) -> None:
        """Telegram on a port, and the adapter pointed at it."""
        self.telegram, self.stack = TelegramStub(), AsyncExitStack()
        made = messenger_at(await self.stack.enter_async_context(on_loopback(self.telegram.app())))
        self.stack.push_async_callback(made.close)
        self.messenger = self.notice_messenger = made

    async def tear_down(self) -> None:
        """Close both."""
        await self.stack.aclose()

    async def arrived(self) -> Sequence[str]:
        """What was taken for the chat, with its button."""
        if self.telegram.answer is not None:
            return []
        assert {form["chat_id"] for _, form in self.telegram.calls} <= {self.to}
        return [form["text"] + form["reply_markup"] for _, form in self.telegram.calls]

    async def refuse(self, *, permanent: bool) -> None:
        """The customer has blocked the bot, or Telegram is away."""
        blocked = (403, '{"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}')
        self.telegram.answer = blocked if permanent else (502, "{}")
