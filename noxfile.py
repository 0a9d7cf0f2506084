"""Every check with one command, and the sandbox with another.

    nox                 every check, as the build server runs them; the tests come last
    nox -s tests -- …   one session alone; what follows `--` goes to pytest
    nox -s sandbox      the whole product on this machine, with no account anywhere
    nox -s service_wheel    the examples that use parts of the service, over its built wheel
    nox -s constraints  the newest packages that fit together
    nox -s docs         the docs as a site, in build/docs
    nox -s generate     the pages of docs/ that are made from the code, written anew
    nox -s screenshots  docs/images, taken anew by the page tests
    nox -s dashboard    docs/images/dashboard.png, from two APIs, a worker and Prometheus itself
    nox -s benchmark    our service beside the bare limit and the usual stack; see benchmarks/README.md
    nox -s restore_timing    can anybody tell by the clock whether an address has paid?
    nox -s lives        every life of a payment in every order of its events, and a thousand orders without webhooks
    nox -s simulate -- --seed N    one simulated history; without a seed, a thousand; `--histories N`: so many
    nox -s small_worlds    every order of every small set of events, and every two use cases at once
    nox -s planted      how soon is each planted defect found?
    nox -s growth       what every statement reads beside a million orders
    nox -s crashes      real processes killed under load, by the hundred
    nox -s upgrade      from one version to the next under load, for hundreds of customers
    nox -s hostile      many more hostile inputs
    nox -s fuzz         hostile inputs guided by coverage; `-- --seconds N`
    nox -s mutation     does a test fail for each small change of the core?
    nox -s image        the image of deploy/, built and run; needs Docker or Podman
    nox -s messages     the catalogues of what customers read, brought in step with the code

The checks share the environment of the session `environment`, so that its packages are installed once. With uv each
environment takes seconds; without it nox falls back on virtualenv and pip.
"""

import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"  # sessions that require another
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = [
    "lint",
    "types",
    "imports",
    "generated",
    "docs",
    "core_wheel",
    "core_coverage",
    "pages",
    "tests",
]

ROOT = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium-headless-shell")  # the browser without its own windows, which nobody looks at
WRK = Path("/usr/bin/wrk")
PGBOUNCER = Path("/usr/sbin/pgbouncer")
PROMETHEUS = Path("/usr/bin/prometheus")
CONSTRAINTS = ("-c", "constraints.txt")
WORKERS = "4"  # two for each core of a small machine: half of its time such a test waits for a server or a browser
SIDE_BY_SIDE = (
    "-n",
    WORKERS,
    "--dist",
    "worksteal",
)  # so that nobody is idle while another has the long ones before it
EVERYTHING_ELSE = (
    "tests/unit/adapters",
    "tests/unit/entrypoints",
    "tests/integration",
    "tests/packaging",
    "tests/docs",
    "examples/aiogram_bot",  # the other two need frameworks that the service does without: `core_wheel` tries them
    "examples/stripe_events",
    "tests/deploy",
    "--ignore=tests/integration/crashes",  # a session of its own: half a minute of waiting for killed servers
)
# With nothing of ours around it: neither the sources on the path (`-I`), nor our settings, nor our fixtures.
BY_PYTEST_ALONE = ("python", "-I", "-m", "pytest", "-q", "-c", "packaging/examples.ini", "--noconftest")
CONTRACTS = ("tests/unit/paywall_core/test_contracts.py",)
SHARED = ROOT / ".nox" / "environment" / ("Scripts" if sys.platform == "win32" else "bin")


@nox.session
def environment(session: nox.Session) -> None:
    """The environment that the checks share: the service, its sandbox, and what checks them."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test", "lint")
    session.install("-e", ".[sandbox,tracing]", *groups, *CONSTRAINTS)


@nox.session(venv_backend="none", requires=["environment"])
def lint(session: nox.Session) -> None:
    """Form and style."""
    _run(session, "ruff", "format", "--check", ".")
    _run(session, "ruff", "check", ".")


@nox.session(venv_backend="none", requires=["environment"])
def types(session: nox.Session) -> None:
    """Strict types, in the tests too."""
    _run(session, "mypy", "src", "tests", "scripts", "packaging", "benchmarks", "fuzz", "mutation", "noxfile.py",
         "docs/conf.py", "examples/aiogram_bot/bot.py", "examples/stripe_events/access.py")  # fmt: skip


@nox.session(venv_backend="none", requires=["environment"])
def imports(session: nox.Session) -> None:
    """The import contracts of pyproject.toml."""
    _run(session, "lint-imports")


@nox.session(venv_backend="none", requires=["environment"])
def generated(session: nox.Session) -> None:
    """The pages of the docs that are made from the code are today's."""
    _run(session, "python", "scripts/generated_docs.py", "--check")


