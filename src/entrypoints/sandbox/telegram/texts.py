"""What becomes of a message's text: trimmed, measured, its commands and addresses found. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from entrypoints.sandbox.telegram.errors import bad_request
from entrypoints.sandbox.telegram.html import parse_html
from entrypoints.sandbox.telegram.links import clean_url
from entrypoints.sandbox.telegram.objects import Entity, utf16_length

MAX_TEXT_CHARACTERS: Final = 4096
_GIVEN_TYPES: Final = frozenset(
    {
        "blockquote",
        "bold",
        "bot_command",
        "cashtag",
        "code",
        "custom_emoji",
        "email",
        "expandable_blockquote",
        "hashtag",
        "italic",
        "mention",
        "phone_number",
        "pre",
        "spoiler",
        "strikethrough",
        "text_link",
        "text_mention",
        "underline",
        "url",
    }
)
_AUTOMATIC: Final = frozenset({"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"})
_OPAQUE: Final = frozenset({"code", "pre", "text_link", "text_mention"})
_PATTERNS: Final = (
    ("url", re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)'»]", re.IGNORECASE)),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)),
    ("bot_command", re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<!\w)@[A-Za-z][A-Za-z0-9_]{3,31}(?!\w)")),
    ("hashtag", re.compile(r"(?<!\w)#\w*[^\W\d]\w*")),
)


def compose(text: str, *, parse_mode: str, given: Sequence[Entity] | None) -> tuple[str, tuple[Entity, ...] | None]:
    """The text and entities that a bot's message gets.

    Raises:
        ApiRefusal: bad markup, an unknown parse mode or entity, an empty text, one over 4096 characters.
    """
    text = text.replace("\r", "")
    entities: tuple[Entity, ...] = ()
    if parse_mode:
        if parse_mode.lower() != "html":
            raise bad_request("unsupported parse_mode")
        text, entities = parse_html(text)
    elif given:
        entities = _checked(given, utf16_length(text))
    return finish(text, entities)


def finish(text: str, entities: Sequence[Entity] = ()) -> tuple[str, tuple[Entity, ...] | None]:
    """Trim and measure a text, and find what Telegram finds in it by itself.

    Raises:
        ApiRefusal: nothing is left, or more than 4096 characters.
    """
    cut = utf16_length(text) - utf16_length(text.lstrip())
    text = text.strip()
    if not text:
        raise bad_request("message text is empty")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise bad_request("message is too long")
    total = utf16_length(text)
    kept = []
    for entity in entities:
        start, end = max(entity.offset - cut, 0), min(entity.end - cut, total)
        if start < end:
            kept.append(structs.replace(entity, offset=start, length=end - start))
    found = sorted([*kept, *_detect(text, kept)], key=lambda entity: (entity.offset, -entity.length))
    return text, tuple(found) or None


def _detect(text: str, known: Sequence[Entity]) -> list[Entity]:
    blocked = [(entity.offset, entity.end) for entity in known if entity.type in _OPAQUE | _AUTOMATIC]
    found: list[Entity] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start = utf16_length(text[: match.start()])
            end = start + utf16_length(match[0])
            if not any(start < other_end and other_start < end for other_start, other_end in blocked):
                blocked.append((start, end))
                found.append(Entity(type=kind, offset=start, length=end - start))
    return found


def _checked(given: Sequence[Entity], total: int) -> tuple[Entity, ...]:
    kept = []
    for entity in given:
        if entity.type not in _GIVEN_TYPES:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")
        if entity.offset < 0 or entity.length < 0 or entity.end > total:
            raise bad_request("entity is out of the text's bounds")
        if entity.type == "text_link" and clean_url(entity.url or "") is None:
            continue
        # What Telegram finds by itself it does not take from the bot.
        if entity.length and entity.type not in _AUTOMATIC:
            kept.append(entity)
    return tuple(kept)
