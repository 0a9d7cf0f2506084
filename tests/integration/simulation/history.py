"""Run a history by its seed; when a law breaks in it, shrink it to a story that can be read."""

import logging
import random
import re
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from .acts import act, begin
from .checks import check_safety, heal
from .coverage import Coverage, recording
from .faults import Fault
from .simulation import Machine, Simulation, Violation

_FEWEST, _MOST = 5, 20
_MOST_RUNS: Final = 250
_STORY_LINES: Final = 60


@dataclass(kw_only=True)
class Outcome:
    """How a history ended.

    Attributes:
        violation: the law that broke; None: none did.
        story: what happened, line by line.
        without, spared: steps and kinds of faults that were left out.
    """

    seed: int
    steps: int
    violation: str | None
    story: list[str]
    coverage: Coverage
    without: frozenset[int] = frozenset()
    spared: frozenset[Fault] = frozenset()

    def report(self) -> str:
        """For people: the seed that replays it, and the story."""
        told = self.story if len(self.story) <= _STORY_LINES else ["…", *self.story[-_STORY_LINES:]]
        left_out = f", {len(self.without)} steps left out" if self.without else ""
        return "\n".join(
            [
                f"seed {self.seed}, {self.steps} steps{left_out}: {self.violation}",
                *told,
                f"replay: nox -s simulate -- --seed {self.seed} --steps {self.steps}",
            ]
        )


def run_history(
    machine: Machine,
    seed: int,
    *,
    steps: int | None = None,
    without: Collection[int] = (),
    spared: Collection[Fault] = (),
) -> Outcome:
    """One history, from its seed.

    Args:
        machine: where it runs.
        seed: all that is drawn follows from it.
        steps: of phase one; None: as many as the seed says.
        without: steps that are left out.
        spared: kinds of faults that do not strike.
    """
    steps = steps or steps_of(seed)
    begun = time.process_time()
    sim = Simulation(machine, seed, without=without)
    for kind in spared:
        sim.faults.rates.pop(kind, None)
    violation: str | None = None
    with recording(sim.faults.struck) as recorder:
        try:
            begin(sim)
            sim.run(steps, act, check_safety)
            heal(sim)
        except Violation as broken:
            violation = str(broken)
        except Exception as error:  # noqa: BLE001  - whatever else goes wrong in a history is its finding, too
            violation = f"crashed: {error!r}"
        finally:
            sim.close()
    return Outcome(
        seed=seed,
        steps=steps,
        violation=violation,
        story=sim.story,
        coverage=recorder.coverage(sim.loop.turns, time.process_time() - begun),
        without=frozenset(without),
        spared=frozenset(spared),
    )


def steps_of(seed: int) -> int:
    """How long a history is: many are short, so that a law breaks near its cause, and some are long."""
    return random.Random(f"steps of {seed}").randint(_FEWEST, _MOST)  # noqa: S311  - repeatable on purpose


def shrink(machine: Machine, broken: Outcome, *, most_runs: int = _MOST_RUNS) -> Outcome:
    """The same law broken by fewer steps and kinds of faults: halves are left out, then quarters, then single ones."""
    best, runs = broken, 0

    def still_breaks(without: Collection[int], spared: Collection[Fault]) -> bool:
        nonlocal best, runs
        runs += 1
        again = run_history(machine, broken.seed, steps=broken.steps, without=without, spared=spared)
        if again.violation is None or _law(again.violation) != _law(broken.violation or ""):
            return False
        best = again
        return True

    size = broken.steps
    while size >= 1 and runs < most_runs:
        kept = [step for step in range(broken.steps) if step not in best.without]
        for start in range(0, len(kept), size):
            if runs >= most_runs:
                break
            still_breaks(best.without | set(kept[start : start + size]), best.spared)
        size //= 2
    for kind in Fault:
        if runs < most_runs:
            still_breaks(best.without, best.spared | {kind})
    return best


def run_many(
    machine: Machine, seeds: Iterable[int], *, steps: int | None = None, stop_at: int = 1
) -> tuple[Coverage, list[Outcome]]:
    """Histories one after another; those that broke a law, shrunk. Ends after `stop_at` of them."""
    total, broken = Coverage(), list[Outcome]()
    with quiet():
        for seed in seeds:
            outcome = run_history(machine, seed, steps=steps)
            total.add(outcome.coverage)
            if outcome.violation is not None:
                broken.append(shrink(machine, outcome))
                if len(broken) >= stop_at:
                    break
    return total, broken


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log: the drivers tell at length of connections that died, as they were meant to."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _law(violation: str) -> str:
    """A violation without the ids, numbers and times in it."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]+|\d+|until .*", "#", violation)