@nox.session
def docs(session: nox.Session) -> None:
    """The docs as a site, in build/docs; no link or anchor leads nowhere, and nothing is loaded from elsewhere."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "docs")
    session.install(*groups, *CONSTRAINTS)
    site = ROOT / "build" / "docs"
    shutil.rmtree(site, ignore_errors=True)
    doctrees = str(Path(session.create_tmp()).resolve() / "doctrees")
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "-q", "-E", "-d", doctrees, "docs", str(site))
    session.run("python", "packaging/check_site.py", str(site))
    session.log(f"open {site / 'index.html'}")


@nox.session(requires=["environment"], reuse_venv=False)
def core_wheel(session: nox.Session) -> None:
    """The core's own wheel, tried alone, and then as an embedder has it: types, contracts and examples."""
    wheel = _build_wheel(session, "packaging/paywall-core")
    _run(session, "python", "packaging/check_wheel.py", wheel)
    session.install(wheel, *CONSTRAINTS)
    session.run("python", "-I", "packaging/try_core.py")
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "embedding")
    session.install(f"{wheel}[testing]", *groups, *CONSTRAINTS)
    session.run("python", "-I", "packaging/check_types.py", "packaging/type_tests")
    session.run(*BY_PYTEST_ALONE, "examples/fastapi_shop", "examples/django_members", *CONTRACTS)


@nox.session(requires=["environment"], reuse_venv=False)
def service_wheel(session: nox.Session) -> None:
    """The service's wheel in a bot and a script of others. Not part of the checks, which try them over the sources."""
    session.install(_build_wheel(session, "."), "pytest", *CONSTRAINTS)
    session.run(*BY_PYTEST_ALONE, "examples/aiogram_bot", "examples/stripe_events")


@nox.session(venv_backend="none", requires=["environment"])
def core_coverage(session: nox.Session) -> None:
    """The core's own tests take every branch of it."""
    _run(session, "pytest", "-n", "2", "-q", "tests/unit/paywall_core", "--cov", "--cov-fail-under=100")


