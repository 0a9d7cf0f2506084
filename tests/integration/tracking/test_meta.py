"""Meta's Conversions API over HTTP: against the sandbox's receiver, and against far sides that are odd."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import pytest
from litestar import Litestar

from adapters.tracking.meta import MetaConversions
from entrypoints.sandbox.trackers import Trackers
from entrypoints.server import serving
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AdReport
from paywall_core.tracking import AdEvent
from tests.integration.tracking.far_side import FarSide

TOKEN: Final = "EAAG-token-of-ours"
PIXEL: Final = "100000000000001"
NOW: Final = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)
EVENT: Final = AdEvent(name="Lead", fbclid="IwAR_AbC-9", ip="203.0.113.77", user_agent="Mozilla/5.0 (secret)")
REPORT: Final = AdReport(key="tracked_event:1", event=EVENT, occurred_at=NOW)
TAKEN: Final = b'{"events_received":1,"messages":[],"fbtrace_id":"A1"}'

Connect = Callable[..., MetaConversions]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes adapters, and closes them."""
    made: list[MetaConversions] = []

    def connect(origin: str, *, token: str = TOKEN, pixel: str = PIXEL, timeout_seconds: float = 5) -> MetaConversions:
        made.append(
            MetaConversions(
                pixel_id=pixel,
                access_token=token,
                api_version="v25.0",
                api_base=origin,
                source_url="https://pay.example.com/pay",
                timeout_seconds=timeout_seconds,
            )
        )
        return made[-1]

    yield connect
    for one in made:
        await one.close()


@asynccontextmanager
async def sandbox() -> AsyncIterator[tuple[Trackers, str]]:
    """The sandbox's receiver, and where it is."""
    trackers = Trackers(pixel_id=PIXEL, access_token=TOKEN, clock=lambda: NOW)
    async with serving(Litestar([trackers.router]), host="127.0.0.1", port=0) as origin:
        yield trackers, f"{origin}/trackers/meta"


async def test_sandbox_takes_the_event_without_a_complaint(connect: Connect) -> None:
    """And knows its repeat as a repeat."""
    async with sandbox() as (trackers, origin):
        meta = connect(f"{origin}/")
        await meta.send_event(REPORT)
        await meta.send_event(REPORT)
    first, second = trackers.received()
    assert (first.name, first.subject, first.remarks) == ("Lead", EVENT.event_id, ())
    assert first.fields["user_data"]["fbc"] == f"fb.1.{int(NOW.timestamp())}250.IwAR_AbC-9"
    assert (first.duplicate, second.duplicate) == (False, True)


async def test_sandbox_refuses_what_meta_would(connect: Connect) -> None:
    """A wrong token or pixel can be mended; an event that is too old, or describes nobody, cannot."""
    old = AdReport(key="k", event=EVENT, occurred_at=NOW - timedelta(days=7, seconds=1))
    nobody = AdReport(key="k", event=AdEvent(name="Lead"), occurred_at=NOW)
    async with sandbox() as (trackers, origin):
        outcomes = []
        for meta, report in (
            (connect(origin, token="other"), REPORT),
            (connect(origin, pixel="2"), REPORT),
            (connect(origin), old),
            (connect(origin), nobody),
        ):
            with pytest.raises(DeliveryFailed) as raised:
                await meta.send_event(report)
            outcomes.append((raised.value.reason.split(" (")[0], raised.value.permanent))
        trackers.troubles.trackers_down = True
        with pytest.raises(DeliveryFailed) as raised:
            await connect(origin).send_event(REPORT)
        assert (raised.value.reason.split(" (")[0], raised.value.permanent) == ("Meta is not available", False)
    assert outcomes == [
        ("Meta refuses META_ACCESS_TOKEN: it is wrong, expired or withdrawn", False),
        ("Meta has no META_PIXEL_ID, or META_ACCESS_TOKEN has no right to it", False),
        ("Meta refuses the event", True),
        ("Meta refuses the event", True),
    ]
    assert trackers.received() == []


async def test_call_is_a_post_with_the_token_in_its_body_only(far_side: FarSide, connect: Connect) -> None:
    """Not in the address, which proxies log, and in no header."""
    far_side.answers(200, TAKEN)
    await connect(far_side.origin).send_event(REPORT)
    (head,), (body,) = far_side.heads, far_side.bodies
    assert far_side.requests == [f"POST /v25.0/{PIXEL}/events HTTP/1.1"]
    assert TOKEN not in head
    call = msgspec.json.decode(body)
    assert (call["access_token"], len(call["data"]), set(call)) == (TOKEN, 1, {"access_token", "data"})


