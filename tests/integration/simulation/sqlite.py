"""The driver without its thread: `aiosqlite` as it is, except that a statement runs at once, on the simulated loop.

Before each statement others may go, and the process may die; a writer that finds the database locked waits for
simulated time. Everything above (our adapter and its pool) and below (SQLite, its file, its locks) is real.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final, Protocol

import aiosqlite

_BUSY_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 0.05
_PRIMARY_CODE: Final = 0xFF


class Host(Protocol):
    """The process that a connection belongs to."""

    is_alive: bool

    async def before_statement(self, sql: str) -> None:
        """Others may go, the process may die, the statement may fail."""
        ...

    def after_statement(self, sql: str) -> None:
        """The process may die with the statement done."""
        ...


class ProcessDied(BaseException):
    """The process of this task was killed. Nothing that it still tries has any effect."""


class SimulatedConnection(aiosqlite.Connection):
    """A connection of a simulated process."""

    def __init__(self, path: Path, host: Host) -> None:
        # In autocommit from the start, as the product's engine sets it; there is no time-out that waits for real.
        super().__init__(lambda: sqlite3.connect(path, timeout=0, isolation_level=None), iter_chunk_size=64)
        self._host = host

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()  # no thread is started

    async def _connect(self) -> "SimulatedConnection":
        if not self._host.is_alive:
            raise ProcessDied
        if self._connection is None:
            self._connection = self._connector()
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        sql = args[0] if args and isinstance(args[0], str) else None  # all but a statement: roll back, close, set up
        if sql is None:
            if not self._host.is_alive:
                raise ProcessDied
            return fn(*args, **kwargs)
        try:
            await self._host.before_statement(sql)
        except sqlite3.OperationalError:
            if sql == "COMMIT":
                self._conn.rollback()  # as SQLite itself does when a commit fails for any reason but a lock
            raise
        waited = 0.0
        while True:
            if not self._host.is_alive:
                raise ProcessDied
            try:
                result = fn(*args, **kwargs)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY or waited > _BUSY_SECONDS:
                    raise
            else:
                break
            waited += _RETRY_SECONDS
            await asyncio.sleep(_RETRY_SECONDS)
        self._host.after_statement(sql)
        return result

    @property
    def _conn(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ProcessDied  # what is left of a process asks for what died with it
        return self._connection

    async def close(self) -> None:
        """Close it at once."""
        self.abandon()

    def stop(self) -> None:
        """There is no thread to stop."""
        self.abandon()

    def abandon(self) -> None:
        """What the system does with a dead process's files: what was not committed is gone."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def disk_error(where: str) -> sqlite3.OperationalError:
    """What SQLite says of a disk that failed; the transaction is rolled back."""
    error = sqlite3.OperationalError(f"disk I/O error: {where}")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    error.sqlite_errorname = "SQLITE_IOERR"
    return error
