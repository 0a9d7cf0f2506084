"""What a purchase is shown as: lines, each with the buttons that fit how it stands. Data only."""

from typing import Any

from msgspec import Struct

Row = dict[str, Any]
"""One object of `StripeSandbox.snapshot()`."""


class Button(Struct, frozen=True, kw_only=True):
    """A button: what it does (see `moves.py`), what stands on it, its colour, and whether it is out of the way."""

    move: str
    label: str
    tone: str = ""
    rare: bool = False


class Line(Struct, frozen=True, kw_only=True):
    """One object of a purchase.

    Attributes:
        kind, id: which object; the buttons act on it.
        title: what it is.
        amount, currency: its money in minor units; None where it has none.
        until: Unix seconds that the title goes on with; None for none.
        label, tone: how it stands.
        buttons: what can happen to it now.
    """

    kind: str
    id: str
    title: str
    amount: int | None = None
    currency: str = ""
    until: int | None = None
    label: str
    tone: str
    buttons: tuple[Button, ...] = ()
