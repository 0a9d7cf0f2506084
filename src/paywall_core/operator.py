"""Who acts on an order from a shell, and why: both are asked for, and both are kept."""

from typing import Final

from msgspec import Struct

from paywall_core.errors import InvalidInput
from paywall_core.text import is_storable

MAX_NAME_CHARACTERS: Final = 100
MAX_REASON_CHARACTERS: Final = 500


class Operator(Struct, frozen=True, kw_only=True):
    """Somebody with a reason.

    Attributes:
        by: who acts; at most 100 characters.
        why: for what reason; at most 500 characters.
    """

    by: str
    why: str

    @classmethod
    def of(cls, by: str, why: str) -> "Operator":
        """Check what was typed.

        Raises:
            InvalidInput: `by` or `why` is empty, too long, or holds control characters.
        """
        return cls(by=_text("by", by, MAX_NAME_CHARACTERS), why=_text("why", why, MAX_REASON_CHARACTERS))

    @property
    def cause(self) -> str:
        """How the history names it."""
        return f"operator:{self.by}"


def _text(field: str, value: str, longest: int) -> str:
    text = value.strip()
    if not (0 < len(text) <= longest and is_storable(text)):
        raise InvalidInput(field, f"must have 1 to {longest} characters, none of control")
    return text
