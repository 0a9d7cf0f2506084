"""The image without an engine: the Dockerfile's own rules, the exact files, the user, the start commands."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.deploy.kit import DEPLOY, FILLED, ROOT, Stage, check_command, sent_to_builder, stages

HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.fixture(scope="module")
def image() -> Stage:
    """The last stage."""
    return stages((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))[-1]


@pytest.fixture(scope="module")
def build() -> Stage:
    """The stage before it."""
    return stages((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))[0]


@pytest.fixture(scope="module")
def installed(build: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel, made of nothing but what the builder is sent, puts into the image's `site-packages`."""
    context, place = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("installed")
    for path in _tracked():
        if sent_to_builder(path) and _is_copied(build, path):
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, context / path)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place], cwd=context, check=True)  # noqa: S603  - ours
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place / "site-packages")
    return place / "site-packages"


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  - the user's own git
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def _is_copied(build: Stage, path: str) -> bool:
    sources = [source for origin, names, _ in build.copied if origin is None for source in names]
    return any(path == source or path.startswith(f"{source}/") for source in sources)


def test_the_linter_finds_nothing() -> None:
    """Hadolint, with all of its rules."""
    done = subprocess.run([HADOLINT, "--no-color", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)  # noqa: S603  - our own file
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_bites(tmp_path: Path) -> None:
    """A start command that needs a shell is found."""
    spoilt = tmp_path / "Dockerfile"
    spoilt.write_text((DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace('CMD ["serve"]', "CMD serve"))
    done = subprocess.run([HADOLINT, "--no-color", spoilt], capture_output=True, text=True, check=False)  # noqa: S603  - as above
    assert done.returncode != 0
    assert "DL3025" in done.stdout


def test_it_runs_as_a_number_that_is_not_root(image: Stage) -> None:
    """Kubernetes cannot check a name, and root in a container is root."""
    assert image.user == "10001:10001"
    assert any("install -d -o 10001 -g 10001 -m 0750 /var/lib/paywall" in run for run in image.runs)
    assert image.workdir == "/var/lib/paywall"


def test_every_role_starts_by_one_entry_point(image: Stage) -> None:
    """Without a shell, so that SIGTERM reaches the process; what is said without a word is a command too."""
    assert image.entrypoint == ["paywall"]
    assert check_command(image.cmd) == "serve"
    assert image.stop_signal == "SIGTERM"
    assert image.exposed == ["8000", "8081"]
    assert image.env["PATH"].split(":")[0] == "/opt/paywall/bin"
    assert (image.env["HTTP_HOST"], image.env["BOT_HTTP_HOST"]) == ("0.0.0.0", "0.0.0.0")  # noqa: S104  - a container's


def test_the_image_gets_the_environment_and_nothing_else(image: Stage, build: Stage) -> None:
    """No sources, no constraints, no tool that built it, no installer."""
    assert image.copied == [("build", ["/opt/paywall"], "/opt/paywall")]
    assert image.base == build.base
    assert "-c constraints.txt" in " ".join(build.runs)
    assert "--without-pip /opt/paywall" in " ".join(build.runs)
    assert not any(word in " ".join(image.runs) for word in ("apt-get", "pip install", "gcc", "curl"))
    assert any("rm -rf /usr/local/lib/python3*/site-packages/*" in run for run in image.runs)


def test_the_builder_is_sent_what_the_wheel_is_made_of(build: Stage) -> None:
    """No key, no database, no history, whatever lies about here; and everything that is copied gets there."""
    assert {name for _, names, _ in build.copied for name in names} == {
        "constraints.txt", "pyproject.toml", "README.md", "LICENSE", "src"
    }  # fmt: skip
    secrets = [".env", "paywall.env", "paywall.db", ".git/config", "src/.env", "src/paywall.db", "deploy/compose.yaml"]
    assert [path for path in secrets if sent_to_builder(path)] == []
    assert [path for path in _tracked() if _is_copied(build, path) and not sent_to_builder(path)] == []


def test_the_image_holds_every_file_of_the_sources_and_no_other(installed: Path) -> None:
    """Templates, catalogues and migrations too; no test, no key."""
    held = {p.relative_to(installed).as_posix() for p in installed.rglob("*") if p.is_file()}
    ours = {name for name in held if ".dist-info/" not in name}
    assert ours == {path.removeprefix("src/") for path in _tracked() if path.startswith("src/")}
    assert {name.split(".dist-info/")[1] for name in held - ours} == {
        "METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"
    }  # fmt: skip
    (entry_points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "paywall = entrypoints.cli:main" in entry_points.read_text(encoding="utf-8")


def test_compiled_once_it_runs_and_writes_nothing_but_its_database(
    image: Stage, installed: Path, tmp_path: Path
) -> None:
    """With the image's environment and SQLite: the only new files are those in the directory that is a volume."""
    words = ["-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    compiled = [sys.executable, *words, str(installed)]
    subprocess.run(compiled, check=True)  # noqa: S603  - ours
    before = _stamps(installed)
    environ = {**image.env, **FILLED, "PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "TMPDIR": str(tmp_path)}
    state = tmp_path / "state"
    state.mkdir()
    program = "import entrypoints.cli as c, sys; print(c.__file__, file=sys.stderr); c.main(['migrate'])"
    done = subprocess.run(  # noqa: S603  - as above
        [sys.executable, "-c", program], env=environ, cwd=state, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == str(installed / "entrypoints" / "cli" / "__init__.py")
    assert _stamps(installed) == before
    assert {path.name for path in state.iterdir()} <= {"paywall.db", "paywall.db-wal", "paywall.db-shm"}
    assert (state / "paywall.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def _stamps(place: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in place.rglob("*")}
