"""The operator's commands as real processes: what goes where, how they fail, and that help is quick."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import asyncpg
import pytest

from adapters.db.migrate import migrate
from tests.integration.entrypoints.shop import ENVIRON, Past, with_a_past

PAYWALL = Path(sys.executable).with_name("paywall")
HEAVY = ("aiogram", "asyncpg", "dependency_injector", "httpx", "litestar", "sqlalchemy", "stripe", "uvicorn")
COMMANDS = (
    ("orders", "revoke", "pi_anna", "--why", "x", "--yes"),
    ("outbox", "list"),
    ("sweep",),
)


def everything_in(directory: Path) -> list[str]:
    """The names of all files."""
    return sorted(path.name for path in directory.iterdir())


async def run(directory: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    """Run `paywall <words>` with these settings only: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        str(PAYWALL),
        *words,
        env={"PATH": os.environ["PATH"], "COLUMNS": "80", "NO_PROXY": "*", **environ},
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_service_loads_nothing_that_its_role_does_not_need(tmp_path: Path) -> None:
    """Each of them is megabytes and a good part of the start."""
    spared = ("aiogram", "alembic", "redis", "sqlalchemy.ext.asyncio")
    code = f"import sys, entrypoints.processes; print(*[name for name in {spared!r} if name in sys.modules])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, cwd=tmp_path)
    assert (await process.communicate())[0] == b"\n"


async def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """The commands are listed before a web framework or a database could be imported."""
    code = f"import sys, entrypoints.cli; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, cwd=tmp_path)
    assert (await process.communicate())[0] == b"\n"
    code_, out, _ = await run(tmp_path, "--help")
    assert code_ == 0
    for command in ("orders", "outbox", "reconcile", "sweep", "doctor", "serve"):
        assert f"  {command} " in out


@pytest.mark.parametrize(
    "words",
    [
        ("orders",),
        *(("orders", command) for command in ("list", "show", "explain", "revoke", "reinstate", "resend")),
        *(("outbox", command) for command in ("list", "retry")),
        ("reconcile",),
        ("sweep",),
        ("doctor",),
    ],
)
async def test_help_has_an_example(tmp_path: Path, words: tuple[str, ...]) -> None:
    """That begins as the command is typed."""
    code, out, _ = await run(tmp_path, *words, "--help")
    assert code == 0
    assert f"    paywall {' '.join(words)}" in out.partition("Example")[2]


async def test_piped_table_is_not_fitted_to_a_terminal(tmp_path: Path) -> None:
    """One order is one line, whatever COLUMNS says, and without colours; the settings are in `.env`."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}"
    await migrate(url)
    past: Past = await with_a_past(url)
    settings = {**ENVIRON, "DATABASE_URL": url}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    code, out, err = await run(tmp_path, "orders", "list", LOG_FORMAT="json")
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if line.startswith(str(past.anna))]
    assert line.endswith("Anna.Petrova@example.com")
    assert "\x1b" not in out
    code, out, err = await run(tmp_path, "orders", "explain", "pi_anna", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["has_access"] is True
    code, _, err = await run(tmp_path, "orders", "revoke", "pi_anna", "--why", "nobody is there to say yes")
    assert code == 1
    assert err.splitlines()[-1] == "paywall: nothing was changed (--yes does it without asking)"


@pytest.mark.parametrize("words", COMMANDS)
async def test_file_that_is_not_there_is_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    """It is not made, as a mistyped DATABASE_URL otherwise would be."""
    code, out, err = await run(tmp_path, *words, DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path / 'none.db'}")
    assert (code, out) == (1, "")
    assert err.startswith("paywall: DATABASE_URL: there is no file ")
    assert err.count("\n") == 1
    assert everything_in(tmp_path) == []


async def test_schema_that_is_not_ours_is_one_line(tmp_path: Path, empty_database_url: str) -> None:
    """It says what to do."""
    if empty_database_url.startswith("sqlite"):
        (tmp_path / "paywall.db").touch()
    code, out, err = await run(tmp_path, "orders", "list", DATABASE_URL=empty_database_url)
    assert (code, out) == (1, "")
    assert "`paywall migrate`" in err
    assert err.count("\n") == 1


async def test_server_that_is_away_or_refuses_is_one_line(tmp_path: Path) -> None:
    """Without the password of its URL."""
    url = "postgresql+asyncpg://paywall:hunter2@127.0.0.1:9/paywall"
    code, out, err = await run(tmp_path, "orders", "list", "--json", DATABASE_URL=url)
    assert (code, out) == (1, "")
    assert err.startswith("paywall: DATABASE_URL: ")
    assert err.count("\n") == 1
    assert "hunter2" not in err


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_database_that_fails_on_the_way_is_one_line(tmp_path: Path, database_url: str, engine_name: str) -> None:
    """A table that is gone, as it is while somebody restores a backup."""
    directory = Path(database_url.partition("host=")[2])
    name = database_url.partition("@/")[2].partition("?")[0]
    connection = await asyncpg.connect(host=str(directory), user="postgres", database=name)
    await connection.execute("ALTER TABLE orders RENAME TO orders_elsewhere")
    await connection.close()
    code, out, err = await run(tmp_path, "orders", "list", DATABASE_URL=database_url)
    assert (code, out, err) == (1, "", "paywall: the database failed: UndefinedTableError\n")


@pytest.mark.parametrize("words", [("reconcile",), ("doctor",), ("orders", "list")])
async def test_settings_that_are_missing_or_malformed_are_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    """With exit code 2, as of every other command; looking at orders needs only the database."""
    malformed = await run(tmp_path, *words, DATABASE_URL="mysql://nowhere")
    assert malformed[:2] == (2, "")
    assert malformed[2].startswith("paywall: DATABASE_URL is malformed")
    assert malformed[2].count("\n") == 1
    url = f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}"
    await migrate(url)
    given = {name: value for name, value in ENVIRON.items() if name != "STRIPE_SECRET_KEY"}
    code, _, err = await run(tmp_path, *words, **{**given, "DATABASE_URL": url})
    if words == ("orders", "list"):
        assert code == 0
        return
    assert code == 2
    assert err.startswith("paywall: STRIPE_SECRET_KEY is not set")
    assert err.count("\n") == 1
