"""Hundreds of histories hold both laws; a seed is one history; a law that breaks is told shortly."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.integration.planted.plants import PLANTS
from tests.memory import fast_directory

from .faults import Fault
from .history import Outcome, quiet, run_history, run_many, shrink
from .place import make_machine
from .simulation import Machine

HISTORIES = 2000  # in the checks, which have ten minutes; `nox -s simulate` runs as many as it is told
CHUNKS = 20
BREAKS_LATE = 117  # the first history under `operator_unheard` whose law breaks after a long story
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Where the histories of this module run."""
    with tempfile.TemporaryDirectory(dir=fast_directory()) as directory:
        yield make_machine(Path(directory))


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.timeout(600)
def test_histories_hold_both_laws(machine: Machine, chunk: int, record_property: Callable[[str, object], None]) -> None:
    """Whatever fails, dies, comes late or twice: whoever paid gets in, and no one else does."""
    length = HISTORIES // CHUNKS
    seen, broken = run_many(machine, range(chunk * length, (chunk + 1) * length))
    record_property("simulation", msgspec.json.encode(seen).decode())
    assert not broken, "\n".join(outcome.report() for outcome in broken)
    assert seen.histories == length
    common = (Fault.RACED, Fault.TOGETHER, Fault.DELIVERED_TOGETHER, Fault.DIED, Fault.COMMIT_UNKNOWN)
    assert all(seen.struck.get(kind.name) for kind in common)


def test_seed_is_one_history(machine: Machine) -> None:
    """In another process, with other hashes, among other histories: the same story to the letter."""
    seeds = (3, 5, 8)
    with quiet():
        here = [digest(run_history(machine, seed)) for seed in seeds]
        assert [digest(run_history(machine, seed)) for seed in reversed(seeds)] == here[::-1]
    there = [_elsewhere(seed) for seed in seeds]
    assert there == here


def test_broken_law_is_told_by_its_seed_and_a_short_story(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out when it is shrunk is not needed: the story that is left breaks the same law."""
    plant = next(plant for plant in PLANTS if plant.name == "operator_unheard")
    plant.plant(monkeypatch)
    with quiet():
        broken = run_history(machine, BREAKS_LATE)
        short = shrink(machine, broken, most_runs=80)
        again = run_history(machine, BREAKS_LATE, steps=short.steps, without=short.without, spared=short.spared)
    assert broken.violation is not None
    assert len(short.without) > broken.steps // 2
    assert again.story == short.story
    told = short.report()
    assert f"--seed {BREAKS_LATE}" in told
    assert "operator: revoke" in told
    assert len(told.splitlines()) < len(broken.report().splitlines())


def digest(outcome: Outcome) -> str:
    """A history in one word."""
    return hashlib.sha256("\n".join(outcome.story).encode()).hexdigest()


def _elsewhere(seed: int) -> str:
    """The same history, told by the command."""
    told = subprocess.run(  # noqa: S603  - our own command
        [sys.executable, "-m", "tests.integration.simulation", "--seed", str(seed), "--story"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    story = [line for line in told.splitlines() if line.startswith("step ")]
    return hashlib.sha256("\n".join(story).encode()).hexdigest()
