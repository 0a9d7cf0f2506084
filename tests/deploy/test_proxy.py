"""The proxy: its configuration by its own program, and a roll-over behind it with real processes."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import trustme

from adapters.db.migrate import migrate
from tests.deploy.kit import DEPLOY, FILLED, stages
from tests.product_process import free_origin

CADDY = Path(sys.executable).with_name("caddy")
PAYWALL = Path(sys.executable).with_name("paywall")
CADDYFILE = DEPLOY / "Caddyfile"


def test_its_own_program_takes_the_configuration(tmp_path: Path) -> None:
    """Every word of it, and in the form that its formatter gives."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PAYWALL_DOMAIN": "pay.example.com"}
    for words in (["validate", "--adapter", "caddyfile", "--config"], ["fmt", "--diff"]):
        done = subprocess.run([CADDY, *words, CADDYFILE], env=environ, capture_output=True, text=True, check=False)  # noqa: S603  - ours
        assert done.returncode == 0, done.stdout + done.stderr


def port_of(origin: str) -> str:
    """The port at the end of an origin."""
    return origin.rsplit(":", 1)[1]


@asynccontextmanager
async def running(*words: str | Path, environ: dict[str, str], place: Path) -> AsyncIterator[Process]:
    """A process while the block runs; killed at the end, if it is still there."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words), env={"PATH": os.environ["PATH"], **environ}, cwd=place, stdout=PIPE, stderr=PIPE
    )
    gone = asyncio.create_task(process.communicate())  # nobody may be stopped by a pipe that is full
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await gone


async def until_ready(client: httpx.AsyncClient, url: str) -> None:
    """Until an address answers that it is ready."""
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


def is_healthy(origin: str) -> bool:
    """What the image's own health check says of a port."""
    words = stages((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))[-1].health
    environ = {"PATH": os.environ["PATH"], "HTTP_PORT": port_of(origin), "NO_PROXY": "*"}
    return subprocess.run([sys.executable, *words[1:]], env=environ, capture_output=True, check=False).returncode == 0  # noqa: S603  - ours


def caddyfile_of_tests(place: Path, proxy: str, inside: str) -> Path:
    """The real one, on free ports, with a certificate of the test's instead of one from the internet."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(place / "authority.pem")
    issued.private_key_pem.write_to_path(place / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(place / "chain.pem", append=True)
    text = CADDYFILE.read_text(encoding="utf-8")
    site = "{$PAYWALL_DOMAIN:localhost} {\n"
    for old, new in (
        ("{\n\tgrace_period", "{\n\tadmin off\n\tauto_https disable_redirects\n\tgrace_period"),
        (site, f"https://localhost:{port_of(proxy)} {{\n\ttls {place}/chain.pem {place}/key.pem\n"),
        ("http://:8000 {", f"http://:{port_of(inside)} {{"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (place / "Caddyfile").write_text(text, encoding="utf-8")
    return place / "Caddyfile"


async def test_nobody_loses_a_request_when_one_of_two_apis_is_stopped(tmp_path: Path) -> None:
    """Two APIs behind the real proxy with TLS: one drains and ends, and every request is answered all the while."""
    apis, proxy, inside = [free_origin(), free_origin()], free_origin(), free_origin()
    environ = {
        **{name: value for name, value in FILLED.items() if not name.startswith("SMTP")},
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/paywall.db",
        "APP_PUBLIC_BASE_URL": "https://localhost",
        "RATE_LIMIT_STATUS": "off",
    }

    def start(origin: str) -> AbstractAsyncContextManager[Process]:
        own = {**environ, "HTTP_PORT": port_of(origin)}
        return running(PAYWALL, "api", "--drain", "2", environ=own, place=tmp_path)

    await migrate(environ["DATABASE_URL"])
    outside = caddyfile_of_tests(tmp_path, proxy, inside)
    caddy = {"HOME": str(tmp_path), "PAYWALL_APIS": " ".join(api.removeprefix("http://") for api in apis)}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(verify=ssl.create_default_context(cafile=tmp_path / "authority.pem"), trust_env=False)
        )
        processes = [await stack.enter_async_context(start(api)) for api in apis]
        await stack.enter_async_context(
            running(CADDY, "run", "--adapter", "caddyfile", "--config", outside, environ=caddy, place=tmp_path)
        )
        for api in apis:
            await until_ready(client, f"{api}/health/ready")
        front = f"https://localhost:{port_of(proxy)}"
        await until_ready(client, f"{front}/health/ready")
        await until_ready(client, f"http://localhost:{port_of(inside)}/health/ready")
        assert (await client.get(f"{front}/metrics")).status_code == httpx.codes.NOT_FOUND
        assert is_healthy(apis[0])

        answers = list[int]()
        asking = asyncio.create_task(_ask(client, front, environ["INTERNAL_API_TOKEN"], answers))
        await _more(answers)
        processes[0].send_signal(signal.SIGTERM)
        await _until_not_ready(client, apis[0])
        assert (await client.get(f"{apis[0]}/health")).status_code == httpx.codes.OK, "it still answers"
        async with asyncio.timeout(60):
            assert await processes[0].wait() == 0
        assert not is_healthy(apis[0])
        await _more(answers)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert set(answers) == {200}


async def _more(answers: list[int]) -> None:
    """Until twenty more requests were answered."""
    seen = len(answers)
    async with asyncio.timeout(60):
        while len(answers) < seen + 20:
            await asyncio.sleep(0.05)


async def _until_not_ready(client: httpx.AsyncClient, origin: str) -> None:
    async with asyncio.timeout(60):
        while (await client.get(f"{origin}/health/ready")).status_code != httpx.codes.SERVICE_UNAVAILABLE:
            await asyncio.sleep(0.05)


async def _ask(client: httpx.AsyncClient, front: str, token: str, answers: list[int]) -> None:
    """A POST after another, which no proxy may send twice."""
    while True:
        sent = {"X-Internal-Token": token}
        answer = await client.post(f"{front}/api/bot/access/status", json={"telegram_user_id": 1}, headers=sent)
        answers.append(answer.status_code)
        await asyncio.sleep(0.02)
