"""The state of the sandbox's Telegram: people, their chats, callback queries, commands. No I/O.

One world holds one bot. Every change is announced through `signal`.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct, structs

from entrypoints.sandbox.telegram.errors import ApiRefusal, PersonRefusal, bad_request
from entrypoints.sandbox.telegram.objects import Chat, Command, Message, ReplyKeyboard, User
from entrypoints.sandbox.telegram.updates import UpdateQueue
from paywall_core.ports.clock import Clock

_TYPING_SECONDS: Final = 5
MAX_NAME_CHARACTERS: Final = 64


class Notice(Struct, frozen=True, kw_only=True):
    """What answerCallbackQuery shows; `at` in Unix seconds."""

    id: int
    text: str
    alert: bool
    url: str | None
    at: int


@dataclass(slots=True, kw_only=True)
class Person:
    """A Telegram user and the private chat with the bot. `has_started`: wrote to the bot at least once.

    `bot_acts` counts what the bot did here that a person sees; `shown_as` is what the app shows in place of a text.
    """

    id: int
    first_name: str
    username: str | None
    language_code: str
    has_started: bool = False
    has_blocked: bool = False
    messages: list[Message] = field(default_factory=list)
    shown_as: dict[int, str] = field(default_factory=dict)
    reply_keyboard: ReplyKeyboard | None = None
    notice: Notice | None = None
    typing_until: int = 0
    bot_acts: int = 0

    def as_user(self) -> User:
        """The person as the bot sees them."""
        return User(
            id=self.id,
            is_bot=False,
            first_name=self.first_name,
            username=self.username,
            language_code=self.language_code,
        )

    def as_chat(self) -> Chat:
        """The private chat."""
        return Chat(id=self.id, type="private", first_name=self.first_name, username=self.username)

    def message(self, message_id: int) -> Message | None:
        """A message by its id, unless it was deleted."""
        return next((message for message in self.messages if message.message_id == message_id), None)


class World:
    """Everything that Telegram knows."""

    def __init__(self, *, bot: User, queue: UpdateQueue, clock: Clock) -> None:
        self.bot = bot
        self.queue = queue
        self.signal = queue.signal
        self.people: dict[int, Person] = {}
        self.queries: dict[str, int] = {}
        self.commands: dict[tuple[str, str], tuple[Command, ...]] = {}
        self.menu_buttons: dict[int | None, dict[str, Any]] = {}
        self._clock = clock
        self._last_message_id = 0
        self._last_query_id = 7_000_000_000_000_000
        self._last_notice_id = 0

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock.now().timestamp())

    def _acted(self, person: Person) -> None:
        person.bot_acts += 1
        self.signal.notify()

    def person(self, person_id: int) -> Person:
        """A person by id.

        Raises:
            PersonRefusal: 404, nobody has this id.
        """
        if person_id not in self.people:
            raise PersonRefusal(f"There is no user {person_id}.", status=404)
        return self.people[person_id]

    def add_person(
        self, *, first_name: str, username: str | None, language_code: str, person_id: int | None = None
    ) -> Person:
        """A new person; ids go up from 1001.

        Raises:
            PersonRefusal: no name, a name over 64 characters, or the id is taken.
        """
        first_name = first_name.strip()
        if not 0 < len(first_name) <= MAX_NAME_CHARACTERS:
            raise PersonRefusal("A name has 1 to 64 characters.", status=400)
        if person_id is None:
            person_id = max(self.people, default=1000) + 1
        if person_id in self.people or person_id <= 0:
            raise PersonRefusal(f"The id {person_id} is taken or not positive.", status=400)
        person = Person(id=person_id, first_name=first_name, username=username or None, language_code=language_code)
        self.people[person_id] = person
        self.signal.notify()
        return person

    def chat(self, chat_id: int | str) -> Person:
        """The chat that the bot names.

        Raises:
            ApiRefusal: 400, empty or unknown.
        """
        if chat_id == "":
            raise bad_request("chat_id is empty")
        try:
            return self.people[int(chat_id)]
        except (KeyError, ValueError):
            raise bad_request("chat not found") from None

    def writable_chat(self, chat_id: int | str) -> Person:
        """The chat, when the bot may write into it.

        Raises:
            ApiRefusal: 400 as for `chat`; 403 when the person never started the bot, or blocked it.
        """
        person = self.chat(chat_id)
        if person.has_blocked:
            raise ApiRefusal(403, "Forbidden: bot was blocked by the user")
        if not person.has_started:
            raise ApiRefusal(403, "Forbidden: bot can't initiate conversation with a user")
        return person

    def new_message_id(self) -> int:
        """The next message's id; they go up."""
        self._last_message_id += 1
        return self._last_message_id

    def put(self, person: Person, message: Message) -> None:
        """Append a message to a chat."""
        person.messages.append(message)
        if message.from_bot:
            person.typing_until = 0
            person.bot_acts += 1
        self.signal.notify()

    def delete(self, person: Person, message: Message) -> None:
        """Take a message out of a chat."""
        person.messages.remove(message)
        self._acted(person)

    def new_query(self, person: Person) -> str:
        """A callback query that waits for its answer."""
        self._last_query_id += 1
        query_id = str(self._last_query_id)
        self.queries[query_id] = person.id
        return query_id

    def answer_query(self, query_id: str, *, text: str, alert: bool, url: str | None) -> None:
        """Answer a callback query, once.

        Raises:
            ApiRefusal: 400, no such query waits.
        """
        if query_id not in self.queries:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        person = self.people[self.queries.pop(query_id)]
        self._last_notice_id += 1
        person.notice = Notice(id=self._last_notice_id, text=text, alert=alert, url=url, at=self.now())
        self._acted(person)

    def show_typing(self, person: Person) -> None:
        """The bot is doing something, for five seconds or until its next message."""
        person.typing_until = self.now() + _TYPING_SECONDS
        self.signal.notify()

    def menu(self, person: Person) -> tuple[Command, ...]:
        """The commands that a person is offered: the most special scope first, then the language's, then any."""
        for scope in (f"chat:{person.id}", "all_private_chats", "default"):
            for language in (person.language_code, ""):
                commands = self.commands.get((scope, language))
                if commands:
                    return commands
        return ()

    def rewrite(self, person: Person, message: Message, **changes: Any) -> Message:
        """An edited copy of a message, put in its place."""
        edited = structs.replace(message, edit_date=self.now(), **changes)
        person.messages[person.messages.index(message)] = edited
        self._acted(person)
        return edited


async def wait_until(world: World, deadline: float) -> bool:
    """Wait for a change, at most until the loop's clock shows `deadline`; whether there was time left."""
    remaining = deadline - asyncio.get_running_loop().time()
    if remaining <= 0:
        return False
    await world.signal.wait(remaining)
    return True
