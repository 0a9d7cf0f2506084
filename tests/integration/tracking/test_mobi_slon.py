"""MobiSлон's postback over HTTP: what is sent, and which answers are final."""

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator

import pytest
from litestar import Litestar

from adapters.tracking.mobi_slon import MobiSlonTracker
from entrypoints.sandbox.trackers import Trackers
from entrypoints.server import serving
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import ClickReport
from tests.integration.tracking.far_side import FarSide

CLICK = "a b&c=d"
REPORT = ClickReport(key="mobi_slon:pay_success:1", status="pay_success", clickid=CLICK)
FORM = "/index.php?cnv_id={clickid}&payout=0&cnv_status={status}"


@pytest.fixture
async def tracker(far_side: FarSide) -> AsyncIterator[MobiSlonTracker]:
    """The adapter, pointed at the far side."""
    tracker = MobiSlonTracker(far_side.origin + FORM)
    yield tracker
    await tracker.close()


async def test_report_is_a_get_with_everything_quoted(far_side: FarSide, tracker: MobiSlonTracker) -> None:
    """Whatever the values hold, they cannot change the URL."""
    params = {"utm source": "x&payout=99#", "sub1": "ы"}
    await tracker.report(ClickReport(key="k", status="start_quiz", clickid=CLICK, params=params))
    own = "cnv_id=a%20b%26c%3Dd&payout=0&cnv_status=start_quiz"
    assert far_side.requests == [f"GET /index.php?{own}&utm%20source=x%26payout%3D99%23&sub1=%D1%8B HTTP/1.1"]


@pytest.mark.parametrize(
    ("status", "headers", "permanent", "wait"),
    [
        (404, {}, True, None),
        (400, {}, True, None),
        (429, {"Retry-After": "7"}, False, 7.0),
        (408, {}, False, None),
        (425, {}, False, None),
        (503, {"Retry-After": "soon"}, False, None),
        (503, {"Retry-After": "9" * 20}, False, 86_400.0),
        (
            503,
            {"Date": "Tue, 01 Dec 2026 10:00:00 GMT", "Retry-After": "Tue, 01 Dec 2026 10:02:00 GMT"},
            False,
            120.0,
        ),
        (503, {"Retry-After": "Tue, 01 Dec 2026 10:02:00 GMT"}, False, None),
        (302, {"Location": "/elsewhere"}, False, None),
        (304, {}, False, None),
    ],
)
async def test_answers_decide_about_a_retry(
    far_side: FarSide,
    tracker: MobiSlonTracker,
    *,
    status: int,
    headers: dict[str, str],
    permanent: bool,
    wait: float | None,
) -> None:
    """Refused is final; busy and broken are tried again, at the tracker's own time. A redirect is not followed."""
    far_side.answers(status, headers=headers)
    with pytest.raises(DeliveryFailed) as raised:
        await tracker.report(REPORT)
    assert (raised.value.permanent, raised.value.retry_after_seconds) == (permanent, wait)
    assert raised.value.reason == f"the tracker answered {status}"
    assert len(far_side.requests) == 1


async def test_nobody_there_is_tried_again() -> None:
    """A port that is taken, but not listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        tracker = MobiSlonTracker(f"http://127.0.0.1:{bound.getsockname()[1]}/{{clickid}}/{{status}}")
        with pytest.raises(DeliveryFailed, match="ConnectError") as raised:
            await tracker.report(REPORT)
    await tracker.close()
    assert not raised.value.permanent


async def test_silence_ends_with_the_timeout(far_side: FarSide) -> None:
    """A far side that takes the call and says nothing holds up nobody for long."""
    far_side.says_nothing()
    tracker = MobiSlonTracker(far_side.origin + FORM, timeout_seconds=0.1)
    with pytest.raises(DeliveryFailed, match="Timeout") as raised:
        await tracker.report(REPORT)
    assert not raised.value.permanent
    await asyncio.wait_for(far_side.hung_up.wait(), timeout=5)
    await tracker.close()


async def test_head_that_drips_ends_with_the_timeout(far_side: FarSide) -> None:
    """A header every now and then is no answer: the whole request has a deadline."""
    far_side.never_ends(200, b"", pause_seconds=0.02)
    far_side.answer = b"HTTP/1.1 200 Whatever\r\n"
    far_side.endless = b"X-More: 1\r\n"
    tracker = MobiSlonTracker(far_side.origin + FORM, timeout_seconds=0.2)
    with pytest.raises(DeliveryFailed, match="TimeoutError"):
        await tracker.report(REPORT)
    await tracker.close()


async def test_body_of_a_yes_is_not_read(far_side: FarSide, tracker: MobiSlonTracker) -> None:
    """However long it is."""
    far_side.never_ends(200, b"x" * 65_536)
    await tracker.report(REPORT)
    await asyncio.wait_for(far_side.hung_up.wait(), timeout=5)


async def test_answer_that_is_no_http_is_tried_again(far_side: FarSide, tracker: MobiSlonTracker) -> None:
    """Whatever listens there."""
    far_side.answer = b"220 mail.example.com ESMTP\r\n"
    with pytest.raises(DeliveryFailed, match="RemoteProtocolError") as raised:
        await tracker.report(REPORT)
    assert not raised.value.permanent


async def test_one_report_leaves_nothing_for_the_next(far_side: FarSide, tracker: MobiSlonTracker) -> None:
    """A cookie from one customer's report is not sent with another's; closed, it opens again."""
    far_side.answers(200, headers={"Set-Cookie": "click=1; Path=/"})
    await tracker.report(REPORT)
    await tracker.report(REPORT)
    await tracker.close()
    await tracker.close()
    await tracker.report(REPORT)
    assert len(far_side.requests) == 3
    assert not [head for head in far_side.heads if "cookie" in head.lower()]


async def test_click_is_in_no_error(
    far_side: FarSide, tracker: MobiSlonTracker, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor in a traceback, nor in our own log."""
    caplog.set_level(logging.DEBUG)
    shown = ""
    for status in (400, 503):
        far_side.answers(status)
        with pytest.raises(DeliveryFailed) as raised:
            await tracker.report(REPORT)
        shown += "".join(traceback.format_exception(raised.value)) + repr(raised.value)
    far_side.answer = b"nonsense\r\n"
    with pytest.raises(DeliveryFailed) as raised:
        await tracker.report(REPORT)
    shown += "".join(traceback.format_exception(raised.value)) + repr(REPORT) + repr(tracker)
    shown += "".join(record.getMessage() for record in caplog.records if record.name.startswith("paywall"))
    assert CLICK not in shown
    assert "a%20b" not in shown


async def test_sandbox_receives_what_was_meant() -> None:
    """Its own parameters as the operator set them, and the visitor's beside them."""
    trackers = Trackers(pixel_id="1", access_token="unused-token")
    async with serving(Litestar([trackers.router]), host="127.0.0.1", port=0) as origin:
        tracker = MobiSlonTracker(f"{origin}/trackers/mobi-slon{FORM}")
        hostile = {"payout": "99", "CNV_ID": "mine", "cnv.status": "x", "cnv%5Fid": "y", "cnv_id[]": "z"}
        params = {**hostile, "utm_source": "quiz & more"}
        await tracker.report(ClickReport(key="k", status="start_quiz", clickid=CLICK, params=params))
        await tracker.close()
    (hit,) = trackers.received()
    assert hit.fields == {"cnv_id": CLICK, "payout": "0", "cnv_status": "start_quiz", "utm_source": "quiz & more"}
