"""The doctor at the database: connection, durability, the right to write, schema and clock. Nothing is changed."""

import asyncio
import logging
import os
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from adapters.db.checkup import (
    DatabaseCheckup,
    clock_finding,
    postgresql_version,
    sqlite_durability,
    texts_finding,
)
from adapters.db.migrate import migrate
from adapters.db.schema_version import head_revision
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.ports.clock import Clock
from paywall_core.testing import FakeClock
from tests.integration.conftest import postgresql_database
from tests.integration.conftest import postgresql_url as of_database
from tests.integration.tracking.far_side import FarSide

OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED
SUBJECTS = {"DATABASE_URL", "database durability", "database writing", "database schema"}


class WallClock(Clock):
    """The real time."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)


async def examined(url: str, *, clock: Clock | None = None, timeout_seconds: float = 10) -> dict[str, Finding]:
    """What the doctor finds, by subject."""
    checkup = DatabaseCheckup(url, clock=clock or WallClock(), timeout_seconds=timeout_seconds)
    found = await checkup.check()
    assert len({finding.subject for finding in found}) == len(found)
    return {finding.subject: finding for finding in found}


def verdicts(found: dict[str, Finding]) -> dict[str, Verdict]:
    """Of each subject."""
    return {subject: finding.verdict for subject, finding in found.items()}


@pytest.fixture
async def postgresql_url(postgresql_directory: Path, postgresql_template: str) -> AsyncIterator[str]:
    """A PostgreSQL database with our schema."""
    async with postgresql_database(postgresql_directory, postgresql_template) as url:
        yield url


@pytest.fixture
async def sqlite_file(tmp_path: Path) -> Path:
    """A file with our schema."""
    await migrate(f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}")
    return tmp_path / "paywall.db"


async def administer(directory: Path, *statements: str) -> None:
    """As the server's master."""
    admin = await asyncpg.connect(host=str(directory), user="postgres", database="postgres")
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()


