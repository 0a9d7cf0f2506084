"""Run histories from a shell: `nox -s simulate -- --seed N --steps M`, or many of them.

--seed N         this one history; a failure is shrunk and told. The seed alone replays it
--histories N    so many, from --first on (default 1000 from 0)
--steps M        steps of phase one (default: as many as the seed says, 5 to 20)
--story          tell the story of the one history, though nothing failed
--processes N    side by side (default: the number of processors)
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.memory import fast_directory

from .coverage import Coverage
from .history import Outcome, quiet, run_history, run_many, shrink
from .place import make_machine

_CHUNK = 100
_TELL_AFTER = 1000


def main() -> int:
    """Run them, and tell what was seen; 1 when a law broke."""
    arguments = _parse()
    begun = time.monotonic()
    total = Coverage()
    broken: list[Outcome] = []
    if arguments.seed is not None:
        outcome = _single(arguments.seed, arguments.steps)
        total.add(outcome.coverage)
        broken = [outcome] if outcome.violation else []
        if arguments.story and not broken:
            print("\n".join(outcome.story))
    else:
        first, last = arguments.first, arguments.first + arguments.histories
        chunks = [range(start, min(start + _CHUNK, last)) for start in range(first, last, _CHUNK)]
        with ProcessPoolExecutor(arguments.processes) as pool:
            for done in as_completed([pool.submit(_many, chunk, arguments.steps) for chunk in chunks]):
                seen, found = done.result()
                total.add(seen)
                broken += found
                for one in found:
                    print(one.report(), flush=True)
                if not total.histories % _TELL_AFTER:
                    rate = total.histories / (time.monotonic() - begun)
                    print(f"{total.histories} histories, {rate:.1f} a second, {len(broken)} broken", flush=True)
    print("\n".join(total.report(seconds=time.monotonic() - begun)))
    if arguments.seed is not None and broken:
        print(broken[0].report())
    return 1 if broken else 0


def _single(seed: int, steps: int | None) -> Outcome:
    with tempfile.TemporaryDirectory(dir=fast_directory()) as directory, quiet():
        machine = make_machine(Path(directory))
        outcome = run_history(machine, seed, steps=steps)
        return shrink(machine, outcome) if outcome.violation else outcome


def _many(seeds: range, steps: int | None) -> tuple[Coverage, list[Outcome]]:
    with tempfile.TemporaryDirectory(dir=fast_directory()) as directory:
        return run_many(make_machine(Path(directory)), seeds, steps=steps, stop_at=3)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulate", description="Simulated histories of the paywall.")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--story", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