async def test_redirect_is_not_followed(far_side: FarSide, connect: Connect) -> None:
    """The token would be handed to wherever it leads."""
    async with FarSide.start() as elsewhere:
        far_side.answers(307, headers={"Location": f"{elsewhere.origin}/v25.0/{PIXEL}/events"})
        with pytest.raises(DeliveryFailed, match="answered 307") as raised:
            await connect(far_side.origin).send_event(REPORT)
        assert (raised.value.permanent, elsewhere.requests) == (False, [])


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>welcome to our wi-fi</html>"), (200, b""), (200, b'{"events_received":0}'), (404, b"nothing here")],
)
async def test_answer_that_is_not_metas_is_tried_again(
    far_side: FarSide, connect: Connect, status: int, body: bytes
) -> None:
    """A 200 from something in between is no yes."""
    far_side.answers(status, body, headers={"Retry-After": "9"})
    with pytest.raises(DeliveryFailed, match=f"answered {status}") as raised:
        await connect(far_side.origin).send_event(REPORT)
    assert (raised.value.permanent, raised.value.retry_after_seconds) == (False, 9)


async def test_endless_body_is_cut_off(far_side: FarSide, connect: Connect) -> None:
    """Only its beginning is read, and it is no answer."""
    far_side.never_ends(200, b" " * 65_536)
    with pytest.raises(DeliveryFailed, match="not as its API does") as raised:
        await connect(far_side.origin).send_event(REPORT)
    assert not raised.value.permanent
    await asyncio.wait_for(far_side.hung_up.wait(), timeout=5)


async def test_packed_body_is_not_unpacked(far_side: FarSide, connect: Connect) -> None:
    """Nobody asked for it, and a small one could become a large one."""
    far_side.answers(200, TAKEN, headers={"Content-Encoding": "gzip"})
    await connect(far_side.origin).send_event(REPORT)  # as it came: read without a look at the header
    assert "accept-encoding: identity" in far_side.heads[0].lower()


async def test_silence_and_a_body_that_drips_end_with_the_timeout(far_side: FarSide, connect: Connect) -> None:
    """Each part comes in time, the whole does not."""
    meta = connect(far_side.origin, timeout_seconds=0.2)
    far_side.says_nothing()
    with pytest.raises(DeliveryFailed, match=r"Meta did not answer: .*Timeout"):
        await meta.send_event(REPORT)
    await asyncio.wait_for(far_side.hung_up.wait(), timeout=5)
    far_side.never_ends(200, b" ", pause_seconds=0.02)
    with pytest.raises(DeliveryFailed, match="Meta did not answer: TimeoutError") as raised:
        await meta.send_event(REPORT)
    assert not raised.value.permanent


async def test_closed_adapter_opens_again(far_side: FarSide, connect: Connect) -> None:
    """Closing twice, or before the first event, is no error."""
    meta = connect(far_side.origin)
    await meta.close()
    far_side.answers(200, TAKEN, headers={"Set-Cookie": "fr=1"})
    await meta.send_event(REPORT)
    await meta.close()
    await meta.close()
    await meta.send_event(REPORT)
    assert len(far_side.requests) == 2
    assert "cookie" not in far_side.heads[1].lower()


async def test_event_that_cannot_be_written_is_final(connect: Connect) -> None:
    """Half of a surrogate pair has no bytes; nothing is sent."""
    half = AdReport(key="k", event=AdEvent(name="Lead", user_agent="\ud800"), occurred_at=NOW)
    with pytest.raises(DeliveryFailed) as raised:
        await connect("http://127.0.0.1:9").send_event(half)
    assert raised.value.permanent


async def test_no_secret_and_nothing_personal_is_in_an_error_or_a_log(
    far_side: FarSide, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where Meta's answer quotes them, nor in the libraries' own logs."""
    caplog.set_level(logging.DEBUG)
    meta = connect(far_side.origin)
    quoted = f"{TOKEN} {EVENT.ip} {EVENT.user_agent} {EVENT.fbclid}"
    shown = repr(meta) + repr(REPORT)
    for code in (1, 4, 10, 100, 190, 2500):
        far_side.answers(400, msgspec.json.encode({"error": {"message": quoted, "code": code, "fbtrace_id": quoted}}))
        with pytest.raises(DeliveryFailed) as raised:
            await meta.send_event(REPORT)
        shown += "".join(traceback.format_exception(raised.value))
    for odd in (b"HTTP/1.1 200 OK\r\n", b"nonsense\r\n"):
        far_side.answer = odd
        with pytest.raises(DeliveryFailed) as raised:
            await meta.send_event(REPORT)
        shown += "".join(traceback.format_exception(raised.value))
    assert caplog.records  # httpx speaks: the search below finds something to search
    shown += caplog.text
    for secret in (TOKEN, "203.0.113.77", "(secret)", "IwAR_AbC-9"):
        assert secret not in shown
