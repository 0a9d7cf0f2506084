"""A batch of updates taken apart, so that one which nobody can read holds up no other.

Telegram gives the same batch again until it is asked for what follows it: a batch that is lost as a whole would stop
the bot for ever. Nothing here follows the depth of what is in it.
"""

import re
from typing import Final

from msgspec import Struct

_MARK: Final = re.compile(r'"(?>[^"\\]+|\\.)*+"|["{}\[\]]', re.DOTALL)
"""A whole text or a bracket; a quotation mark alone begins a text that does not end."""

_LIST_FOLLOWS: Final = re.compile(r"\s*:\s*\[")
_NUMBER_FOLLOWS: Final = re.compile(r"\s*:\s*(\d{1,18})(?!\d)")
_STEPS: Final = {"{": 1, "[": 1, "}": -1, "]": -1}
_IN_ANSWER, _IN_RESULT, _IN_UPDATE = 1, 2, 3
"""How many brackets are open."""


class RawUpdate(Struct, frozen=True, kw_only=True):
    """An update that nobody has read yet.

    Attributes:
        update_id: Telegram's number for it; None where it says none.
        text: its JSON. Personal: never logged.
    """

    update_id: int | None
    text: str

    def __repr__(self) -> str:
        return f"RawUpdate(update_id={self.update_id})"


def take_apart(content: str) -> list[RawUpdate] | None:
    """The updates of an answer to `getUpdates`; None: there is no list of them, or it was cut short."""
    taken: list[RawUpdate] | None = None
    depth, begun, update_id = 0, 0, None
    for mark in _MARK.finditer(content):
        kind = mark[0]
        depth += _STEPS.get(kind, 0)
        if depth == _IN_ANSWER and kind == '"result"' and _LIST_FOLLOWS.match(content, mark.end()):
            taken = []
        elif depth == _IN_UPDATE and kind == "{":
            begun, update_id = mark.start(), None
        elif depth == _IN_UPDATE and kind == '"update_id"':
            number = _NUMBER_FOLLOWS.match(content, mark.end())
            update_id = int(number[1]) if number else update_id
        elif depth == _IN_RESULT and kind == "}" and taken is not None:
            taken.append(RawUpdate(update_id=update_id, text=content[begun : mark.end()]))
        elif kind == '"':
            return None
    return taken if depth == 0 else None
