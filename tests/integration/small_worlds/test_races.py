"""Two acts on one order at the same time, on both databases: every ordered pair, at every statement of the first."""

from collections.abc import Callable
from typing import Final

import pytest

from .acts import ACTS
from .conftest import EVERYTHING
from .grounds import Ground
from .race import Races
from .scenes import SCENES, Scene

_DEFAULT: Final = "paid, not redeemed"
_SHORT: Final = {
    "sqlite": ("record payment", "record refund", "activate by user 1", "confirm restore"),
    "postgresql": ("record payment", "activate by user 1", "confirm restore"),
}
"""Who is stopped in the default run: right before the last commit, when everything is written and locked."""


@pytest.mark.timeout(900)  # every statement of every pair, under the environment variable
@pytest.mark.parametrize(
    "scene", [pytest.param(scene, id=scene.name) for scene in SCENES if EVERYTHING or scene.name == _DEFAULT]
)
async def test_two_acts_end_as_if_one_had_come_after_the_other(
    scene: Scene, ground: Ground, engine_name: str, report_count: Callable[[str], None]
) -> None:
    """Whichever statement the first is stopped at, and whoever the second is, himself included."""
    await ground.lay(scene)
    races = Races(ground, scene)
    statements = {name: len(await races.statements_of(name)) for name in ACTS}
    assert len(ACTS) == 17
    assert all(statements.values())
    for first in ACTS if EVERYTHING else _SHORT[engine_name]:
        for second in ACTS:
            for stop_at in range(1, statements[first] + 1) if EVERYTHING else (statements[first],):
                await races.race(first, second, stop_at=stop_at)
    wanted = 17 * sum(statements.values()) if EVERYTHING else 17 * len(_SHORT[engine_name])
    assert races.ended.total() == wanted
    how = ", ".join(f"{count:,} {kind}" for kind, count in races.ended.most_common())
    report_count(f"{scene.name}, {engine_name}: {wanted:,} races ({how})")
