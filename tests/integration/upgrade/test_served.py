"""Who is ready on which schema, and what `paywall migrate` does where another version has been."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from adapters.db import migrate as migrating
from adapters.db.checkup import DatabaseCheckup
from adapters.db.database import Database
from adapters.db.engine import create_engine, for_writing
from adapters.db.migrate import CannotMigrate, migrate, schema_of, serves_from, standing
from adapters.db.opening import parse_url
from adapters.db.schema_version import Schema, head_revision, revisions
from adapters.db.statements import dialect_of
from entrypoints.cli import main
from paywall_core.ports.checkup import Verdict
from tests.integration.db.test_checkup import WallClock
from tests.integration.entrypoints.shop import ENVIRON
from tests.integration.entrypoints.test_cli_processes import run

HEAD: Final = head_revision()
NEXT: Final = f"{int(HEAD) + 1:04}"
AFTER_NEXT: Final = f"{int(HEAD) + 2:04}"


async def set_schema(url: str, revision: str, serves_from: str | None) -> None:
    """As a newer version of paywall leaves it."""
    engine = create_engine(url)
    async with for_writing(engine).begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
        if serves_from is not None:
            row = {"revision": revision, "serves_from": serves_from}
            await connection.execute(text("INSERT INTO schema_compatibility VALUES (:revision, :serves_from)"), row)
    await engine.dispose()


async def is_ready(url: str) -> bool:
    """What `/health/ready` asks."""
    database = Database(url)
    try:
        return await database.is_ready()
    finally:
        await database.close()


async def verdict_on(url: str) -> tuple[Verdict, str]:
    """What the doctor says of the schema."""
    found = {one.subject: one for one in await DatabaseCheckup(url, clock=WallClock()).check()}
    return found["database schema"].verdict, found["database schema"].detail


@pytest.mark.parametrize(
    ("revision", "serves_from", "is_served"),
    [
        (HEAD, HEAD, True),
        (HEAD, None, True),
        (NEXT, HEAD, True),
        (NEXT, revisions()[-2], True),
        (NEXT, NEXT, False),
        (NEXT, None, False),
        (AFTER_NEXT, NEXT, False),
        (revisions()[-2], revisions()[0], False),
        (None, None, False),
    ],
)
def test_code_is_served_by_its_own_schema_and_by_newer_ones_that_say_so(
    revision: str | None, serves_from: str | None, is_served: bool
) -> None:
    """Never by an older one, whatever that says."""
    assert Schema(revision=revision, serves_from=serves_from).serves(HEAD) is is_served


async def test_code_stays_ready_on_a_newer_schema_that_serves_it(database_url: str) -> None:
    """Migrating again by the old version changes nothing, and the doctor says what is going on."""
    await set_schema(database_url, NEXT, HEAD)
    assert await is_ready(database_url)
    assert await migrate(database_url) == Schema(revision=NEXT, serves_from=HEAD)
    assert await schema_of(database_url) == Schema(revision=NEXT, serves_from=HEAD)
    verdict, detail = await verdict_on(database_url)
    assert verdict is Verdict.WARNING
    assert f"it is {NEXT}, a newer paywall's, and serves this one ({HEAD}) too" in detail


@pytest.mark.parametrize("serves_from", [NEXT, None])
async def test_code_is_not_ready_on_a_newer_schema_that_does_not_serve_it(
    database_url: str, serves_from: str | None
) -> None:
    """Nor is anything migrated."""
    await set_schema(database_url, NEXT, serves_from)
    assert not await is_ready(database_url)
    with pytest.raises(CannotMigrate, match=f"the schema is {NEXT}"):
        await migrate(database_url)
    with pytest.raises(CannotMigrate, match=f"the schema is {NEXT}"):
        await migrate(database_url, "base")
    assert (await schema_of(database_url)).revision == NEXT
    assert (await verdict_on(database_url))[0] is Verdict.FAILED


async def test_code_is_not_ready_on_an_older_schema(empty_database_url: str) -> None:
    """It would ask for what is not there yet."""
    for revision in revisions()[:-1]:
        await migrate(empty_database_url, revision)
        assert not await is_ready(empty_database_url)
        is_served, said = standing(await schema_of(empty_database_url))
        assert not is_served
        assert f"it is {revision}, and this version's is {HEAD}: run `paywall migrate`" in said
        stays = revision >= serves_from(HEAD)
        assert (
            f"processes of {revision} stay ready meanwhile" in said if stays else "are not ready from then on" in said
        )
    await migrate(empty_database_url)
    assert await is_ready(empty_database_url)


def environ_of(url: str) -> Mapping[str, str]:
    """All that `paywall migrate` needs."""
    return {"DATABASE_URL": url, "LOG_FORMAT": "json"}


@pytest.mark.parametrize("words", [["migrate"], ["migrate", "--check"]])
async def test_command_says_how_the_versions_stand(database_url: str, words: list[str]) -> None:
    """Exit code 0 as long as this version is served: probes and init containers go by it."""

    async def run() -> tuple[int, str]:
        done = await asyncio.to_thread(CliRunner().invoke, main, words, env=dict(environ_of(database_url)))
        return done.exit_code, done.output

    code, said = await run()
    assert (code, "schema is current" in said) == (0, True)
    await set_schema(database_url, NEXT, HEAD)
    code, said = await run()
    assert (code, f"schema is {NEXT}, made by a newer paywall; it serves this one ({HEAD}) too" in said) == (0, True)
    await set_schema(database_url, AFTER_NEXT, NEXT)
    code, said = await run()
    assert code == 1
    assert f"it serves versions from schema {NEXT} on, and this one is of {HEAD}: run the newer one" in said


@pytest.mark.parametrize("role", ["serve", "api", "worker"])
async def test_process_on_a_schema_that_does_not_serve_it_ends_with_a_line(
    database_url: str, tmp_path: Path, role: str
) -> None:
    """Exit code 2, as of every setting that is wrong; nothing is changed."""
    await set_schema(database_url, AFTER_NEXT, NEXT)
    given = {name: value for name, value in ENVIRON.items() if name != "BOT_TOKEN"}
    code, _, err = await run(tmp_path, role, **{**given, "DATABASE_URL": database_url, "HTTP_PORT": "0"})
    assert code == 2
    assert err.strip().splitlines()[-1].startswith("paywall: DATABASE_URL")
    assert (f"from schema {NEXT} on" in err) is (role == "serve")
    assert (await schema_of(database_url)).revision == AFTER_NEXT


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_migration_waits_for_a_lock_without_making_others_wait(
    empty_database_url: str, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds a table: others still write to it; the migration gives up, changes nothing, and is done later."""
    url = empty_database_url
    await migrate(url, "0006")
    monkeypatch.setattr(migrating, "_TRIES", 3)
    _, arguments = dialect_of("postgresql").create_connect_args(parse_url(url))
    arguments.pop("prepared_statement_cache_size", None)
    holder, other = await asyncpg.connect(**arguments), await asyncpg.connect(**arguments)
    try:
        held = holder.transaction()
        await held.start()
        await holder.execute("LOCK TABLE outbox IN ROW EXCLUSIVE MODE")
        await other.execute("SET lock_timeout = '20s'")  # longer than all tries
        trying = asyncio.create_task(migrate(url))
        while not trying.done():
            await other.execute("DELETE FROM outbox")
            await asyncio.sleep(0.01)
        with pytest.raises(CannotMigrate, match="somebody holds the tables"):
            await trying
        assert (await schema_of(url)).revision == "0006"
        trying = asyncio.create_task(migrate(url))
        await held.rollback()
        assert (await trying).revision == HEAD
    finally:
        await holder.close()
        await other.close()


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_nobody_else_migrates_where_the_server_ends_idle_transactions(
    database_url: str, engine_name: str
) -> None:
    """As managed servers do: an index that is built for minutes leaves the one that holds the lock idle."""
    _, arguments = dialect_of("postgresql").create_connect_args(parse_url(database_url))
    arguments.pop("prepared_statement_cache_size", None)
    other = await asyncpg.connect(**arguments)
    try:
        name = await other.fetchval("SELECT current_database()")
        await other.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '10ms'")
        async with migrating._alone(parse_url(database_url)):
            for _ in range(20):
                assert await other.fetchval(f"SELECT pg_try_advisory_lock({migrating._ADVISORY_LOCK})") is False
                await asyncio.sleep(0.01)
    finally:
        await other.close()


@pytest.mark.parametrize("words", [["migrate"], ["migrate", "--check"], ["serve"]])
@pytest.mark.parametrize(
    "url", ["postgresql+asyncpg://paywall:hunter2@127.0.0.1:9/paywall", "sqlite+aiosqlite:////hunter2/none/paywall.db"]
)
async def test_database_that_is_away_is_one_line(tmp_path: Path, url: str, words: list[str]) -> None:
    """Without a word of its URL. A SQLite file that is not there is no schema yet, to whoever only looks."""
    given = {name: value for name, value in ENVIRON.items() if name != "BOT_TOKEN"}
    code, out, err = await run(tmp_path, *words, **{**given, "DATABASE_URL": url, "HTTP_PORT": "0"})
    assert code != 0
    said = err or out
    assert said.count("\n") == 1, said
    reasons = ("the database cannot be used: ", "the directory that the file is to be in is not there", "there is none")
    assert any(one in said for one in reasons), said
    assert "hunter2" not in said
