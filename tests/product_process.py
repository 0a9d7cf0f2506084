"""The product as a process of its own, beside an outside world that runs in the test."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from entrypoints.sandbox.world import HOST, OutsideWorld

_READY_SECONDS: Final = 60
_SERVE: Final = (
    "import logging; logging.getLogger('paywall').setLevel(getattr(logging, '{level}'));"
    "from entrypoints.cli import main; main(['serve'])"
)


def free_origin() -> str:
    """An address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return f"http://{HOST}:{probe.getsockname()[1]}"


@asynccontextmanager
async def product_process(
    world: OutsideWorld, environ: Mapping[str, str], log: Path, *, level: str = "INFO"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`paywall serve` while the block runs, entered once it answers and its bot gets updates; ends cleanly.

    Args:
        world: whose Telegram the bot listens to.
        environ: all settings; nothing else is in its environment.
        log: the file that gets what it prints.
        level: from which our own loggers log; all others log as ever.
    """
    with log.open("wb") as printed:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _SERVE.format(level=level),
            env={"PATH": os.environ["PATH"], "NO_PROXY": "*", **environ},
            cwd=log.parent,
            stdout=printed,
            stderr=printed,
        )
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await _until_ready(process, world, environ["APP_PUBLIC_BASE_URL"], log)
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            code = await process.wait()
    assert code == 0, _read(log)


async def _until_ready(process: asyncio.subprocess.Process, world: OutsideWorld, url: str, log: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            telegram = world.telegram.snapshot()
            try:
                ready = (await client.get(f"{url}/health/ready")).status_code == httpx.codes.OK
            except httpx.TransportError:
                ready = False
            if ready and (telegram["is_polled"] or telegram["webhook"]["is_set"]):
                return
            await asyncio.sleep(0.1)
    raise AssertionError(_read(log))


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8")
