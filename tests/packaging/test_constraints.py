"""constraints.txt pins what the project installs, by name and version alone."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*==[0-9][0-9a-z.+!]*(?: ; [\w\s.'\"<>=!()]+)?")


def pins() -> dict[str, str]:
    """Version by package."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {str(canonicalize_name(r.name)): str(r.specifier) for r in map(Requirement, lines)}


def declared() -> Iterator[Requirement]:
    """Everything that pyproject.toml asks for."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [written["project"]["dependencies"], *written["project"]["optional-dependencies"].values()]
    # What only the fuzzer, the benchmark, the examples or the site need has an environment of its own.
    for name, group in written["dependency-groups"].items():
        if name not in ("fuzz", "benchmark", "embedding", "docs"):
            groups.append(group)
    for group in groups:
        yield from map(Requirement, group)


def needed() -> set[str]:
    """Names of everything that an installation brings here, followed from package to package."""
    seen: set[tuple[str, str]] = set()
    waiting = list(declared())
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                asked = distribution(name).requires or []
            except PackageNotFoundError as error:
                raise AssertionError(f"{name} is asked for and not installed") from error
            environment = {**default_environment(), "extra": extra}
            further = map(Requirement, asked)
            waiting += [
                r for r in further if r.marker is None or r.marker.evaluate({k: str(v) for k, v in environment.items()})
            ]
    return {name for name, _ in seen}


def test_every_line_is_a_name_and_a_version() -> None:
    """No address, no hash, no option: the file works with any package index."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not PIN.fullmatch(line)] == []


def test_every_package_that_is_installed_for_the_project_is_pinned() -> None:
    """Two clones of one commit get the same packages."""
    assert needed() - set(pins()) == set()


def test_every_pin_satisfies_what_the_project_asks_for() -> None:
    """The pins and pyproject.toml do not contradict each other."""
    pinned = pins()
    wrong = {
        requirement.name: pinned[name]
        for requirement in declared()
        if not requirement.specifier.contains(pinned[name := canonicalize_name(requirement.name)].removeprefix("=="))
    }
    assert wrong == {}
