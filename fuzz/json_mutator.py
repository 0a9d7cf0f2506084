"""Mutations that keep a document JSON: bytes changed at random are mostly refused before the product reads a field."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any, Final

_ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 0.5, "", " ", "\x00", "\ud800", "1", "paid", "x" * 300, [], {},
    [[]], {"id": 1}, {"": None},
)  # fmt: skip
_MOSTLY: Final = 0.9
_MOST_CHANGES: Final = 3


def mutate(data: bytes, max_size: int, seed: int, change_bytes: Callable[[bytes, int], bytes]) -> bytes:
    """The document with one to three of its parts changed; now and then, or where it is none, with its bytes changed.

    Args:
        data: what to change.
        max_size: how many bytes the answer may have.
        seed: the same one gives the same answer.
        change_bytes: the fuzzer's own way.
    """
    choice = random.Random(seed)  # noqa: S311  - no secret
    if choice.random() < _MOSTLY:
        try:
            changed = _changed(choice, json.loads(data))
        except (ValueError, RecursionError):
            changed = None
        if changed is not None and len(changed) <= max_size:
            return changed
    return change_bytes(data, max_size)


def _changed(choice: random.Random, document: Any) -> bytes | None:
    """With one to three changes; None: there is nothing to change. Half of a surrogate pair stays an escape."""
    for _ in range(choice.randint(1, _MOST_CHANGES)):
        places = _places(document)
        if not places:
            return None
        _change(choice, places)
    return json.dumps(document, separators=(",", ":")).encode()


def _change(choice: random.Random, places: list[tuple[Any, Any]]) -> None:
    """One part."""
    holder, key = choice.choice(places)
    match choice.choice(("drop", "replace", "copy", "wrap", "double", "retype")):
        case "drop":
            del holder[key]
        case "replace":
            holder[key] = copy.deepcopy(choice.choice(_ODD))
        case "copy":  # from elsewhere; not the part itself, for a document that holds itself is none
            other, where = choice.choice(places)
            holder[key] = copy.deepcopy(other[where])
        case "wrap":
            holder[key] = {"id": holder[key]}
        case "double":
            holder[key] = [holder[key], holder[key]]
        case _:
            holder[key] = choice.randint(-2, 2**33) if isinstance(holder[key], str) else str(holder[key])


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every part of a document: what holds it, and under which key."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys]
    return found
