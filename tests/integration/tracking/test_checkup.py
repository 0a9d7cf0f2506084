"""The doctor at the trackers: the pixel is read, the version looked up, the host rung at; no event and no postback."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import trustme
from litestar import Litestar

from adapters.tracking.checkup import MetaCheckup, MobiSlonCheckup, version_finding
from entrypoints.sandbox.trackers import Trackers
from entrypoints.server import serving
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.testing import FakeClock
from tests.integration.tracking.far_side import FarSide

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TOKEN = "EAAG-token-of-the-tests"
PIXEL_ID = "77"
BOTH = "META_ACCESS_TOKEN, META_PIXEL_ID"
OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED


async def asked(api_base: str, **changes: Any) -> Finding:
    """What Meta's side says of the token and the pixel, with some settings changed."""
    settings: dict[str, Any] = {"pixel_id": PIXEL_ID, "access_token": TOKEN, "api_version": "v25.0", **changes}
    found = await MetaCheckup(api_base=api_base, clock=FakeClock(NOW), **settings).check()
    assert [finding.subject for finding in found[1:]] == ["META_GRAPH_API_VERSION"]
    return found[0]


async def rung(url: str, **more: Any) -> Finding:
    """What is found at a postback's host."""
    (finding,) = await MobiSlonCheckup(url, **more).check()
    assert finding.subject == "MOBI_SLON_POSTBACK_URL"
    return finding


@pytest.fixture
async def trackers() -> Trackers:
    """The sandbox's receivers."""
    return Trackers(pixel_id=PIXEL_ID, access_token=TOKEN, clock=lambda: NOW)


@pytest.fixture
async def origin(trackers: Trackers) -> AsyncIterator[str]:
    """Where they are."""
    async with serving(Litestar([trackers.router], logging_config=None), host="127.0.0.1", port=0) as origin:
        yield f"{origin}/trackers"


@pytest.mark.parametrize("version", ["v18.0", "v25.0", "v99.0"])
async def test_token_that_reads_the_pixel_is_well(origin: str, trackers: Trackers, version: str) -> None:
    """By its name, whatever version is set; no event was sent."""
    found = await asked(f"{origin}/meta", api_version=version)
    assert (found.subject, found.verdict) == (BOTH, OK)
    assert "“Sandbox pixel”" in found.detail
    assert trackers.received() == []


async def test_wrong_token_and_wrong_pixel_are_found(origin: str) -> None:
    """Each is named."""
    token = await asked(f"{origin}/meta", access_token="EAAG-another-one")
    pixel = await asked(f"{origin}/meta", pixel_id="78")
    assert (token.verdict, pixel.verdict) == (FAILED, FAILED)
    assert "META_ACCESS_TOKEN: it is wrong, expired or withdrawn" in token.detail
    assert "no such META_PIXEL_ID" in pixel.detail


