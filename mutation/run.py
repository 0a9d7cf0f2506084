"""Mutation testing of the core: would the tests notice a small defect in it?

    python -m mutation.run                      every module of paywall_core but its ports and its test equipment
    python -m mutation.run order policy         some modules
    python -m mutation.run --processes 2

Each mutant (`mutants.py` says what they are) lives in a forked process of its own, which runs the tests that reach the
changed lines until one fails (`trying.py`). Whoever survives is killed by a test, or explained in `survivors.txt`:
`module:scope: change — why no test can notice it`.

Ends with 1 when fewer than 95 % of the mutants die, when a survivor is not explained, or when an explanation fits none.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

from mutation.mutants import Mutant
from mutation.places import EXPLAINED, modules
from mutation.processes import KILLED, SURVIVED, TIMEOUT, Outcome
from mutation.trying import check, learn, prepare, try_module

ENOUGH = 0.95


def main() -> int:
    """Run, and say what came of it."""
    arguments = argparse.ArgumentParser(description="Mutation testing of the core.")
    arguments.add_argument("modules", nargs="*", help="order, use_cases.sweep_lapsed, …; none: all")
    arguments.add_argument("--processes", type=int, default=1)
    asked = arguments.parse_args()
    every = {_short(name): name for name in modules()}
    if unknown := set(asked.modules) - set(every):
        arguments.error(f"no such modules: {', '.join(sorted(unknown))}")
    began = time.monotonic()
    prepare()
    selection = learn()
    check(selection)
    explained, report = _explained(), Report()
    for name in asked.modules or every:
        module_began = time.monotonic()
        report.add(name, try_module(every[name], selection, asked.processes), explained)
        if report.counts[name]:
            print(_row(name, report.counts[name]), f"{time.monotonic() - module_began:6.0f} s", flush=True)
    stale = [key for key in explained if key.partition(":")[0] in (asked.modules or every) and key not in report.used]
    code = report.show(stale)
    print(f"{time.monotonic() - began:.0f} s")
    return code


class Report:
    """What was counted until now."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.unexplained: list[str] = []
        self.hung: list[str] = []
        self.used: set[str] = set()

    def add(self, name: str, tried: list[tuple[Mutant, Outcome]], explained: dict[str, str]) -> None:
        """One module's mutants."""
        for key, mutant, outcome in _named(name, tried):
            self.counts[name][outcome.what] += 1
            if outcome.what == TIMEOUT:
                self.hung.append(key)
            elif outcome.what == SURVIVED and key in explained:
                self.used.add(key)
                self.counts[name]["explained"] += 1
            elif outcome.what == SURVIVED:
                self.unexplained.append(key)
                print(f"survived, line {mutant.lines[0]}: {key}", flush=True)

    def show(self, stale: list[str]) -> int:
        """Print the table; 1 when it is not good enough."""
        total: Counter[str] = sum(self.counts.values(), Counter())
        print(f"\n{'module':34}{'mutants':>8}{'killed':>8}{'hung':>6}{'survived':>9}{'explained':>10}{'score':>8}")
        for name, row in [*self.counts.items(), ("total", total)]:
            if row:
                print(_row(name, row))
        for title, keys in (
            ("Hung, and so noticed", self.hung),
            ("Survivors without an explanation", self.unexplained),
            ("Explanations without a survivor", stale),
        ):
            if keys:
                print(f"\n{title}:", *keys, sep="\n")
        return int(bool(self.unexplained or stale) or _score(total) < ENOUGH)


def _named(name: str, tried: list[tuple[Mutant, Outcome]]) -> Iterator[tuple[str, Mutant, Outcome]]:
    """Each with the words that stand for it in `survivors.txt`; the second of the same words says `(2)`."""
    seen: Counter[str] = Counter()
    for mutant, outcome in tried:
        key = f"{name}:{mutant.scope}: {mutant.text}"
        seen[key] += 1
        yield key + (f" ({seen[key]})" if seen[key] > 1 else ""), mutant, outcome


def _row(name: str, row: Counter[str]) -> str:
    counted = f"{_all(row):8}{row[KILLED]:8}{row[TIMEOUT]:6}{row[SURVIVED]:9}{row['explained']:10}"
    return f"{name:34}{counted}{_score(row):8.1%}"


def _all(row: Counter[str]) -> int:
    return row[KILLED] + row[TIMEOUT] + row[SURVIVED]


def _score(row: Counter[str]) -> float:
    return (row[KILLED] + row[TIMEOUT]) / max(1, _all(row))


def _explained() -> dict[str, str]:
    lines = [line for line in EXPLAINED.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" — ")[0]: line.rpartition(" — ")[2] for line in lines}


def _short(module: str) -> str:
    return module.partition(".")[2]


if __name__ == "__main__":
    sys.exit(main())