@nox.session(venv_backend="none", requires=["environment"])
def pages(session: nox.Session) -> None:
    """What a customer sees, in a real browser."""
    _need_debian(session, CHROMIUM.name, CHROMIUM)
    _run(session, "pytest", *SIDE_BY_SIDE, "tests/pages", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def lives(session: nox.Session) -> None:
    """The table of lives with every variation, and 1,000 orders reconciled. Not part of the checks."""
    session.env["PAYWALL_LIVES"] = "all"
    _run(session, "pytest", "-n", "2", "-s", "tests/integration/lives", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def simulate(session: nox.Session) -> None:
    """Simulated histories; see docs/correctness.md. Not part of the checks, which run some hundreds of them."""
    _run(session, "python", "-m", "tests.integration.simulation", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def small_worlds(session: nox.Session) -> None:
    """All interleavings of small worlds, and all pairs of use cases at every statement. Not part of the checks."""
    session.env["PAYWALL_SMALL_WORLDS"] = "all"
    _run(session, "pytest", "-n", "2", "tests/integration/small_worlds", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def planted(session: nox.Session) -> None:
    """The first history that finds each planted defect. Not part of the checks, which know the seeds."""
    _run(session, "python", "-m", "tests.integration.planted", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def growth(session: nox.Session) -> None:
    """Every statement beside a million orders, and beside a tenth of them. Not part of the checks, which take fewer."""
    session.env.setdefault("PAYWALL_GROWTH", "1000000")
    _run(session, "pytest", "-q", "tests/integration/growth", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def crashes(session: nox.Session) -> None:
    """Real processes, databases and connections killed at random under load, for minutes. Not part of the checks."""
    session.env["PAYWALL_CRASHES"] = "all"
    _run(session, "pytest", "-n", "2", "tests/integration/crashes", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def upgrade(session: nox.Session) -> None:
    """A roll-over under load, a careless one that must be noticed, and a restored backup. The checks do short ones."""
    session.env["PAYWALL_UPGRADE"] = "all"
    _run(session, "pytest", "tests/integration/upgrade", "tests/integration/backup", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def hostile(session: nox.Session) -> None:
    """Hostile inputs, many more than the checks try."""
    session.env["PAYWALL_HOSTILE"] = "all"
    _run(session, "pytest", "-n", "2", "tests/integration/hostile", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Hostile inputs guided by the coverage of our own code (Linux, CPython). Not part of the checks."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test", "fuzz")
    session.install("-e", ".[sandbox]", *groups, *CONSTRAINTS)
    session.run("python", "fuzz/run.py", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def mutation(session: nox.Session) -> None:
    """Small changes of the core, one at a time: each must make a test fail. Not part of the checks: half an hour."""
    _run(session, "python", "-m", "mutation.run", "--processes", "2", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def tests(session: nox.Session) -> None:
    """Everything else: units, and the adapters on SQLite, PostgreSQL and real protocols."""
    _run(session, "pytest", *SIDE_BY_SIDE, *(session.posargs or EVERYTHING_ELSE))


@nox.session
def sandbox(session: nox.Session) -> None:
    """The product and the world around it on loopback; prints one address to open. Ctrl-C ends it."""
    session.install("-e", ".[sandbox,tracing]", *CONSTRAINTS)
    session.run("paywall", "sandbox", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def generate(session: nox.Session) -> None:
    """Write the pages of docs/ that are made from the code. Not part of the checks."""
    _run(session, "python", "scripts/generated_docs.py")


@nox.session(venv_backend="none")
def image(session: nox.Session) -> None:
    """The image, built and run as in production, where there is a container engine. Not part of the checks."""
    session.run(sys.executable, "packaging/try_image.py", *session.posargs, external=True)


@nox.session(venv_backend="none", requires=["environment"])
def messages(session: nox.Session) -> None:
    """Bring the catalogues in step with the words in the code. Not part of the checks: a test says when it is due."""
    _run(session, "python", "scripts/messages.py")


@nox.session(venv_backend="none", requires=["environment"])
def screenshots(session: nox.Session) -> None:
    """Take the pictures of the docs anew, by the page tests. Not part of the checks."""
    _need_debian(session, CHROMIUM.name, CHROMIUM)
    pictures = ROOT / "docs" / "images"
    pictures.mkdir(exist_ok=True)
    session.env["PAYWALL_SCREENSHOTS"] = str(pictures)
    _run(session, "pytest", *SIDE_BY_SIDE, "tests/pages", "tests/integration/otel", *session.posargs)


@nox.session
def dashboard(session: nox.Session) -> None:
    """Draw the dashboard as Prometheus saw a real run, and hold the tests' PromQL against its own. Not a check."""
    _need_debian(session, "prometheus", PROMETHEUS)
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test", "benchmark")
    session.install("-e", ".[sandbox]", *groups, *CONSTRAINTS)
    session.run("python", "-m", "tests.integration.observability", *session.posargs)


@nox.session
def benchmark(session: nox.Session) -> None:
    """The hot calls under load, as ratios to two references (Linux). Not part of the checks: minutes to hours."""
    _need_debian(session, "wrk", WRK)
    if "--scaled" in session.posargs:
        _need_debian(session, "pgbouncer", PGBOUNCER)
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test", "benchmark")
    session.install("-e", ".[sandbox]", *groups, *CONSTRAINTS)
    # Ours is measured as an operator has it: alone in its environment, and compiled. What finds the tests' packages
    # loads some of them, and what has to compile itself takes longer to start; both hold more.
    alone = Path(session.create_tmp()).resolve() / "service"
    session.run("python", "-m", "venv", "--clear", str(alone))
    python = str(alone / Path(session.bin).name / "python")
    session.run(python, "-m", "pip", "install", "-q", ".", *CONSTRAINTS, external=True)
    program = str(Path(python).with_name("paywall"))
    session.run("python", "-m", "benchmarks.run", "--service", program, *session.posargs)


@nox.session(venv_backend="none", requires=["environment"])
def restore_timing(session: nox.Session) -> None:
    """The time of a restore for known and unknown addresses, side by side. Not part of the checks."""
    _run(session, "python", "benchmarks/restore_timing.py", *session.posargs)


@nox.session
def constraints(session: nox.Session) -> None:
    """Renew constraints.txt: the newest packages that fit together. Not part of the checks."""
    session.install("uv")
    compiled = session.run(
        "uv", "pip", "compile", "pyproject.toml", "--all-extras", "--group", "test", "--group", "lint",
        "--group", "embedding", "--group", "docs",
        "--universal", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--upgrade",
        silent=True, log=False,
    )  # fmt: skip
    (ROOT / "constraints.txt").write_text(str(compiled), encoding="utf-8")


def _build_wheel(session: nox.Session, project: str) -> str:
    """Its path; built by the shared environment, so that the session's own holds nothing but what is tried."""
    wheels = Path(session.create_tmp()).resolve() / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    _run(session, "python", "-m", "build", "--wheel", "--outdir", str(wheels), project, silent=True)
    (wheel,) = wheels.glob("*.whl")
    return str(wheel)


def _need_debian(session: nox.Session, package: str, program: Path) -> None:
    """Debian's own, because a downloaded program may not run everywhere."""
    if program.exists():
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        session.error(f"{program} is needed: run `apt-get install {package}` as root")
    session.run("apt-get", "update", "-qq", external=True)
    session.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package, external=True)


def _run(session: nox.Session, program: str, *arguments: str, silent: bool = False) -> None:
    """Run a program of the shared environment; what is compiled is kept, whatever the machine's own rule.

    An image that sets `PYTHONDONTWRITEBYTECODE` would have each process compile every module that it imports anew, for
    half of its processor time.
    """
    session.run(str(SHARED / program), *arguments, silent=silent, external=True, env={"PYTHONDONTWRITEBYTECODE": None})
