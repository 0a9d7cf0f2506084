"""The sandbox's Telegram as one object: made without I/O, mounted by its `router`, alive inside `running()`.

    telegram = TelegramSandbox(bot_token="123456:TEST", bot_username="some_bot", troubles=troubles, clock=clock)
    Litestar([telegram.router]);  async with telegram.running(): ...

A bot library is pointed at `<origin>/telegram` instead of `https://api.telegram.org`. Enter `running()` inside the
server's own block: leaving it ends the open long poll, for which the server would otherwise wait.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Router

from entrypoints.sandbox.telegram.api import BotApi, bot_api_handler
from entrypoints.sandbox.telegram.links import local_link
from entrypoints.sandbox.telegram.methods import Methods
from entrypoints.sandbox.telegram.objects import Message, User
from entrypoints.sandbox.telegram.pages import page_router
from entrypoints.sandbox.telegram.people import Deeds
from entrypoints.sandbox.telegram.updates import UpdateQueue
from entrypoints.sandbox.telegram.webhook import WebhookSender, retry_delay_seconds
from entrypoints.sandbox.telegram.world import Person, World, wait_until
from entrypoints.sandbox.troubles import Troubles
from paywall_core.ports.clock import Clock

_SNAPSHOT_MESSAGES: Final = 5


class TelegramSandbox:
    """One bot, some people, and everything between them.

    Args:
        bot_token: `<digits>:<rest>`; the digits are the bot's id.
        bot_username: without `@`.
        troubles: the shared switches; `telegram_down` is read at every act.
        clock: dates of messages.
        delay_seconds: the pause after the n-th failure of a webhook.

    Raises:
        ValueError: the token does not begin with the bot's id.
    """

    def __init__(
        self,
        *,
        bot_token: str,
        bot_username: str,
        troubles: Troubles,
        clock: Clock,
        bot_name: str = "Paywall",
        delay_seconds: Callable[[int], float] = retry_delay_seconds,
    ) -> None:
        bot_id, colon, _ = bot_token.partition(":")
        if not colon or not bot_id.isdecimal():
            raise ValueError("a bot token is <digits>:<secret>")
        bot = User(id=int(bot_id), is_bot=True, first_name=bot_name, username=bot_username)
        self._queue = UpdateQueue(troubles)
        self._world = World(bot=bot, queue=self._queue, clock=clock)
        self._deeds = Deeds(self._world)
        self._sender = WebhookSender(
            queue=self._queue,
            troubles=troubles,
            clock=clock,
            delay_seconds=delay_seconds,
        )
        self._methods = Methods(self._world, self._sender)
        api = BotApi(token=bot_token, queue=self._queue, sender=self._sender, methods=self._methods, troubles=troubles)
        self.add_user("Анна", username="anna", language_code="ru")
        self.add_user("Bob", username="bob", language_code="en")
        pages = page_router(self._world, self._deeds, troubles)
        self.router = Router("/", route_handlers=[bot_api_handler(api), pages])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Webhooks are sent while the block runs; on leaving, an open long poll ends at once."""
        self._queue.is_closed = False
        sending = asyncio.create_task(self._sender.run(self._methods.call))
        try:
            yield
        finally:
            self._queue.close()
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    def user(self, user_id: int) -> Person:
        """A person, as they are now.

        Raises:
            PersonRefusal: 404, unknown.
        """
        return self._world.person(user_id)

    def users(self) -> tuple[Person, ...]:
        """Everyone, in the order of their coming."""
        return tuple(self._world.people.values())

    def add_user(
        self, first_name: str, *, username: str | None = None, language_code: str = "ru", user_id: int | None = None
    ) -> Person:
        """A new person, who has not written to the bot yet.

        Raises:
            PersonRefusal: a bad name or a taken id.
        """
        return self._world.add_person(
            first_name=first_name, username=username, language_code=language_code, person_id=user_id
        )

    async def say(self, user_id: int, text: str) -> Message:
        """Write to the bot as a person; see `Deeds.say`."""
        return self._deeds.say(self.user(user_id), text)

    async def start(self, user_id: int, payload: str = "") -> Message:
        """Press START; see `Deeds.start`."""
        return self._deeds.start(self.user(user_id), payload)

    async def press(self, user_id: int, button_text: str) -> str | None:
        """Press the newest button with this text; a link button gives its address; see `Deeds.press_text`."""
        return self._deeds.press_text(self.user(user_id), button_text)

    async def block(self, user_id: int) -> None:
        """Block the bot as a person."""
        self._deeds.block(self.user(user_id))

    async def unblock(self, user_id: int) -> None:
        """Unblock the bot as a person."""
        self._deeds.unblock(self.user(user_id))

    def messages(self, user_id: int) -> tuple[Message, ...]:
        """A chat, oldest first."""
        return tuple(self.user(user_id).messages)

    async def wait_for_message(
        self, user_id: int, *, containing: str = "", after_message_id: int = 0, timeout_seconds: float = 5.0
    ) -> Message:
        """The bot's newest message with these words, as soon as there is one; an edit counts.

        Raises:
            TimeoutError: there was none in time; it lists what the bot did say.
        """
        person = self.user(user_id)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            said = [
                message for message in person.messages if message.from_bot and message.message_id > after_message_id
            ]
            for message in reversed(said):
                if containing in message.text:
                    return message
            if not await wait_until(self._world, deadline):
                raise TimeoutError(f"no message with {containing!r}; the bot said {[one.text for one in said]}")

    def local_link(self, url: str, user_id: int | None = None) -> str:
        """A link to the bot on t.me as the path of the sandbox's own page; any other address as it is."""
        return local_link(url, self._world.bot.username or "", user_id)

    def snapshot(self) -> dict[str, Any]:
        """The whole state for a console, JSON-able; the webhook's path is left out, since it may be a secret."""
        webhook = self._sender.webhook
        parts = urlsplit(webhook.url)
        return {
            "bot": {"id": self._world.bot.id, "username": self._world.bot.username},
            "users": [_person(person) for person in self.users()],
            "webhook": {
                "is_set": bool(webhook.url),
                "origin": f"{parts.scheme}://{parts.netloc}" if webhook.url else None,
                "last_error": webhook.last_error_message,
            },
            "is_polled": self._queue.is_polled,
            "pending_updates": len(self._queue.pending),
        }


def _person(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "first_name": person.first_name,
        "username": person.username,
        "language_code": person.language_code,
        "has_started": person.has_started,
        "has_blocked": person.has_blocked,
        "chat": f"/telegram/chat/{person.id}",
        "last_messages": [
            {
                "id": message.message_id,
                "date": message.date,
                "from_bot": message.from_bot,
                "text": person.shown_as.get(message.message_id, message.text),
                "buttons": [
                    button.text
                    for row in (message.reply_markup.inline_keyboard if message.reply_markup else ())
                    for button in row
                ],
            }
            for message in person.messages[-_SNAPSHOT_MESSAGES:]
        ],
    }
