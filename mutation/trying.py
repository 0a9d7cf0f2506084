"""Runs the tests against mutants.

A defect in a function is put into the running function, in a fork of a process that has collected all tests. One that
acts on import (a table, a default, a stored word) is put into its module, in a fork of a process that has imported none
of the core: the tests are collected again, which costs a third of a second.
"""

import ast
import gc
import importlib.abc
import importlib.util
import json
import os
import sys
import tempfile
import types
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.stateful
import msgspec  # noqa: F401  - imported once, here, and not again in every process
import pytest
import pytest_asyncio  # noqa: F401  - as above
import structlog  # noqa: F401  - as above
from mutation.learning import Selection, Watch, by_file
from mutation.mutants import Finder, Mutant
from mutation.places import CORE, ROOT, TESTS, file_of
from mutation.processes import KILLED, SURVIVED, Outcome, Pool, fork

# They try the test equipment.
SLOW = ("testing", "test_state_machine.py", "test_testing.py", "test_contracts.py", "test_contracts_bite.py")
PLUGINS = ("pytest_asyncio.plugin", "_hypothesis_pytestplugin", "pytest_timeout")
UNWANTED = ("cacheprovider", "unraisableexception", "threadexception", "faulthandler")
PYTEST = [
    "-q", "-x", "-s", "--no-header", "--assert=plain", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}",
    "-o", "timeout=0", "--hypothesis-profile=mutation", *(f"--ignore={TESTS / name}" for name in SLOW),
    *(part for name in PLUGINS for part in ("-p", name)), *(part for name in UNWANTED for part in ("-p", f"no:{name}")),
]  # fmt: skip


def prepare() -> None:
    """Make this process one that can try mutants. It must not have imported the core."""
    sys.path[:0] = [str(CORE.parent), str(ROOT / "scripts")]
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # importing all that is installed takes longer than the tests
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(tempfile.gettempdir()) / "paywall-mutation")
    hypothesis.settings.register_profile(
        "mutation", deadline=None, derandomize=True, database=None, max_examples=60,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )  # fmt: skip


def learn() -> Selection:
    """Run all tests once, in a process of its own, and see what each reaches."""

    def work(told: Path) -> int:
        watch = Watch()
        watch.measure.start()
        code = _pytest([str(TESTS)], watch)
        watch.measure.stop()
        told.write_text(json.dumps(watch.told()), "utf-8")
        return code

    told = _in_a_child(work)
    if told is None:
        raise SystemExit("the tests fail without any mutant")
    return Selection(told)


def check(selection: Selection) -> None:
    """Let a defect that is none be tried: when the tests notice it, they would notice anything."""
    name = "paywall_core.lifecycle"
    tree = ast.parse(file_of(name).read_text("utf-8"))
    none = Mutant(
        module=name, scope="", function=None, lines=(1, 1), text="unchanged",
        parent=tree, name="type_ignores", index=None, new=[],
    )  # fmt: skip
    outcomes: list[Outcome] = []
    pool = Pool(1, lambda _, outcome: outcomes.append(outcome))
    _start_on_import(none, tree, selection, pool)
    pool.finish()
    if outcomes[0].what != SURVIVED:
        raise SystemExit(f"an unchanged module fails: {outcomes[0]}")


def try_module(name: str, selection: Selection, processes: int) -> list[tuple[Mutant, Outcome]]:
    """Every mutant of a module, in the order of the source, and how it ended."""
    tree = ast.parse(file_of(name).read_text("utf-8"))
    mutants = list(Finder(name, tree).mutants())
    places = {id(mutant): at for at, mutant in enumerate(mutants)}
    outcomes: dict[int, Outcome] = {}

    def ended(mutant: Mutant, outcome: Outcome) -> None:
        outcomes[places[id(mutant)]] = outcome
        selection.noticed[outcome.test] += outcome.what == KILLED

    pool = Pool(processes, ended)
    for mutant in mutants:
        if mutant.function is None:
            _start_on_import(mutant, tree, selection, pool)
    pool.finish()

    def work(told: Path) -> int:
        code = _pytest(["-q", str(TESTS)], _Inside(mutants, tree, selection, pool))
        told.write_text(json.dumps({at: [one.what, one.test] for at, one in outcomes.items()}), "utf-8")
        return code

    if any(mutant.function for mutant in mutants):
        told = _in_a_child(work)
        if told is None:
            raise SystemExit(f"the mutants of {name} could not be tried")
        outcomes = {int(at): Outcome(what=what, test=test) for at, (what, test) in told.items()}
    return [(mutant, outcomes[at]) for at, mutant in enumerate(mutants)]


