"""One process of the product that is killed again and again, and a supervisor's work: it is started anew each time."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

_LAUNCH: Final = Path(__file__).with_name("launch.py")
LEASE_SECONDS: Final = 5.0
"""What a killed worker had in hand is taken up by another after so long; 120 by default."""

LOOK_UP_SECONDS: Final = 2.0
"""An event whose order is not known yet waits so long before Stripe is asked whose it is; 20 by default.

Such a line lies in the outbox until its time has come, whether or not the order has become known meanwhile.
"""

_REST_SECONDS: Final = 0.05
_SHOWN_LINES: Final = 40


class Member:
    """`paywall <command>`, kept alive until `stop`; it leads a process group of its own, which is killed as a whole.

    Args:
        name: for its log.
        command: of `paywall`.
        environ: its settings.
        directory: where it runs.
        defect: planted into it; a key of `launch.DEFECTS`.

    Attributes:
        is_up: whether it said that it is ready, and lives.
        origin: where it listens, once it says so; None while it is not up, and for those that do not listen.
        kills: how often it was killed by `kill`.
        falls: how often it ended by itself.
    """

    def __init__(
        self, name: str, command: str, environ: Mapping[str, str], directory: Path, *, defect: str = "none"
    ) -> None:
        self.name, self.command = name, command
        self.origin: str | None = None
        self.kills = self.falls = 0
        self._environ = {"PATH": os.environ["PATH"], "NO_PROXY": "*", "LOG_FORMAT": "json", **environ}
        self._directory = directory
        self._words = (sys.executable, str(_LAUNCH), str(LEASE_SECONDS), str(LOOK_UP_SECONDS), defect, command)
        self._process: asyncio.subprocess.Process | None = None
        self.is_up = False
        self._keeping: asyncio.Task[None] | None = None
        self._log: list[str] = []

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """From now on there is one."""
        self._keeping = asyncio.create_task(self._keep())

    def kill(self) -> bool:
        """`kill -9`; whether there was something to kill."""
        if not self._signal(signal.SIGKILL):
            return False
        self.kills += 1
        self.is_up = False
        self.origin = None
        return True

    async def stop(self) -> None:
        """Kill it for good."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log with this event, of all its lives."""
        lines = (msgspec.json.decode(line) for line in self._log if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]

    def last_words(self) -> str:
        """The end of its log, of all its lives."""
        return f"--- {self.name}\n" + "".join(f"{line}\n" for line in self._log[-_SHOWN_LINES:])

    async def _keep(self) -> None:
        while True:
            kills = self.kills
            self._process = process = await asyncio.create_subprocess_exec(
                *self._words,
                env=self._environ,
                cwd=self._directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                limit=2**20,
            )
            await self._read(process)
            await process.wait()
            self.is_up = False
            self.origin = None
            self.falls += self.kills == kills
            await asyncio.sleep(_REST_SECONDS)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """A pipe, not a file: a full disk must not stop the log."""
        if process.stderr is None:
            return
        async for line in process.stderr:
            self._log.append(line.decode(errors="replace").rstrip())
            if b'"ready"' in line and line.startswith(b"{"):
                said = msgspec.json.decode(line)
                if said.get("event") == "ready" and self._process is process:
                    part = str(said["part"])
                    self.origin = part.rsplit(maxsplit=1)[-1] if "http://" in part else None
                    self.is_up = True

    def _signal(self, number: signal.Signals) -> bool:
        if self._process is None or self._process.returncode is not None:
            return False
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
            return True
        return False
