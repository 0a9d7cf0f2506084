"""Which tests reach which lines of the core, and how long each takes: learned from one run of all of them."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest
from mutation.mutants import Mutant
from mutation.places import CORE, ROOT, module_of


class Watch:
    """A pytest plugin: notes which test runs, its seconds of processor time, and which lines of the core it reaches."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.measure = coverage.Coverage(data_file=None, source=[str(CORE)], config_file=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measure.switch_context(item.nodeid)
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - began

    def told(self) -> dict[str, Any]:
        """What was learned, for `Selection`."""
        data = self.measure.get_data()
        lines = {}
        for file in data.measured_files():
            lines[module_of(Path(file))] = {
                line: [context for context in contexts if context]
                for line, contexts in data.contexts_by_lineno(file).items()
            }
        return {"seconds": self.seconds, "lines": lines}


class Selection:
    """The tests that may notice a mutant, and in which order to ask them."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.seconds: dict[str, float] = told["seconds"]
        self.lines: dict[str, dict[int, set[str]]] = {
            module: {int(line): set(tests) for line, tests in lines.items()} for module, lines in told["lines"].items()
        }
        self.noticed: Counter[str] = Counter()
        self.texts = {file: (ROOT / file).read_text("utf-8") for file in {_file_of(test) for test in self.seconds}}

    def of(self, mutant: Mutant) -> list[str]:
        """Those that reach the changed lines; for a defect that acts on import, all, those that name it first.

        What is made on import is used from everywhere, and to read a constant runs no line of its module.
        """
        if mutant.function:
            found = self._touching(mutant.module, *mutant.lines)
            return self._ordered(found or self._touching(mutant.module, *mutant.function[1:]))
        name = mutant.scope.partition(".")[0]
        likely = self._touching(mutant.module, 0, 10_000) | {t for t in self.seconds if name in self.texts[_file_of(t)]}
        return self._ordered(likely) + self._ordered(set(self.seconds) - likely)

    def limit(self, tests: Iterable[str]) -> float:
        """Seconds of processor time after which a mutant hangs."""
        return min(20.0, 4 + 3 * sum(self.seconds[test] for test in tests))

    def _ordered(self, tests: set[str]) -> list[str]:
        """Those first that noticed the most mutants until now; then the quickest."""
        return sorted(tests, key=lambda test: (-self.noticed[test], self.seconds[test], test))

    def _touching(self, module: str, first: int, last: int) -> set[str]:
        return {t for line, tests in self.lines.get(module, {}).items() if first <= line <= last for t in tests}


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def by_file(tests: Iterable[str]) -> list[str]:
    """The files of the tests, each once."""
    files: dict[str, None] = defaultdict(None)
    for test in tests:
        files[_file_of(test)] = None
    return list(files)