@asynccontextmanager
async def made_database(directory: Path, made: str) -> AsyncIterator[str]:
    """An empty database that was made so."""
    name = f"test_{uuid4().hex}"
    await administer(directory, f'CREATE DATABASE "{name}" TEMPLATE template0 {made}')
    yield of_database(directory, name)
    await administer(directory, f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_database_with_our_schema_is_well(database_url: str, engine_name: str) -> None:
    """On both; PostgreSQL's clock is compared too."""
    found = await examined(database_url)
    of_a_server = set() if engine_name == "sqlite" else {"database clock", "database texts"}
    assert verdicts(found) == dict.fromkeys(SUBJECTS | of_a_server, OK)
    assert found["database schema"].detail == f"current ({head_revision()})"
    assert found["DATABASE_URL"].detail.startswith("SQLite 3." if engine_name == "sqlite" else "PostgreSQL ")


async def test_database_without_a_schema_is_found(empty_database_url: str, engine_name: str) -> None:
    """And what to do about it; the rest is well."""
    if engine_name == "sqlite":
        await asyncio.to_thread(Path(empty_database_url.partition("///")[2]).touch)
    found = await examined(empty_database_url)
    assert found["database schema"].verdict is FAILED
    assert "run `paywall migrate`" in found["database schema"].detail
    assert {verdict for subject, verdict in verdicts(found).items() if subject != "database schema"} == {OK}


async def test_older_and_newer_schemas_are_told_apart(empty_database_url: str) -> None:
    """One is migrated, the other was by a newer program."""
    await migrate(empty_database_url, "0001")
    found = await examined(empty_database_url)
    assert found["database schema"].verdict is FAILED
    assert f"it is 0001, and {head_revision()} is wanted: run `paywall migrate`" in found["database schema"].detail


async def test_schema_of_a_newer_program_is_found(sqlite_file: Path) -> None:
    """Migrating does not help there."""
    with sqlite3.connect(sqlite_file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'f00d'")
    connection.close()
    found = await examined(f"sqlite+aiosqlite:///{sqlite_file}")
    assert found["database schema"].verdict is FAILED
    assert "the schema is f00d, which this version of paywall does not know" in found["database schema"].detail


async def test_missing_file_is_found_and_not_made(tmp_path: Path) -> None:
    """A doctor leaves nothing behind."""
    found = await examined(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}")
    assert verdicts(found) == {"DATABASE_URL": FAILED}
    assert "none.db yet: `paywall migrate`" in found["DATABASE_URL"].detail
    assert await asyncio.to_thread(os.listdir, tmp_path) == []
    assert verdicts(await examined(f"sqlite+aiosqlite:///{tmp_path}")) == {"DATABASE_URL": FAILED}


async def test_file_that_is_no_database_is_found(tmp_path: Path) -> None:
    """It may be anything."""
    (tmp_path / "paywall.db").write_text("not a database at all, but long enough to look at " * 20)
    found = await examined(f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}")
    assert verdicts(found) == {"DATABASE_URL": FAILED}
    assert "no sound SQLite database" in found["DATABASE_URL"].detail


async def test_file_that_cannot_be_written_is_found(sqlite_file: Path) -> None:
    """A write version that SQLite does not know makes a file read-only, for root too (fileformat2.html, 1.3.3)."""
    content = await asyncio.to_thread(sqlite_file.read_bytes)
    await asyncio.to_thread(sqlite_file.write_bytes, content[:18] + b"\x03" + content[19:])
    found = await examined(f"sqlite+aiosqlite:///{sqlite_file}")
    assert found["database writing"].verdict is FAILED
    assert "not ours to write (SQLITE_READONLY)" in found["database writing"].detail
    assert found["database schema"].verdict is OK


async def test_file_in_exclusive_use_is_found(sqlite_file: Path) -> None:
    """Nobody else can even read it."""
    other = sqlite3.connect(sqlite_file, isolation_level=None)
    try:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        async with asyncio.timeout(30):
            found = await examined(f"sqlite+aiosqlite:///{sqlite_file}", timeout_seconds=0.3)
    finally:
        other.close()
    assert verdicts(found) == {"DATABASE_URL": FAILED}


async def test_write_lock_that_another_holds_is_a_warning(sqlite_file: Path) -> None:
    """Readers go on meanwhile, and the doctor does not wait as long as a writer would."""
    other = sqlite3.connect(sqlite_file, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        found = await examined(f"sqlite+aiosqlite:///{sqlite_file}")
    finally:
        other.close()
    assert verdicts(found) == {**dict.fromkeys(SUBJECTS, OK), "database writing": WARNING}
    assert "held the write lock" in found["database writing"].detail


async def test_checking_changes_no_byte(sqlite_file: Path) -> None:
    """Not even the lock leaves a trace."""
    before = await asyncio.to_thread(sqlite_file.read_bytes)
    found = await examined(f"sqlite+aiosqlite:///{sqlite_file}")
    assert found["database writing"].verdict is OK
    assert await asyncio.to_thread(sqlite_file.read_bytes) == before


@pytest.mark.parametrize(
    ("journal", "synchronous", "verdict"),
    [("wal", 2, OK), ("WAL", 3, OK), ("wal", 1, FAILED), ("wal", 0, FAILED), ("delete", 2, FAILED)],
)
def test_sqlite_must_keep_what_is_committed(journal: str, synchronous: int, verdict: Verdict) -> None:
    """A network drive gives no WAL; NORMAL may lose the last payments when the power goes."""
    assert sqlite_durability(journal, synchronous).verdict is verdict


async def test_user_without_rights_is_found(postgresql_directory: Path, postgresql_url: str) -> None:
    """With the first right that is missing; after a GRANT all is well."""
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    admin = await asyncpg.connect(host=str(postgresql_directory), user="postgres", database=name)
    try:
        await admin.execute("CREATE ROLE paywall_reader LOGIN")
        await admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO paywall_reader")
        reader_url = postgresql_url.replace("postgres@", "paywall_reader@")
        found = await examined(reader_url)
        assert found["database writing"].verdict is FAILED
        assert "our user may not DELETE in " in found["database writing"].detail
        assert found["database schema"].verdict is OK
        await admin.execute("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO paywall_reader")
        assert set(verdicts(await examined(reader_url)).values()) == {OK}
        await admin.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM paywall_reader")
        blind = await examined(reader_url)
        assert blind["database writing"].verdict is FAILED
        assert blind["DATABASE_URL"].verdict is OK
        assert blind["database schema"].detail == "the database cannot be used: InsufficientPrivilegeError"
    finally:
        await admin.execute("DROP OWNED BY paywall_reader")
        await admin.execute("DROP ROLE paywall_reader")
        await admin.close()


@pytest.mark.parametrize(
    ("setting", "expected", "words"),
    [
        ("default_transaction_read_only = on", {"database writing": FAILED}, "takes no writes"),
        ("synchronous_commit = off", {"database durability": FAILED}, "synchronous_commit=off"),
        ("default_transaction_isolation = 'serializable'", {"database durability": WARNING}, "are serializable"),
    ],
)
async def test_settings_of_the_server_are_looked_at(
    postgresql_directory: Path, postgresql_url: str, setting: str, expected: dict[str, Verdict], words: str
) -> None:
    """What would keep us from writing, lose what is written, or make writers fail."""
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    await administer(postgresql_directory, f'ALTER DATABASE "{name}" SET {setting}')
    found = await examined(postgresql_url)
    assert {key: value for key, value in verdicts(found).items() if value is not OK} == expected
    assert words in found[next(iter(expected))].detail


@pytest.mark.parametrize(
    ("made", "verdict", "words"),
    [
        ("ENCODING 'UTF8' LOCALE 'C'", OK, "UTF8, ordered by C"),
        ("ENCODING 'LATIN1' LOCALE 'C'", FAILED, "the encoding is LATIN1, not UTF8"),
        ("ENCODING 'SQL_ASCII' LOCALE 'C'", WARNING, "the encoding is SQL_ASCII: texts are kept unread"),
        ("ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'", OK, "UTF8, ordered by C.UTF-8"),
    ],
)
async def test_alphabet_and_its_order_are_looked_at(
    postgresql_directory: Path, made: str, verdict: Verdict, words: str
) -> None:
    """Of the database as it was made, whatever its server's own are."""
    async with made_database(postgresql_directory, made) as url:
        found = (await examined(url))["database texts"]
        assert (found.verdict, found.detail[: len(words)]) == (verdict, words)


async def test_order_that_has_changed_under_the_indexes_is_found(postgresql_directory: Path) -> None:
    """As after an update of the server's system: an index that was ordered by the old one may miss what it holds."""
    by_version = "ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
    async with made_database(postgresql_directory, by_version) as url:
        name = url.partition("@/")[2].partition("?")[0]
        older = f"UPDATE pg_database SET datcollversion = '0' WHERE datname = '{name}'"  # noqa: S608  - our own name
        await administer(postgresql_directory, older)
        found = (await examined(url))["database texts"]
        assert found.verdict is FAILED
        assert "ordered by version 0 of C.UTF-8, and now there is 1" in found.detail
        await administer(postgresql_directory, f'ALTER DATABASE "{name}" REFRESH COLLATION VERSION')
        assert (await examined(url))["database texts"].verdict is OK


@pytest.mark.parametrize(
    ("made_by", "ordered_by", "verdict"),
    [("2.36", "2.36", OK), ("2.36", "2.41", FAILED), (None, "2.41", OK), ("2.36", None, OK), (None, None, OK)],
)
def test_versions_of_an_order_are_compared(made_by: str | None, ordered_by: str | None, verdict: Verdict) -> None:
    """Where both are known; an order that is not by bytes is said to have a better one."""
    found = texts_finding("UTF8", "en_US.utf8", made_by, ordered_by)
    assert found.verdict is verdict
    assert ("C is quicker" in found.detail) == (verdict is OK)


async def test_clock_that_differs_is_found(postgresql_url: str) -> None:
    """Between the server's and this machine's; here it is this machine's that is wrong."""
    found = await examined(postgresql_url, clock=FakeClock(datetime.now(UTC) - timedelta(hours=1)))
    assert found["database clock"].verdict is FAILED
    assert "s ahead of this machine's" in found["database clock"].detail


@pytest.mark.parametrize(
    ("ahead_seconds", "verdict", "words"),
    [
        (4.9, OK, "within 5 s"),
        (-4.9, OK, "within 5 s"),
        (5, WARNING, "5 s ahead of"),
        (-299, WARNING, "299 s behind"),
        (300, FAILED, "300 s ahead of"),
        (-86_400, FAILED, "86400 s behind"),
    ],
)
def test_difference_of_clocks_is_judged(ahead_seconds: float, verdict: Verdict, words: str) -> None:
    """From five minutes on Stripe's webhooks are refused."""
    found = clock_finding(timedelta(seconds=ahead_seconds))
    assert (found.verdict, words in found.detail) == (verdict, True)


@pytest.mark.parametrize(("major", "verdict"), [(18, OK), (15, OK), (14, WARNING), (9, WARNING)])
def test_old_server_is_a_warning(major: int, verdict: Verdict) -> None:
    """Its makers mend it no more."""
    assert postgresql_version(major, f"{major}.3").verdict is verdict


async def test_server_that_refuses_us_is_found(postgresql_directory: Path) -> None:
    """No such user, no such database: in our words."""
    user = await examined(f"postgresql+asyncpg://nobody:s3cret@/postgres?host={postgresql_directory}")
    database = await examined(f"postgresql+asyncpg://postgres:s3cret@/no_such?host={postgresql_directory}")
    assert (verdicts(user), verdicts(database)) == ({"DATABASE_URL": FAILED}, {"DATABASE_URL": FAILED})
    assert user["DATABASE_URL"].detail == "the server refuses the user or the password"
    assert database["DATABASE_URL"].detail == "the server has no such database: CREATE DATABASE"


async def test_server_that_is_away_is_found() -> None:
    """Nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await examined(f"postgresql+asyncpg://u:s3cret@127.0.0.1:{taken.getsockname()[1]}/paywall")
    assert verdicts(found) == {"DATABASE_URL": FAILED}
    assert found["DATABASE_URL"].detail == "the database cannot be used: ConnectionRefusedError"


async def test_silent_server_costs_a_bounded_time() -> None:
    """It takes the connection and says nothing."""
    async with asyncio.timeout(30), FarSide.start() as far_side:
        address = far_side.origin.removeprefix("http://")
        found = await examined(f"postgresql+asyncpg://u:p@{address}/paywall", timeout_seconds=0.3)
    assert verdicts(found) == {"DATABASE_URL": FAILED}
    assert "within 0.3 s" in found["DATABASE_URL"].detail


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://paywall:s3cret@127.0.0.1:1/paywall",
        "postgresql+asyncpg://paywall:s3cret@host.invalid/paywall",
        "postgresql+asyncpg://paywall:s3cret/7@host/paywall",
        "mysql://paywall:s3cret@host/paywall",
    ],
)
async def test_no_secret_is_told(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a finding, not in a log."""
    caplog.set_level(logging.DEBUG)
    found = await examined(url)
    assert verdicts(found) == {"DATABASE_URL": FAILED}
    assert "s3cret" not in found["DATABASE_URL"].detail + caplog.text