async def test_meta_that_is_down_or_away_is_found(origin: str, trackers: Trackers) -> None:
    """It says so, or nobody is there."""
    trackers.troubles.trackers_down = True
    down = await asked(f"{origin}/meta")
    assert (down.verdict, "not available" in down.detail) == (FAILED, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        away = await asked(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (away.subject, away.verdict) == ("META_API_BASE", FAILED)
    assert away.detail == "Meta did not answer: ConnectError"
    assert (await asked("http://127.0.0.1:99999")).verdict is FAILED


@pytest.mark.parametrize(
    ("status", "body", "verdict", "words"),
    [
        (403, {"error": {"code": 200, "message": TOKEN}}, WARNING, "does not let it read the pixel"),
        (403, {"error": {"code": 10, "message": TOKEN}}, WARNING, "does not let it read the pixel"),
        (400, {"error": {"code": 2500, "message": TOKEN}}, FAILED, "Meta refuses the call"),
        (400, {"error": {"code": 4, "message": TOKEN}}, FAILED, "rate limit"),
        (200, {"id": "78", "name": TOKEN}, FAILED, "not as its API does"),
        (200, {"events_received": 1}, FAILED, "another pixel"),
        (200, [TOKEN], FAILED, "not as its API does"),
        (302, {"id": PIXEL_ID}, FAILED, "Meta answered 302"),
    ],
)
async def test_every_answer_is_judged(far_side: FarSide, status: int, body: Any, verdict: Verdict, words: str) -> None:
    """What forbids reading need not forbid sending; all else that is no pixel of ours is a failure."""
    far_side.answers(status, msgspec.json.encode(body))
    found = await asked(far_side.origin)
    assert (found.verdict, words in found.detail) == (verdict, True), found.detail
    assert TOKEN not in found.detail


async def test_question_holds_the_token_in_a_header_alone(far_side: FarSide) -> None:
    """Addresses are logged on the way; and a dead version is never asked."""
    far_side.answers(200, msgspec.json.encode({"id": PIXEL_ID, "name": "Shop\n\x1b[31m"}))
    found = await asked(far_side.origin, api_version="v18.0")
    assert far_side.requests == ["GET /v27.0/77?fields=name HTTP/1.1"]
    assert f"authorization: bearer {TOKEN}".lower() in far_side.heads[0].lower()
    assert found.detail == "the token reads the pixel “Shop[31m”"


async def test_silent_meta_costs_a_bounded_time(far_side: FarSide) -> None:
    """It takes the question and says nothing."""
    far_side.says_nothing()
    async with asyncio.timeout(30):
        found = await asked(far_side.origin, timeout_seconds=0.3)
    assert found.verdict is FAILED


@pytest.mark.parametrize(
    ("version", "today", "verdict", "words"),
    [
        ("v2.12", date(2026, 11, 24), WARNING, "has retired v2.12: set META_GRAPH_API_VERSION=v27.0"),
        ("v16.0", date(2025, 6, 1), WARNING, "has retired v16.0"),
        ("v18.0", date(2026, 11, 24), WARNING, "served v18.0 until 2026-01-26: set META_GRAPH_API_VERSION=v27.0"),
        ("v18.0", date(2026, 1, 26), WARNING, "until 2026-01-26"),
        ("v18.0", date(2026, 1, 25), WARNING, "until 2026-01-26 only"),
        ("v18.0", date(2025, 10, 1), OK, "until 2026-01-26 at least"),
        ("v20.0", date(2026, 11, 24), WARNING, "until 2026-09-24"),
        ("v21.0", date(2026, 11, 24), WARNING, "until 2027-01-21 only"),
        ("v25.0", date(2026, 11, 24), OK, "until 2028-07-29 at least"),
        ("v27.0", date(2026, 11, 24), OK, "at least"),
        ("v27.0", date(2028, 11, 3), OK, "at least"),
        ("v27.0", date(2028, 11, 4), WARNING, "see Meta's changelog"),
        ("v28.0", date(2030, 1, 1), OK, "newer than all"),
        ("v25.1", date(2026, 11, 24), WARNING, "never had v25.1"),
        ("latest", date(2026, 11, 24), WARNING, "set META_GRAPH_API_VERSION"),
    ],
)
def test_retired_version_is_a_warning(version: str, today: date, verdict: Verdict, words: str) -> None:
    """Also three months before, while there is time; the contract's default is long gone."""
    found = version_finding(version, today=today)
    assert (found.subject, found.verdict) == ("META_GRAPH_API_VERSION", verdict)
    assert words in found.detail


async def test_host_of_the_postback_is_rung_at_without_a_postback(origin: str, trackers: Trackers) -> None:
    """A made-up click would be a conversion that nobody made."""
    found = await rung(f"{origin}/mobi-slon/index.php?cnv_id={{clickid}}&payout=0&cnv_status={{status}}&key=s3cret")
    assert (found.verdict, found.detail.endswith("is there; no postback was sent")) == (OK, True)
    assert trackers.received() == []
    assert "s3cret" not in found.detail


async def test_host_hears_not_a_byte(far_side: FarSide) -> None:
    """Not even a question that a script might answer by counting a conversion."""
    assert (await rung(f"{far_side.origin}/?{{clickid}}{{status}}")).verdict is OK
    assert far_side.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:{port}/?k=s3cret", "is out of reach: ConnectionRefusedError"),
        ("http://" + "a" * 70 + ".example/?k=s3cret", "is out of reach"),
        ("http://host.invalid/?k=s3cret", "host.invalid:80 is out of reach"),
        ("http://u:s3cret@127.0.0.1:99999/", "no http(s) URL"),
        ("ftp://127.0.0.1/s3cret", "no http(s) URL"),
    ],
)
async def test_host_that_is_away_is_found(url: str, words: str) -> None:
    """Nobody listens, no such name, no such port; of the URL only the host is told."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await rung(url.replace("{port}", str(taken.getsockname()[1])))
    assert (found.verdict, words in found.detail) == (FAILED, True), found.detail
    assert "s3cret" not in found.detail


async def test_certificate_of_the_postback_s_host_must_be_good() -> None:
    """A postback is refused otherwise; here the doctor knows it first."""
    authority, stranger = trustme.CA(), trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    verdicts = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=server_side)
    async with server:
        for believed in (authority, stranger):
            context = ssl.create_default_context()
            believed.configure_trust(context)
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            verdicts.append((await rung(url, tls_context=context)).verdict)
    assert verdicts == [OK, FAILED]


async def test_silent_host_costs_a_bounded_time() -> None:
    """It takes the connection and never encrypts it."""
    async with asyncio.timeout(30), FarSide.start() as far_side:
        found = await rung(far_side.origin.replace("http:", "https:"), timeout_seconds=0.3)
    assert (found.verdict, "within 0.3 s" in found.detail) == (FAILED, True)


async def test_no_secret_is_told(origin: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a finding, not in a log."""
    caplog.set_level(logging.DEBUG)
    found = [await asked(f"{origin}/meta"), await asked(f"{origin}/meta", pixel_id="78")]
    found += [await asked("http://127.0.0.1:1"), await rung(f"{origin}/mobi-slon/index.php?key={TOKEN}")]
    text = caplog.text + "\n".join(finding.detail for finding in found)
    assert {finding.verdict for finding in found} == {OK, FAILED}
    assert "HTTP Request: GET" in text
    assert TOKEN not in text
