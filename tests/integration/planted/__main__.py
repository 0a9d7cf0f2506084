"""Search for the first history that finds each planted defect: `nox -s planted`. The seeds in `plants.py` come from it.

--histories N    give up after so many (default 1000)
names            only these defects
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.integration.simulation.history import quiet, run_history
from tests.integration.simulation.place import make_machine
from tests.memory import fast_directory

from .plants import PLANTS


def main() -> int:
    """Search; 1 when a defect was not found."""
    parser = argparse.ArgumentParser(prog="planted", description="How soon is each planted defect found?")
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory(dir=fast_directory()) as directory, quiet():
        machine = make_machine(Path(directory))
        for plant in PLANTS:
            if arguments.names and plant.name not in arguments.names:
                continue
            begun = time.perf_counter()
            with pytest.MonkeyPatch.context() as patch:
                plant.plant(patch)
                outcomes = (run_history(machine, seed) for seed in range(arguments.histories))
                found = next((outcome for outcome in outcomes if outcome.violation), None)
            took = time.perf_counter() - begun
            missed += found is None
            word = "not found" if found is None else f"seed {found.seed}: {found.violation}"
            print(f"{plant.name}: {word} ({took:.1f} s)", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
