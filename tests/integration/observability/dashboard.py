"""The dashboard as it is read here: its panels, each with its expressions."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from .watching import OBSERVABILITY

FILE: Final = OBSERVABILITY / "dashboard.json"


class Target(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One expression of a panel, and what its lines are called."""

    expr: str
    legend_format: str

    def over(self, window: str) -> str:
        """The expression with Grafana's own window in it, such as `5m`."""
        return self.expr.replace("$__rate_interval", window)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a panel is, in units of which 24 are a row."""

    h: int
    w: int
    x: int
    y: int


class Panel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A panel, or the heading of a row."""

    id: int
    type: str
    title: str
    grid_pos: Place
    description: str = ""
    targets: Sequence[Target] = ()
    field_config: dict[str, Any] = {}

    @property
    def unit(self) -> str:
        """Of its values, in Grafana's words."""
        return str(self.field_config["defaults"]["unit"])


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """What we ask about it."""

    title: str
    uid: str
    panels: Sequence[Panel]


def dashboard() -> Dashboard:
    """The one in `deploy/`."""
    return msgspec.json.decode(FILE.read_bytes(), type=Dashboard)
