"""Every planted defect is found: by the history whose seed is listed, or by the tests that are named."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.simulation.history import quiet, run_history
from tests.integration.simulation.place import make_machine
from tests.integration.simulation.simulation import Machine
from tests.memory import fast_directory

from .plants import PLANTS, Plant
from .suite import SUITE_PLANTS

FEWEST = 20
PLUGINS = (  # what these tests need: loading all that are installed takes longer than most of them
    *("-p", "pytest_asyncio.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"),
    *("-p", "tests.integration.planted.plugin"),
)
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Where the histories run."""
    with tempfile.TemporaryDirectory(dir=fast_directory()) as directory:
        yield make_machine(Path(directory))


def test_list_is_long_enough() -> None:
    """Evidence that finds five defects proves little."""
    names = [plant.name for plant in PLANTS] + list(SUITE_PLANTS)
    assert len(set(names)) == len(names) >= FEWEST


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_history_finds_it(machine: Machine, plant: Plant, record_property: Callable[[str, object], None]) -> None:
    """The history breaks a law with the defect, and none without it."""
    begun = time.perf_counter()
    with quiet(), pytest.MonkeyPatch.context() as patch:
        plant.plant(patch)
        broken = run_history(machine, plant.seed)
    took = time.perf_counter() - begun
    with quiet():
        sound = run_history(machine, plant.seed)
    assert broken.violation is not None, plant.what
    assert sound.violation is None, sound.report()
    record_property("evidence", f"planted: {plant.what}: found by seed {plant.seed} in {took:.1f} s")


@pytest.mark.parametrize("name", SUITE_PLANTS)
def test_named_tests_find_it(name: str, record_property: Callable[[str, object], None]) -> None:
    """The tests fail with the defect; that they pass without it, the rest of the run shows."""
    plant = SUITE_PLANTS[name]
    begun = time.perf_counter()
    ran = subprocess.run(  # noqa: S603  - our own tests
        [sys.executable, "-m", "pytest", "-q", "-x", *PLUGINS, *plant.tests],
        cwd=ROOT,
        env={**os.environ, "PAYWALL_PLANT": name, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    took = time.perf_counter() - begun
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout[-2000:]
    assert "1 failed" in ran.stdout
    record_property("evidence", f"planted: {plant.what}: found by its tests in {took:.1f} s")
