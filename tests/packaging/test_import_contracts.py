"""The import contracts of pyproject.toml bite: each one breaks when the import that it forbids is planted in a copy."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")
VERDICT = re.compile(r"^(.+) (KEPT|BROKEN)(?: \(\d+ ignored imports?\))?$", re.MULTILINE)

PLANTED = [
    ("paywall_core/facts.py", "adapters.i18n", "entrypoints -> adapters -> core"),
    ("adapters/smtp/mailer.py", "entrypoints.settings", "entrypoints -> adapters -> core"),
    ("paywall_core/facts.py", "paywall_core.policy", "inside the core"),
    ("paywall_core/policy.py", "paywall_core.lifecycle", "inside the core"),
    ("paywall_core/lifecycle.py", "paywall_core.order", "inside the core"),
    ("paywall_core/ports/clock.py", "paywall_core.use_cases.sweep_lapsed", "inside the core"),
    ("adapters/http/app.py", "adapters.db.engine", "adapters do not import each other"),
    ("adapters/i18n/__init__.py", "adapters.bot.words", "adapters do not import each other"),
    ("adapters/loading.py", "adapters.bot.words", "adapters do not import each other"),
    ("paywall_core/money.py", "sqlalchemy", "the core needs the standard library and msgspec"),
    ("paywall_core/testing/store.py", "hypothesis", "only the state machine for tests knows Hypothesis"),
    ("paywall_core/testing/store.py", "pytest", "only the contracts for tests know pytest"),
    ("entrypoints/processes.py", "dependency_injector", "only the composition root knows dependency-injector"),
    ("entrypoints/processes.py", "entrypoints.sandbox.troubles", "no product code knows the sandbox"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources and of the contracts, to be spoilt."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def broken_contracts(copy: Path) -> list[str]:
    """Names of the contracts that do not hold in the copy."""
    done = subprocess.run(  # noqa: S603  - our own linter on our own copy
        [LINT, "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = dict(VERDICT.findall(done.stdout))
    assert set(verdicts) == {contract["name"] for contract in contracts()}, done.stdout + done.stderr
    return [name for name, verdict in verdicts.items() if verdict == "BROKEN"]


def contracts() -> list[dict[str, Any]]:
    """The contracts as they are written."""
    written: list[dict[str, Any]] = pyproject()["tool"]["importlinter"]["contracts"]
    return written


def pyproject() -> dict[str, Any]:
    """The project's own description."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("place", "imported", "contract"), PLANTED)
def test_a_forbidden_import_breaks_its_contract(copy: Path, place: str, imported: str, contract: str) -> None:
    """An import that the house forbids is found, wherever it is hidden."""
    spoilt = copy / "src" / place
    with spoilt.open("a", encoding="utf-8") as source:
        source.write(f"\n\ndef hidden() -> None:\n    import {imported}\n")
    assert any(name.startswith(contract) for name in broken_contracts(copy))


def test_a_new_adapter_must_be_placed_in_the_contract(copy: Path) -> None:
    """An adapter that no contract lists would be free to import the others."""
    package = copy / "src" / "adapters" / "fax"
    package.mkdir()
    (package / "__init__.py").write_text('"""A new adapter."""\n', encoding="utf-8")
    done = subprocess.run(  # noqa: S603  - as above
        [LINT, "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "fax" in done.stdout + done.stderr


def test_the_contracts_hold_in_an_unspoilt_copy(copy: Path) -> None:
    """Nothing breaks without a planted import, so what the other tests see is the planted import."""
    assert broken_contracts(copy) == []


def test_every_dependency_but_msgspec_is_forbidden_to_the_core() -> None:
    """A dependency that is added to the service is not by that allowed in the core."""
    from packaging.requirements import Requirement  # noqa: PLC0415  - beside the one test that needs it
    from packaging.utils import canonicalize_name  # noqa: PLC0415  - as above

    project = pyproject()["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["sandbox"]]
    names = {canonicalize_name(Requirement(line).name) for line in declared} - {"msgspec"}
    imported = {
        module: {canonicalize_name(distribution) for distribution in distributions}
        for module, distributions in packages_distributions().items()
    }
    needed = {module for module, distributions in imported.items() if distributions & names}
    (contract,) = [c for c in contracts() if c["name"].startswith("the core needs")]
    public = {module for module in needed if not module.startswith("_")}
    assert public, "no dependency is installed"
    assert public <= set(contract["forbidden_modules"])
