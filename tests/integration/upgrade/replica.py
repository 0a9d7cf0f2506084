"""One process of one version: started, asked to stop as a supervisor asks, and waited for."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.integration.crashes.member import LOOK_UP_SECONDS

LEASE_SECONDS: Final = 120.0
"""The real one: nobody is killed here, and a shorter one would run out on a slow machine and send a mail twice."""

_LAUNCH: Final = Path(__file__).parents[1] / "crashes" / "launch.py"
_READY: Final = b'"ready"'
_SECONDS: Final = 60


class Replica:
    """`paywall` with these words.

    Args:
        words: of the command line.
        environ: its settings.
        place: where it runs.
        sources: the version's; None: those of this test.
    """

    def __init__(
        self, words: Sequence[str], environ: Mapping[str, str], place: Path, *, sources: Path | None = None
    ) -> None:
        self._words = (sys.executable, str(_LAUNCH), str(LEASE_SECONDS), str(LOOK_UP_SECONDS), "none", *words)
        path = {} if sources is None else {"PYTHONPATH": str(sources)}
        self._environ = {"PATH": os.environ["PATH"], "NO_PROXY": "*", "LOG_FORMAT": "json", **environ, **path}
        self._place = place
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._is_ready = asyncio.Event()
        self.log: list[str] = []

    async def start(self) -> None:
        """Up, by its own word.

        Raises:
            AssertionError: it ended instead.
        """
        process = await self._spawn()
        self._reading = asyncio.create_task(self._read(process))
        ready = asyncio.create_task(self._is_ready.wait())
        async with asyncio.timeout(_SECONDS):
            await asyncio.wait([ready, self._reading], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        assert self._is_ready.is_set(), "\n".join(self.log)

    async def stop(self) -> None:
        """SIGTERM, and its orderly end.

        Raises:
            AssertionError: it was none.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_SECONDS):
            code = await self._process.wait()
        assert code == 0, "\n".join(self.log)

    async def run(self) -> tuple[int, str]:
        """To its end: the exit code, and what it said."""
        process = await self._spawn(stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate()
        return process.returncode or 0, out.decode() + err.decode()

    async def kill(self) -> None:
        """Gone, whatever it was doing."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def _spawn(self, stdout: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._words,
            env=self._environ,
            cwd=self._place,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stderr is None:
            return
        async for line in process.stderr:
            self.log.append(line.decode(errors="replace").rstrip())
            if _READY in line:
                self._is_ready.set()
