"""A person's chat as the templates want it. Pure: nothing here does I/O, and no raw HTML of anyone's gets through."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from entrypoints.sandbox.telegram.links import clean_url, local_link
from entrypoints.sandbox.telegram.objects import Entity, Message
from entrypoints.sandbox.telegram.world import Notice, Person, World

MAX_SHOWN_MESSAGES: Final = 200
_NOTICE_SECONDS: Final = 4
_TAGS: Final = {
    "bold": "strong",
    "italic": "em",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "expandable_blockquote": "blockquote",
}


class ButtonView(Struct, frozen=True, kw_only=True):
    """A button: with `href` a link, else a press of `place` (`row.column`)."""

    text: str
    href: str
    place: str


class MessageView(Struct, frozen=True, kw_only=True):
    """A bubble; `day` is set on the first message of a day."""

    id: int
    is_mine: bool
    body: Markup
    time: str
    day: str
    is_edited: bool
    reply: str
    rows: tuple[tuple[ButtonView, ...], ...]


def message_views(world: World, person: Person) -> list[MessageView]:
    """The last messages, oldest first; times in this machine's time zone."""
    views = []
    day = ""
    for message in person.messages[-MAX_SHOWN_MESSAGES:]:
        at = datetime.fromtimestamp(message.date, UTC).astimezone()
        today = f"{at:%d.%m.%Y}"
        views.append(_message_view(world, person, message, f"{at:%H:%M}", today if today != day else ""))
        day = today
    return views


def notice_now(world: World, person: Person) -> Notice | None:
    """The answer to the last pressed button, while it is fresh and says something."""
    notice = person.notice
    if notice is None or not (notice.text or notice.url) or world.now() - notice.at > _NOTICE_SECONDS:
        return None
    return notice


def _message_view(world: World, person: Person, message: Message, time: str, day: str) -> MessageView:
    username = world.bot.username or ""
    shown = person.shown_as.get(message.message_id)
    body = render(message.text, message.entities or (), username, person.id) if shown is None else escape(shown)
    keyboard = message.reply_markup.inline_keyboard if message.reply_markup else ()
    return MessageView(
        id=message.message_id,
        is_mine=not message.from_bot,
        body=body,
        time=time,
        day=day,
        is_edited=message.edit_date is not None,
        reply=message.reply_to_message.text[:80] if message.reply_to_message else "",
        rows=tuple(
            tuple(
                ButtonView(
                    text=button.text,
                    href=local_link(button.url, username, person.id) if button.url else "",
                    place=f"{row}.{column}",
                )
                for column, button in enumerate(buttons)
            )
            for row, buttons in enumerate(keyboard)
        ),
    )


def render(text: str, entities: Sequence[Entity], bot_username: str, person_id: int) -> Markup:
    """Text and entities as HTML: every piece of text is escaped, every tag is one of ours.

    Entities that overlap without one holding the other are cut at the outer one's end.
    """
    units = text.encode("utf-16-le", "surrogatepass")

    def piece(start: int, end: int) -> str:
        return units[2 * start : 2 * end].decode("utf-16-le", "replace")

    def walk(start: int, end: int, inside: Sequence[Entity]) -> Markup:
        parts = Markup()
        position = start
        index = 0
        while index < len(inside):
            entity = inside[index]
            entity_end = min(entity.end, end)
            nested = [other for other in inside[index + 1 :] if other.offset < entity_end]
            parts += escape(piece(position, entity.offset))
            content = walk(entity.offset, entity_end, nested)
            parts += _wrap(entity, content, piece(entity.offset, entity_end), bot_username, person_id)
            position = entity_end
            index += 1 + len(nested)
        return parts + escape(piece(position, end))

    ordered = sorted(entities, key=lambda entity: (entity.offset, -entity.length))
    return walk(0, len(units) // 2, ordered)


def _wrap(entity: Entity, content: Markup, plain: str, bot_username: str, person_id: int) -> Markup:
    if entity.type in _TAGS:
        tag = Markup(_TAGS[entity.type])  # noqa: S704  - one of our own names
        return Markup("<{0}>{1}</{0}>").format(tag, content)
    if entity.type in ("url", "text_link"):
        url = clean_url(entity.url or plain)
        return content if url is None else _link(local_link(url, bot_username, person_id), content)
    if entity.type == "bot_command":
        return Markup('<button class="link" name="text" value="{}">{}</button>').format(plain, content)
    if entity.type == "email":
        return _link(f"mailto:{plain}", content)
    if entity.type == "spoiler":
        return Markup('<span class="spoiler" tabindex="0">{}</span>').format(content)
    accent = entity.type in ("mention", "hashtag", "cashtag", "phone_number", "text_mention")
    return Markup('<span class="accent">{}</span>').format(content) if accent else content


def _link(href: str, content: Markup) -> Markup:
    return Markup('<a href="{}">{}</a>').format(href, content)
