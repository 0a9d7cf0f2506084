"""Telegram's objects, as its Bot API writes them (https://core.telegram.org/bots/api#available-types). Pure data.

Encoding a struct gives Telegram's JSON: a field that is `None` is left out. Dates are Unix seconds, offsets and
lengths of entities count UTF-16 code units.
"""

from typing import Any, Literal

from msgspec import Struct, field


class User(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person or a bot."""

    id: int
    is_bot: bool
    first_name: str
    username: str | None = None
    language_code: str | None = None


class Chat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A private chat; its id is the person's."""

    id: int
    type: str
    first_name: str | None = None
    username: str | None = None


class Entity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of formatted text."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None
    user: dict[str, Any] | None = None
    custom_emoji_id: str | None = None

    @property
    def end(self) -> int:
        """Where it ends, in UTF-16 code units, exclusive."""
        return self.offset + self.length


class InlineButton(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A button under a message: a link, or a callback."""

    text: str
    url: str | None = None
    callback_data: str | None = None


class InlineKeyboard(Struct, frozen=True, kw_only=True):
    """The rows of buttons under a message."""

    inline_keyboard: tuple[tuple[InlineButton, ...], ...]


class ReplyKeyboard(Struct, frozen=True, kw_only=True):
    """The keyboard below the input; a press sends the button's text."""

    rows: tuple[tuple[str, ...], ...]
    one_time: bool = False
    placeholder: str = ""


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text message in a private chat."""

    message_id: int
    sender: User = field(name="from")
    chat: Chat
    date: int
    text: str
    entities: tuple[Entity, ...] | None = None
    edit_date: int | None = None
    reply_to_message: "Message | None" = None
    reply_markup: InlineKeyboard | None = None
    link_preview_options: dict[str, Any] | None = None
    has_protected_content: Literal[True] | None = None

    @property
    def from_bot(self) -> bool:
        """Whether the bot wrote it."""
        return self.sender.is_bot


class Command(Struct, frozen=True, kw_only=True):
    """An entry of the bot's menu."""

    command: str
    description: str


def utf16_length(text: str) -> int:
    """How many UTF-16 code units a text has: an emoji outside the basic plane has two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
