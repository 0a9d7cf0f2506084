"""Databases for many lives, made fast: a copy of one that has our schema already."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.integration.conftest import postgresql_database

EVERYTHING: Final = os.environ.get("PAYWALL_LIVES") == "all"
"""Every variation on both databases, and a thousand orders; without it, what fits into a run of all checks."""


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite database of the test's own."""
    return _copy(sqlite_template, tmp_path)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_engine_name(request: pytest.FixtureRequest) -> str:
    """Which of the two databases, for all the lives of a module."""
    return str(request.param)


@pytest.fixture(scope="module")
def module_database_url(
    module_engine_name: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database for all the lives of a module: SQLite or PostgreSQL."""
    if module_engine_name == "sqlite":
        yield _copy(request.getfixturevalue("sqlite_template"), tmp_path_factory.mktemp("lives"))
        return
    server, template = (request.getfixturevalue(f"postgresql_{part}") for part in ("directory", "template"))
    made = postgresql_database(server, template)
    with ThreadPoolExecutor(1) as pool, asyncio.Runner() as runner:  # the tests' own loop may be running here
        yield pool.submit(runner.run, made.__aenter__()).result()
        pool.submit(runner.run, made.__aexit__(None, None, None)).result()


def _copy(template: Path, directory: Path) -> str:
    shutil.copy(template, directory / "paywall.db")
    return f"sqlite+aiosqlite:///{directory / 'paywall.db'}"
