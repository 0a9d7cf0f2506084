"""The servers under load, each a process of its own: started, watched and stopped."""

import asyncio
import http.client
import os
import signal
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from benchmarks import settings

ROOT: Final = Path(__file__).parents[1]
OURS: Final = "ours"
BARE: Final = "bare limit"
USUAL: Final = "usual stack"
NAMES: Final = (OURS, BARE, USUAL)

_REFERENCES: Final = {BARE: "benchmarks.references.bare:app", USUAL: "benchmarks.references.usual:app"}
_DEADLINE_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0


class Server:
    """One that is up.

    Attributes:
        port: where it listens; None: it does not.
        started_seconds: from its start to its first healthy answer.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int | None, started_seconds: float) -> None:
        self._process = process
        self.port = port
        self.started_seconds = started_seconds

    def peak_megabytes(self) -> float:
        """The most that it ever had resident, all its processes together; what they share is counted for each."""
        return self._megabytes("VmHWM")

    def resident_megabytes(self) -> float:
        """What it has resident now."""
        return self._megabytes("VmRSS")

    def cpu_seconds(self) -> float:
        """Processor time that it has taken, all its processes together."""
        return cpu_seconds(self._process.pid)

    def _megabytes(self, name: str) -> float:
        kilobytes = 0
        for pid in _family(self._process.pid):
            for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
                if line.startswith(name):
                    kilobytes += int(line.split()[1])
        return round(kilobytes / 1024, 1)


@asynccontextmanager
async def running(
    name: str,
    database_url: str,
    directory: Path,
    *,
    server: str,
    service: str,
    limits: bool,
    further: Mapping[str, str],
) -> AsyncIterator[Server]:
    """Start a server, wait until it answers, and stop it at the end.

    Args:
        name: one of `NAMES`.
        database_url: its database.
        directory: for its log.
        server: `uvicorn` or `granian`, for the references.
        service: the program `paywall`, for ours.
        limits: whether ours counts its callers' requests.
        further: further settings of ours.
    """
    port = free_port()
    environment = settings.environment(database_url, port, limits=limits)
    if name == OURS:
        command = [service, "api"]
        environment.update(further)
    else:
        command = _reference(_REFERENCES[name], port, server)
    async with process(command, environment, directory / f"{name.replace(' ', '-')}-{port}.log", port) as started:
        yield started


@asynccontextmanager
async def process(
    command: Sequence[str], environment: Mapping[str, str], log: Path, port: int | None = None
) -> AsyncIterator[Server]:
    """Start a program; where it has a port, wait until it answers there."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    began = time.perf_counter()
    with log.open("ab") as output:
        started = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**kept, **environment}, stdout=output, stderr=output
        )
    try:
        if port is not None:
            await _until_healthy(started, port, log)
        yield Server(started, port, time.perf_counter() - began)
    finally:
        await _stop(started)


async def start_up_seconds(start: Callable[[], AbstractAsyncContextManager[Server]], times: int) -> float:
    """The median of some starts, after one that does not count: it compiles what was never run here."""
    taken = []
    for _ in range(times + 1):
        async with start() as started:
            taken.append(started.started_seconds)
    return round(statistics.median(taken[1:]), 3)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and all below it have taken."""
    ticks = 0
    for member in _family(pid):
        with suppress(OSError):  # it has just ended
            fields = Path(f"/proc/{member}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """The answer to one whole request."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


def _reference(target: str, port: int, server: str) -> list[str]:
    options: tuple[str, ...]
    if server == "granian":
        options = ("--interface", "asgi", "--workers", "1", "--loop", "uvloop", "--no-ws", "--log-level", "warning")
    else:
        options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    return [sys.executable, "-m", server, *options, "--host", "127.0.0.1", "--port", str(port), target]


async def _until_healthy(started: asyncio.subprocess.Process, port: int, log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline and started.returncode is None:
        with suppress(OSError, http.client.HTTPException):
            if ask(port, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")[0] == HTTPStatus.OK:
                return
        await asyncio.sleep(0.005)
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"a server did not come up; its log ends in:\n{tail}")


async def _stop(started: asyncio.subprocess.Process) -> None:
    if started.returncode is not None:
        return
    started.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await started.wait()
    except TimeoutError:
        started.kill()
        await started.wait()


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    members = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            children = (task / "children").read_text(encoding="utf-8").split()
            members += [member for child in children for member in _family(int(child))]
    return members