class _Inside:
    """A pytest plugin: in place of the tests it runs the mutants, each in a fork of this warm process."""

    def __init__(self, mutants: list[Mutant], tree: ast.Module, selection: Selection, pool: Pool) -> None:
        self.mutants, self.tree, self.selection, self.pool = mutants, tree, selection, pool
        self.note: Callable[[str], None] | None = None

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        functions = defaultdict(list)
        gc.unfreeze()  # the tests' conftest keeps what was imported out of the collector's sight, and of ours
        for one in gc.get_objects():
            if isinstance(one, types.FunctionType) and str(one.__module__).startswith("paywall_core."):
                functions[one.__module__, one.__code__.co_qualname, one.__code__.co_firstlineno].append(one)
        gc.freeze()
        for mutant in self.mutants:
            if mutant.function is not None:
                place = functions[(mutant.module, *mutant.function[:2])]
                if not place:
                    raise LookupError(mutant.module, mutant.function)
                tests = self.selection.of(mutant)
                chosen = [items[test] for test in tests]
                work = lambda note, m=mutant, p=place, c=chosen: self._try(m, p, c, note)  # noqa: E731
                self.pool.start(mutant, work, self.selection.limit(tests))
        self.pool.finish()
        return True

    def _try(
        self, mutant: Mutant, functions: list[types.FunctionType], items: list[pytest.Item], note: Callable[[str], None]
    ) -> int:
        self.note = note
        mutant.apply()
        module = compile(self.tree, str(file_of(mutant.module)), "exec", dont_inherit=True)
        assert mutant.function
        code = _code(module, *mutant.function[:2])
        for function in functions:
            function.__code__ = code
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.note:
            self.note(report.nodeid)
            os._exit(1)


class _Outside:
    """A pytest plugin: runs the chosen tests in their order, and ends with the first that fails."""

    def __init__(self, tests: Sequence[str], note: Callable[[str], None]) -> None:
        self.place, self.note = {test: at for at, test in enumerate(tests)}, note

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.place), key=lambda item: self.place[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.note(report.nodeid)
            os._exit(1)


class _OnImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of the core from a changed tree."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module, self.tree = module, tree

    def find_spec(self, fullname: str, *_: Any) -> Any:
        if fullname != self.module:
            return None
        return importlib.util.spec_from_file_location(fullname, str(file_of(self.module)), loader=self)

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(self.tree, str(file_of(self.module)), "exec", dont_inherit=True), module.__dict__)  # noqa: S102


def _start_on_import(mutant: Mutant, tree: ast.Module, selection: Selection, pool: Pool) -> None:
    tests = selection.of(mutant)

    def work(note: Callable[[str], None]) -> int:
        mutant.apply()
        sys.meta_path.insert(0, _OnImport(mutant.module, tree))
        return _pytest(by_file(tests), _Outside(tests, note))

    pool.start(mutant, work, selection.limit(tests))


def _in_a_child(work: Callable[[Path], int]) -> Any:
    """What the work wrote as JSON in a process of its own; None when it failed."""
    with tempfile.TemporaryDirectory() as place:
        told = Path(place) / "told.json"
        pid = fork(lambda: work(told), 36_000, quiet=False)
        return None if os.waitpid(pid, 0)[1] else json.loads(told.read_text("utf-8"))


def _pytest(arguments: list[str], *plugins: object) -> int:
    return int(pytest.main([*PYTEST, *arguments], plugins=list(plugins)))


def _code(code: types.CodeType, name: str, line: int) -> types.CodeType:
    """The code of the function of that name and first line."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            if inner.co_qualname == name and inner.co_firstlineno == line:
                return inner
            if name.startswith(inner.co_qualname + "."):
                found = _code(inner, name, line)
                if found is not None:
                    return found
    raise LookupError(name)
