"""Telegram's HTML (`parse_mode=HTML`) into text and entities. Pure.

Follows https://core.telegram.org/bots/api#html-style and the wording of Telegram's own errors: a tag that is not
known, or not closed, refuses the whole message.
"""

import re
from dataclasses import dataclass
from typing import Final

from entrypoints.sandbox.telegram.errors import ApiRefusal, bad_request
from entrypoints.sandbox.telegram.links import clean_url
from entrypoints.sandbox.telegram.objects import Entity, utf16_length

_SIMPLE: Final = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
}
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE: Final = re.compile(r"&(?:#(?P<decimal>\d{1,7})|#[xX](?P<hex>[0-9a-fA-F]{1,6})|(?P<name>lt|gt|amp|quot));?")
_START: Final = re.compile(r"<([a-zA-Z0-9-]+)((?:\s+[^\s<>\"'=/]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s<>\"']+))?)*)\s*>")
_END: Final = re.compile(r"</([a-zA-Z0-9-]*)\s*>")
_ATTRIBUTE: Final = re.compile(r"\s*([^\s=>\"'/]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?")
_HIGHEST_CHARACTER: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


@dataclass(slots=True, kw_only=True)
class _Open:
    tag: str
    attributes: dict[str, str]
    offset: int
    first_part: int


def parse_html(source: str) -> tuple[str, tuple[Entity, ...]]:
    """The text without its markup, and the entities in the order of their offsets.

    Raises:
        ApiRefusal: `can't parse entities`, with the byte offset of the fault, as Telegram says it.
    """
    parser = _Parser(source)
    return parser.text(), tuple(sorted(parser.entities, key=lambda entity: (entity.offset, -entity.length)))


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._parts: list[str] = []
        self._offset = 0
        self._open: list[_Open] = []
        self.entities: list[Entity] = []
        self._run()

    def text(self) -> str:
        return "".join(self._parts)

    def _run(self) -> None:
        position = 0
        while position < len(self._source):
            character = self._source[position]
            if character == "<":
                position = self._tag(position)
            elif character == "&":
                position = self._character_reference(position)
            else:
                self._put(character)
                position += 1
        if self._open:
            raise _refusal(f'Can\'t find end tag corresponding to start tag "{self._open[-1].tag}"')

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._offset += utf16_length(text)

    def _character_reference(self, position: int) -> int:
        found = _REFERENCE.match(self._source, position)
        if found is None:
            self._put("&")
            return position + 1
        name = found["name"]
        if name is not None:
            self._put(_NAMED[name])
            return found.end()
        code = int(found["decimal"]) if found["decimal"] is not None else int(found["hex"], 16)
        if code == 0 or code > _HIGHEST_CHARACTER or code in _SURROGATES:
            self._put("&")
            return position + 1
        self._put(chr(code))
        return found.end()

    def _tag(self, position: int) -> int:
        at = len(self._source[:position].encode())
        if self._source.startswith("</", position):
            found = _END.match(self._source, position)
            if found is None:
                raise _refusal(f"Unclosed end tag at byte offset {at}")
            self._close(found[1].lower(), at)
            return found.end()
        found = _START.match(self._source, position)
        if found is None:
            name = re.match(r"<([a-zA-Z0-9-]*)", self._source[position:])
            shown = name[1] if name else ""
            if shown.lower() in _SIMPLE:
                raise _refusal(f"Unclosed start tag at byte offset {at}")
            raise _refusal(f'Unsupported start tag "{shown}" at byte offset {at}')
        tag = found[1].lower()
        if tag not in _SIMPLE:
            raise _refusal(f'Unsupported start tag "{tag}" at byte offset {at}')
        attributes = {
            name.lower(): self._attribute(value, name, tag, at) for name, value in _ATTRIBUTE.findall(found[2])
        }
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise _refusal(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
        self._open.append(_Open(tag=tag, attributes=attributes, offset=self._offset, first_part=len(self._parts)))
        return found.end()

    def _attribute(self, value: str, name: str, tag: str, at: int) -> str:
        if not value:
            if (tag, name.lower()) == ("blockquote", "expandable"):
                return ""
            raise _refusal(f'Expected equal sign in declaration of an attribute of the tag "{tag}" at byte offset {at}')
        return _REFERENCE.sub(_plain, value[1:-1] if value[0] in "\"'" else value)

    def _close(self, tag: str, at: int) -> None:
        if not self._open:
            raise _refusal(f"Unexpected end tag at byte offset {at}")
        opened = self._open.pop()
        if tag and tag != opened.tag:  # "</>" closes whatever is open, as with Telegram
            raise _refusal(f'Unmatched end tag at byte offset {at}, expected "</{opened.tag}>", found "</{tag}>"')
        length = self._offset - opened.offset
        if length:
            self._remember(opened, length)

    def _remember(self, opened: _Open, length: int) -> None:
        kind = _SIMPLE[opened.tag]
        if kind == "text_link":
            # A link that leads nowhere is not an error with Telegram: its text stays plain.
            url = clean_url(opened.attributes.get("href") or "".join(self._parts[opened.first_part :]))
            if url is not None:
                self.entities.append(Entity(type=kind, offset=opened.offset, length=length, url=url))
            return
        if kind == "custom_emoji":
            # Only bots that bought a username may use them; for the others Telegram keeps the plain emoji.
            return
        if kind == "blockquote" and "expandable" in opened.attributes:
            kind = "expandable_blockquote"
        if kind == "pre" and self.entities:
            inner = self.entities[-1]
            if (inner.type, inner.offset, inner.length) == ("code", opened.offset, length):
                self.entities.pop()
                self.entities.append(Entity(type="pre", offset=opened.offset, length=length, language=inner.language))
                return
        language = None
        if kind == "code" and self._open and self._open[-1].tag == "pre":
            language = opened.attributes.get("class", "").removeprefix("language-") or None
        self.entities.append(Entity(type=kind, offset=opened.offset, length=length, language=language))


def _plain(found: re.Match[str]) -> str:
    if found["name"] is not None:
        return _NAMED[found["name"]]
    code = int(found["decimal"]) if found["decimal"] is not None else int(found["hex"], 16)
    return chr(code) if 0 < code <= _HIGHEST_CHARACTER and code not in _SURROGATES else found[0]


def _refusal(reason: str) -> ApiRefusal:
    return bad_request(f"can't parse entities: {reason}")
