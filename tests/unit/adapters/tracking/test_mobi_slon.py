"""MobiSлон's postback over HTTP: what is sent, and which answers are final."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from adapters.tracking.mobi_slon import MobiSlonTracker
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import SaleReport

REPORT = SaleReport(key="mobi_slon:pay_success:1", order_id=UUID(int=1), clickid="a b&c=d")


class Receiver:
    """A real HTTP server of the smallest kind: remembers the request line, gives the answer it was told."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.cookies: list[str] = []
        self.answer = "200 OK"
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head.decode().splitlines()[0])
        self.cookies += [line for line in head.decode().splitlines() if line.lower().startswith("cookie:")]
        writer.write(f"HTTP/1.1 {self.answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """The server, running."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@pytest.fixture
async def tracker(receiver: Receiver) -> AsyncIterator[MobiSlonTracker]:
    """The adapter, pointed at it."""
    tracker = MobiSlonTracker(
        f"http://127.0.0.1:{receiver.port}/index.php?cnv_id={{clickid}}&payout=0&cnv_status={{status}}"
    )
    yield tracker
    await tracker.close()


async def test_sale_is_a_get_with_the_click_quoted(receiver: Receiver, tracker: MobiSlonTracker) -> None:
    """Whatever the click id holds, it cannot change the URL."""
    await tracker.report_sale(REPORT)
    assert receiver.requests == ["GET /index.php?cnv_id=a%20b%26c%3Dd&payout=0&cnv_status=pay_success HTTP/1.1"]


@pytest.mark.parametrize(
    ("answer", "permanent", "wait"),
    [
        ("404 Not Found", True, None),
        ("400 Bad Request", True, None),
        ("429 Too Many Requests\r\nRetry-After: 7", False, 7.0),
        ("408 Request Timeout", False, None),
        ("503 Unavailable\r\nRetry-After: soon", False, None),
        ("503 Unavailable\r\nRetry-After: 99999999999999999999", False, 86_400.0),
        (
            "503 Unavailable\r\nDate: Tue, 01 Dec 2026 10:00:00 GMT\r\nRetry-After: Tue, 01 Dec 2026 10:02:00 GMT",
            False,
            120.0,
        ),
        ("503 Unavailable\r\nRetry-After: Tue, 01 Dec 2026 10:02:00 GMT", False, None),
        ("302 Found", False, None),
    ],
)
async def test_answers_decide_about_a_retry(
    receiver: Receiver, tracker: MobiSlonTracker, answer: str, *, permanent: bool, wait: float | None
) -> None:
    """Refused is final; busy and broken are tried again, at the tracker's own time."""
    receiver.answer = answer
    with pytest.raises(DeliveryFailed) as raised:
        await tracker.report_sale(REPORT)
    assert (raised.value.permanent, raised.value.retry_after_seconds) == (permanent, wait)
    assert "a b" not in raised.value.reason


async def test_silence_is_tried_again() -> None:
    """Nobody listens: not final."""
    with socket.socket() as bound:  # a port that is taken, but not listened on
        bound.bind(("127.0.0.1", 0))
        tracker = MobiSlonTracker(f"http://127.0.0.1:{bound.getsockname()[1]}/{{clickid}}/{{status}}")
        await _assert_tried_again(tracker)


async def _assert_tried_again(tracker: MobiSlonTracker) -> None:
    with pytest.raises(DeliveryFailed) as raised:
        await tracker.report_sale(REPORT)
    assert not raised.value.permanent
    assert "a b" not in raised.value.reason
    await tracker.close()


async def test_one_sale_leaves_nothing_for_the_next(receiver: Receiver, tracker: MobiSlonTracker) -> None:
    """A cookie from one customer's report is not sent with another's; closed, it opens again."""
    receiver.answer = "200 OK\r\nSet-Cookie: click=1"
    await tracker.report_sale(REPORT)
    await tracker.report_sale(REPORT)
    await tracker.close()
    await tracker.close()
    await tracker.report_sale(REPORT)
    assert (len(receiver.requests), receiver.cookies) == (3, [])


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "clickid"),
        ("https://t.example/?s={status}", "{clickid}"),
        ("https://t.example/?c={clickid}", "{status}"),
        ("https://t.example/?c={clickid}&s={status}&p={payout}", "{payout}"),
        ("ftp://t.example/?c={clickid}&s={status}", "http"),
        ("t.example/?c={clickid}&s={status}", "http"),
        ("https:///?c={clickid}&s={status}", "host"),
        ("https://{clickid}.example/?s={status}", "host"),
        ("https://t.example/#c={clickid}&s={status}", "fragment"),
        ("https://t.example:port/?c={clickid}&s={status}", "malformed"),
        ("https://t.example/\n?c={clickid}&s={status}", "malformed"),
    ],
)
def test_template_that_leads_nowhere_is_refused_at_once(template: str, why: str) -> None:
    """At the start, with the reason; not at the first sale."""
    with pytest.raises(ValueError, match=re.escape(why)):
        MobiSlonTracker(template)
