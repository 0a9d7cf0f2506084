"""One order's life in every order of its events, each twice, with a death at every commit: enumerated, not sampled."""

from collections.abc import Callable
from math import factorial
from typing import Final

import pytest
from msgspec import structs

from .conftest import EVERYTHING
from .interleavings import interleavings, ways_of
from .members import Script
from .memory import MemoryStore
from .scripts import SCRIPTS
from .sqlite_file import SqliteStore
from .walk import walk

_SHORT: Final = {
    "a refund that names only its charge": 0,
    "the paid time runs out": 0,
    "a restored link and a refund": 1,
    "a subscription lapses between its payments": 0,
}
"""What the default run walks: a script, and which of its clocks."""

_CASES: Final = [
    pytest.param(script, clock, id=f"{script.name}, clock {clock + 1}")
    for script in SCRIPTS
    for clock in range(len(script.clocks))
    if EVERYTHING or _SHORT.get(script.name) == clock
]
_SQLITE_MEMBERS: Final = 6 if EVERYTHING else 3
_SQLITE_CASES: Final = [
    pytest.param(structs.replace(script, members=script.members[-_SQLITE_MEMBERS:]), id=script.name)
    for script in SCRIPTS
    if (EVERYTHING and "operator" not in script.name) or script.name == "a restored link and a refund"
]


@pytest.mark.parametrize(("script", "clock"), _CASES)
async def test_six_events_twice_each_in_any_order_keep_both_laws(
    script: Script, clock: int, report_count: Callable[[str], None]
) -> None:
    """On the fake: 12! / 2^6 interleavings, and each with a death at every side of every commit."""
    walked = await walk(script, MemoryStore(), now=script.clocks[clock])
    assert walked.interleavings == factorial(12) // 2**6 == 7_484_400
    report_count(f"{script.name}, at {script.clocks[clock]:%d.%m. %H:%M}: {walked.told}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("script", _SQLITE_CASES)
async def test_sqlite_keeps_both_laws_in_any_order(
    script: Script, sqlite_store: SqliteStore, report_count: Callable[[str], None]
) -> None:
    """The same walk through the real transactions on a file."""
    walked = await walk(script, sqlite_store, now=script.clocks[0])
    count = len(script.members)
    assert walked.interleavings == factorial(2 * count) // 2**count
    report_count(f"{script.name}, {count} members on SQLite: {walked.told}")


def test_every_script_has_six_members() -> None:
    """A script with fewer would make its walk look better than it is."""
    assert {len(script.members) for script in SCRIPTS} == {6}
    assert sum(len(script.clocks) for script in SCRIPTS) == 19


def test_formula_agrees_with_counting_by_hand() -> None:
    """Two members without deaths: 4! / (2! 2!); one member that may die before or after: 1 + 4 + 4."""
    assert interleavings([0, 0]) == 6
    assert ways_of(2) == {2: 1, 3: 4, 4: 4}
    assert interleavings([2]) == 9
