"""What runs by default, the databases of the small worlds, and the counts at the end of a run."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from adapters.db.database import Database

from .grounds import Ground, PostgresqlGround, SqliteGround
from .sqlite_file import SqliteStore

EVERYTHING: Final = os.environ.get("PAYWALL_SMALL_WORLDS") == "all"
"""Every script at every clock, every pair at every statement; without it, what fits into a run of all checks."""


@pytest.fixture
def report_count(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says a line at the end of the run."""
    return lambda line: record_property("evidence", line)


@pytest.fixture
async def sqlite_store(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """The real adapter on a file, to walk on."""
    path = tmp_path / "paywall.db"
    shutil.copyfile(sqlite_template, path)
    database = Database(f"sqlite+aiosqlite:///{path}")
    store = SqliteStore(database, path)
    yield store
    store.close()
    await database.close()


@pytest.fixture
async def ground(engine_name: str, database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    """One of the two databases, to race on."""
    ground: Ground
    if engine_name == "sqlite":
        ground = SqliteGround(database_url, tmp_path / "paywall.db")
    else:
        parts = urlsplit(database_url)
        name = parts.path.removeprefix("/")
        admin = await asyncpg.connect(host=parse_qs(parts.query)["host"][0], user="postgres", database=name)
        await admin.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')  # a race survives no power cut
        ground = PostgresqlGround(database_url, admin)
    yield ground
    await ground.close()
