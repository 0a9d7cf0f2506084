"""The command line as real processes: clear refusals, a product that starts, and a clean end on SIGTERM."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import httpx
import pytest

from paywall_core.lifecycle import diagram

PAYWALL = Path(sys.executable).with_name("paywall")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database_url: str, port: int) -> dict[str, str]:
    """Everything that `serve` needs, with an outside world that is away."""
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "HTTP_PORT": str(port),
        "APP_PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "INTERNAL_API_TOKEN": "an-internal-token-of-tests",
        "TOKEN_SECRET": "a-token-secret-of-tests",
        "STRIPE_SECRET_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
        "STRIPE_PRICE_SUB_MONTHLY": "price_2",
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "BOT_USERNAME": "paywall_bot",
        "LOG_FORMAT": "json",
    }


async def start(command: str, environ: dict[str, str], directory: Path, *options: str) -> Process:
    """Start `paywall <command>`."""
    return await asyncio.create_subprocess_exec(
        str(PAYWALL), command, *options, env=environ, cwd=directory, stdout=PIPE, stderr=PIPE
    )


async def finish(process: Process) -> tuple[int, str, str]:
    """Its exit code and what it printed."""
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def wait_until_ready(port: int, process: Process) -> None:
    """Until the API says that it is ready."""
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while process.returncode is None:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    pytest.fail((await finish(process))[2])


async def test_lifecycle_prints_the_diagram(tmp_path: Path) -> None:
    """Drawn from the code."""
    assert await finish(await start("lifecycle", {"PATH": os.environ["PATH"]}, tmp_path)) == (0, diagram(), "")


@pytest.mark.parametrize("command", ["serve", "api", "worker", "bot"])
async def test_missing_setting_is_one_line_that_names_it(tmp_path: Path, command: str) -> None:
    """No traceback, exit code 2."""
    code, out, err = await finish(await start(command, {"PATH": os.environ["PATH"]}, tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith("paywall: APP_PUBLIC_BASE_URL is not set")
    assert err.count("\n") == 1


async def test_serve_migrates_starts_and_ends_cleanly(tmp_path: Path, empty_database_url: str) -> None:
    """On a fresh database of either kind; SIGTERM is a clean end."""
    port = free_port()
    environ = environment(empty_database_url, port)
    refused = await finish(await start("api", environ, tmp_path))
    assert refused[0] == 2
    assert "paywall migrate" in refused[2]
    assert (await finish(await start("migrate", environ, tmp_path, "--check")))[0] == 1
    process = await start("serve", environ, tmp_path)
    await wait_until_ready(port, process)
    assert (await finish(await start("migrate", environ, tmp_path, "--check")))[0] == 0
    process.send_signal(signal.SIGTERM)
    code, _, err = await finish(process)
    assert code == 0, err
    assert "Traceback" not in err
    assert "a-token-secret-of-tests" not in err


async def test_worker_alone_ends_cleanly(tmp_path: Path, database_url: str) -> None:
    """It says that it started, and stops when it is told to."""
    process = await start("worker", environment(database_url, 0), tmp_path)
    assert process.stderr is not None
    async with asyncio.timeout(60):
        line = await process.stderr.readline()
    assert b"worker started" in line
    process.send_signal(signal.SIGTERM)
    assert (await finish(process))[0] == 0


async def test_worker_shows_its_figures_where_it_is_told_to(tmp_path: Path, database_url: str) -> None:
    """To whoever knows the token; an address that is taken is one line."""
    port = free_port()
    environ = {**environment(database_url, 0), "METRICS_ADDRESS": f"127.0.0.1:{port}"}
    process = await start("worker", environ, tmp_path)
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while b"worker started" not in await process.stderr.readline():
            assert process.returncode is None
    token = {"Authorization": f"Bearer {environ['INTERNAL_API_TOKEN']}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/metrics")).status_code == 401
        page = await client.get("/metrics", headers=token)
    assert 'paywall_chore_last_success_timestamp_seconds{chore="sweep"}' in page.text
    refused = await finish(await start("worker", environ, tmp_path))
    assert refused[0] == 2
    assert refused[2].splitlines()[-1].startswith("paywall: ")
    process.send_signal(signal.SIGTERM)
    assert (await finish(process))[0] == 0


async def test_port_that_is_taken_is_one_line(tmp_path: Path, database_url: str) -> None:
    """Not a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ = environment(database_url, taken.getsockname()[1])
        code, _, err = await finish(await start("api", environ, tmp_path))
    assert code == 2
    assert "Traceback" not in err
    assert "in use" in err
