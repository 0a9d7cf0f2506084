"""What a person can do in the chat: write, press a button, start and block the bot. No I/O.

Each deed becomes the update that Telegram would send to the bot.
"""

from typing import Any

from entrypoints.sandbox.telegram.errors import ApiRefusal, PersonRefusal
from entrypoints.sandbox.telegram.links import clean_payload, local_link
from entrypoints.sandbox.telegram.objects import InlineButton, Message
from entrypoints.sandbox.telegram.texts import finish
from entrypoints.sandbox.telegram.world import Person, World


class Deeds:
    """A person's moves, over one `World`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def say(self, person: Person, text: str, *, shown_as: str | None = None) -> Message:
        """Write to the bot; the first message opens the chat.

        Raises:
            PersonRefusal: the bot is blocked, or the text is empty or too long.
        """
        if person.has_blocked:
            raise PersonRefusal("The bot is blocked: unblock it first.")
        try:
            text, entities = finish(text.replace("\r", ""))
        except ApiRefusal as refusal:
            raise PersonRefusal(refusal.description, status=400) from None
        message = Message(
            message_id=self._world.new_message_id(),
            sender=person.as_user(),
            chat=person.as_chat(),
            date=self._world.now(),
            text=text,
            entities=entities,
        )
        person.has_started = True
        if shown_as is not None:
            person.shown_as[message.message_id] = shown_as
        keyboard = person.reply_keyboard
        if keyboard is not None and keyboard.one_time and any(text in row for row in keyboard.rows):
            person.reply_keyboard = None
        self._world.put(person, message)
        self._world.queue.add("message", message)
        return message

    def start(self, person: Person, payload: str = "") -> Message:
        """Press START, unblocking the bot where needed. The payload goes along unseen, as in Telegram's app."""
        if person.has_blocked:
            self.unblock(person)
        payload = clean_payload(payload)
        return self.say(person, f"/start {payload}".strip(), shown_as="/start")

    def press(self, person: Person, message_id: int, row: int, column: int) -> str | None:
        """Press an inline button. A link gives its address (to open), a callback nothing.

        Raises:
            PersonRefusal: there is no such button, or the bot is blocked.
        """
        message = person.message(message_id)
        keyboard = message.reply_markup if message is not None else None
        if message is None or keyboard is None:
            raise PersonRefusal("This message has no buttons any more.")
        try:
            button = keyboard.inline_keyboard[row][column] if min(row, column) >= 0 else None
        except IndexError:
            button = None
        if button is None:
            raise PersonRefusal("This button is gone.")
        return self._press(person, message, button)

    def press_text(self, person: Person, text: str) -> str | None:
        """Press the newest button with this text, under a message or on the reply keyboard; see `press`."""
        if person.reply_keyboard is not None and any(text in row for row in person.reply_keyboard.rows):
            self.say(person, text)
            return None
        for message in reversed(person.messages):
            for row in message.reply_markup.inline_keyboard if message.reply_markup else ():
                for button in row:
                    if button.text == text:
                        return self._press(person, message, button)
        raise PersonRefusal(f"There is no button {text!r}.", status=404)

    def _press(self, person: Person, message: Message, button: InlineButton) -> str | None:
        if button.url is not None:
            return local_link(button.url, self._world.bot.username or "", person.id)
        if person.has_blocked:
            raise PersonRefusal("The bot is blocked: unblock it first.")
        self._world.queue.add(
            "callback_query",
            {
                "id": self._world.new_query(person),
                "from": person.as_user(),
                "message": message,
                "chat_instance": str(person.id * 1_000_003),
                "data": button.callback_data,
            },
        )
        return None

    def block(self, person: Person) -> None:
        """Stop the bot; it learns it by `my_chat_member`."""
        if not person.has_blocked:
            person.has_blocked = True
            self._membership(person, before="member", after="kicked")

    def unblock(self, person: Person) -> None:
        """Let the bot write again."""
        if person.has_blocked:
            person.has_blocked = False
            self._membership(person, before="kicked", after="member")

    def choose_language(self, person: Person, language_code: str) -> None:
        """Change the app's language; the bot sees it from the next message on."""
        person.language_code = language_code
        self._world.signal.notify()

    def _membership(self, person: Person, *, before: str, after: str) -> None:
        def member(status: str) -> dict[str, Any]:
            known: dict[str, Any] = {"user": self._world.bot, "status": status}
            return known | {"until_date": 0} if status == "kicked" else known

        self._world.queue.add(
            "my_chat_member",
            {
                "chat": person.as_chat(),
                "from": person.as_user(),
                "date": self._world.now(),
                "old_chat_member": member(before),
                "new_chat_member": member(after),
            },
        )
        self._world.signal.notify()
