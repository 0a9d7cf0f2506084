"""Every check with one command.

    nox              every check, as the build server runs them

The sessions share one environment in `.nox/`, so that its packages are installed once.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["check"]

ROOT = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium")
CONSTRAINTS = ("-c", "constraints.txt")


def _install_project(session: nox.Session) -> None:
    session.install("-e", ".[sandbox]", *CONSTRAINTS)
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test", "lint")
    session.install(*groups, *CONSTRAINTS)


def _install_chromium(session: nox.Session) -> None:
    """The pages are tested in a real browser: Debian's, because a downloaded one may not run everywhere."""
    if CHROMIUM.exists():
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        session.error("the page tests need /usr/bin/chromium: run `apt-get install chromium` as root")
    session.run("apt-get", "update", "-qq", external=True)
    session.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", external=True)


@nox.session
def check(session: nox.Session) -> None:
    """Every check. The first that fails ends the run; the tests come last."""
    _install_project(session)
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy", "src", "tests", "noxfile.py")
    session.run("lint-imports")
    _core_wheel(session)
    _install_chromium(session)
    session.run("pytest", "-n", "2", "tests/unit/paywall_core", "--cov", "--cov-fail-under=100", "-q")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session
def constraints(session: nox.Session) -> None:
    """Renew constraints.txt: the newest packages that fit together. Not part of the checks."""
    session.install("uv")
    compiled = session.run(
        "uv", "pip", "compile", "pyproject.toml", "--all-extras", "--group", "test", "--group", "lint",
        "--universal", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--upgrade",
        silent=True, log=False,
    )  # fmt: skip
    (ROOT / "constraints.txt").write_text(str(compiled), encoding="utf-8")


def _core_wheel(session: nox.Session) -> None:
    """Build the core's own wheel and try it alone: it needs msgspec and nothing else."""
    wheels = Path(session.create_tmp()).resolve() / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    session.run("python", "-m", "build", "--wheel", "--outdir", str(wheels), "packaging/paywall-core", silent=True)
    (wheel,) = wheels.glob("paywall_core-*.whl")
    alone = Path(session.create_tmp()).resolve() / "alone"
    shutil.rmtree(alone, ignore_errors=True)
    session.run("python", "-m", "venv", str(alone))
    python = alone / "bin" / "python"
    session.run(str(python), "-m", "pip", "install", "-q", str(wheel), *CONSTRAINTS, external=True)
    subprocess.run([str(python), "-I", str(ROOT / "packaging" / "try_core.py")], check=True, cwd=alone)
