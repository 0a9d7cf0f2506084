"""The product opened for one command. Heavy to import: only `running.operate` and `doctor` do, and late."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from adapters.db.checkup import DatabaseCheckup
from adapters.db.connection import database_errors
from adapters.db.opening import parse_url
from entrypoints.cli.running import NotDone
from entrypoints.container import Container
from entrypoints.processes import opened
from entrypoints.settings import Settings
from paywall_core.ports.checkup import Verdict

_T = TypeVar("_T")


async def on_database(settings: Settings, work: Callable[[Container], Awaitable[_T]]) -> _T:
    """Do the work on the opened product.

    Raises:
        NotDone: the database is away, has not our schema, or fails on the way.
        SettingError: what a setting asks for is not installed.
    """
    async with opened(settings) as container:
        await _require_ours(container, settings)
        try:
            return await work(container)
        except database_errors() as error:
            raise NotDone(database_failed(error)) from error


def database_failed(error: BaseException) -> str:
    """In our words: those of a driver may hold a value."""
    return f"the database failed: {getattr(error, 'sqlite_errorname', None) or type(error).__name__}"


async def _require_ours(container: Container, settings: Settings) -> None:
    """Ask first; only when the answer is no, find out why."""
    url = parse_url(settings.database_url)
    # Opening a SQLite file that is not there would make it.
    missing = url.get_backend_name() == "sqlite" and not await asyncio.to_thread(Path(url.database or "").is_file)
    if not missing and await container.database().is_ready():
        return
    findings = await DatabaseCheckup(settings.database_url, clock=container.clock()).check()
    said = [f"{finding.subject}: {finding.detail}" for finding in findings if finding.verdict is Verdict.FAILED]
    raise NotDone(said[0] if said else "DATABASE_URL: the database does not answer")
