"""What a run of many histories has seen: moves of the table, and which faults had struck before each was made."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeAlias

from msgspec import Struct, field

from paywall_core import order
from paywall_core.events import EventType
from paywall_core.lifecycle import TRANSITIONS, State, check_move

from .faults import Fault

Edge: TypeAlias = tuple[State, EventType, State]

EDGES: Final[tuple[Edge, ...]] = tuple(
    (state, event, target)
    for state, row in TRANSITIONS.items()
    for event, targets in row.items()
    for target in sorted(targets)
)
"""All moves that the table allows, those that lead nowhere included."""

_NO_LINK_GIVES: Final = (
    "A link adds what befell an intent to its one invoice, and takes it from nobody: "
    "at the simulated Stripe no intent is a payment of its own and an invoice's, too."
)

UNREACHABLE: Final[Mapping[str, str]] = {
    f"{State.REVOKED} {EventType.PAYMENT_LINKED} {target}": _NO_LINK_GIVES
    for target in (State.TOKEN_ISSUED, State.ACTIVE, State.EXPIRED)
}
"""Moves that the table allows and nothing that the simulated Stripe says can lead to, each with the reason.

Should one be made all the same, the history in which it was made fails.
"""

REACHABLE: Final[tuple[Edge, ...]] = tuple(edge for edge in EDGES if " ".join(edge) not in UNREACHABLE)
"""All that can be made."""


class Coverage(Struct, kw_only=True):
    """Sums over histories.

    Attributes:
        histories, turns, seconds: how many, of how many callbacks, in what time (of one processor).
        struck: how often each kind of fault did, by its name.
        edges: for each move (`from event to`), in how many histories it was made after each kind of fault had struck;
            under the empty name, in how many it was made at all.
    """

    histories: int = 0
    turns: int = 0
    seconds: float = 0.0
    struck: dict[str, int] = field(default_factory=dict)
    edges: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, other: "Coverage") -> None:
        """Sum up."""
        self.histories += other.histories
        self.turns += other.turns
        self.seconds += other.seconds
        _sum(self.struck, other.struck)
        for edge, kinds in other.edges.items():
            _sum(self.edges.setdefault(edge, {}), kinds)

    def never(self) -> list[str]:
        """Moves that can be made, and that nothing ever made."""
        return [name for edge in REACHABLE if (name := name_of(edge)) not in self.edges]

    def impossible(self) -> list[str]:
        """Moves that were made, though they are listed as ones that cannot be."""
        return [name for name in UNREACHABLE if name in self.edges]

    def pairs(self) -> tuple[int, int]:
        """Of all pairs of a move that can be made and a kind of fault: how many were seen, of how many."""
        seen = sum(1 for edge in REACHABLE for kind in Fault if self.edges.get(name_of(edge), {}).get(kind.name))
        return seen, len(REACHABLE) * len(Fault)

    def report(self, *, seconds: float | None = None) -> list[str]:
        """For people; `seconds`: how long it took by the wall."""
        took = seconds or self.seconds
        states = {name.split()[0] for name in self.edges} | {name.split()[2] for name in self.edges}
        seen, pairs = self.pairs()
        made = len(REACHABLE) - len(self.never())
        lines = [
            f"{self.histories} histories, {self.turns} turns, {self.histories / max(took, 0.001):.1f} a second",
            (
                f"states {len(states)} of {len(State)}, "
                f"moves made {made} of {len(REACHABLE)} ({len(UNREACHABLE)} more cannot be made), "
                f"moves under a kind of fault {seen} of {pairs}"
            ),
            *(f"  {self.struck.get(kind.name, 0):8d}  {kind}" for kind in Fault),
        ]
        if self.impossible():
            lines.append(f"made, and cannot be: {', '.join(self.impossible())}")
        if self.never():
            lines.append(f"never made: {', '.join(self.never())}")
        missing = [
            f"{name_of(edge)} under {kind.name}"
            for edge in REACHABLE
            for kind in Fault
            if name_of(edge) in self.edges and not self.edges[name_of(edge)].get(kind.name)
        ]
        if missing:
            lines.append(f"never together ({len(missing)}): {'; '.join(missing[:20])}")
        return lines


class Recorder:
    """Watches the moves of one history."""

    def __init__(self, struck: Mapping[Fault, int]) -> None:
        self._struck = struck
        self._edges: dict[Edge, set[Fault]] = {}

    def __call__(self, state: State, event: EventType, target: State) -> None:
        """A move is checked: the table decides, and what it lets pass is noted."""
        check_move(state, event, target)
        edge = (state, event, target)
        self._edges.setdefault(edge, set()).update(self._struck)
        if name_of(edge) in UNREACHABLE:
            raise AssertionError(f"{name_of(edge)} is listed as a move that cannot be made")

    def coverage(self, turns: int, seconds: float) -> Coverage:
        """What this history has seen."""
        return Coverage(
            histories=1,
            turns=turns,
            seconds=seconds,
            struck={kind.name: number for kind, number in self._struck.items()},
            edges={name_of(e): {"": 1, **{kind.name: 1 for kind in kinds}} for e, kinds in self._edges.items()},
        )


@contextmanager
def recording(struck: Counter[Fault]) -> Iterator[Recorder]:
    """Note every move that is made in the block."""
    recorder = Recorder(struck)
    real = vars(order)["check_move"]
    vars(order)["check_move"] = recorder
    try:
        yield recorder
    finally:
        vars(order)["check_move"] = real


def name_of(edge: Edge) -> str:
    """A move as a text."""
    return " ".join(edge)


def _sum(to: dict[str, int], more: Mapping[str, int]) -> None:
    for key, number in more.items():
        to[key] = to.get(key, 0) + number
