"""Each answer of the Graph API: taken, tried again, tried again and named, or final."""

from typing import Any

import msgspec
import pytest

from adapters.tracking.graph_answers import failure_of
from adapters.tracking.outgoing import Answer
from paywall_core.errors import DeliveryFailed

SECRET = "EAAGtoken-that-meta-quotes"


def answer(status: int, document: object, wait: float | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status=status, body=msgspec.json.encode(document), retry_after_seconds=wait)


def refused(status: int, code: object, **more: Any) -> DeliveryFailed:
    """What a refusal means; Meta's message quotes a secret."""
    error = {"message": f"bad {SECRET}", "type": "OAuthException", "code": code, "fbtrace_id": "AbC-1_x", **more}
    failure = failure_of(answer(status, {"error": error}))
    assert failure is not None
    assert SECRET not in failure.reason
    return failure


def test_taken_is_no_failure() -> None:
    """Whatever else it says."""
    body = {"events_received": 1, "messages": ["hm"], "fbtrace_id": "A"}
    assert failure_of(answer(200, body)) is None


@pytest.mark.parametrize(
    ("status", "code", "more", "says"),
    [
        (400, 1, {}, "not available"),
        (500, 2, {"is_transient": True}, "not available"),
        (400, 100, {"is_transient": True}, "not available"),
        (503, 100, {}, "not available"),
        (400, 4, {}, "rate limit"),
        (400, 17, {"error_subcode": 2446079}, "rate limit"),
        (403, 613, {}, "rate limit"),
        (400, 80004, {}, "rate limit"),
        (429, 100, {}, "rate limit"),
        (400, 190, {"error_subcode": 463}, "META_ACCESS_TOKEN: it is wrong, expired"),
        (401, 102, {}, "META_ACCESS_TOKEN"),
        (403, 200, {}, "no right"),
        (403, 10, {}, "no right"),
        (403, 299, {}, "no right"),
        (400, 100, {"error_subcode": 33}, "META_PIXEL_ID"),
        (400, 2635, {}, "META_GRAPH_API_VERSION"),
        (400, 2500, {}, "refuses the call"),
        (418, 987654, {}, "refuses the call"),
    ],
)
def test_what_can_pass_or_be_mended_is_tried_again(status: int, code: int, more: dict[str, Any], says: str) -> None:
    """No event dies of an outage, a rate limit, or a setting that the operator can mend; the reason names it."""
    failure = refused(status, code, **more)
    assert not failure.permanent
    assert says in failure.reason


@pytest.mark.parametrize("more", [{}, {"error_subcode": 2804003}, {"error_subcode": 2804050, "is_transient": False}])
def test_wrong_event_is_final(more: dict[str, Any]) -> None:
    """It would be refused again and again."""
    failure = refused(400, 100, **more)
    assert failure.permanent
    subcode = f", subcode {more['error_subcode']}" if "error_subcode" in more else ""
    assert failure.reason == f"Meta refuses the event (HTTP 400, code 100{subcode}, trace AbC-1_x)"


@pytest.mark.parametrize("trace", ["", "x" * 65, f"{SECRET} ", "a\nb", "<b>", None])
def test_trace_that_looks_like_none_is_not_repeated(trace: str | None) -> None:
    """What stands between us and Meta may write anything there."""
    assert refused(400, 4, fbtrace_id=trace).reason == "Meta's rate limit is reached (HTTP 400, code 4)"


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 404, 502])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>no such page</html>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"events_received": 0}',
        b'{"events_received": "all"}',
        b'{"error": "invalid_request"}',
        b'{"error": {"code": "190"}}',
        b'{"error": {"code": 100, "error_subcode": "x"}}',
        b'{"a": ' * 5000,
        b'{"events_received": 1',
    ],
)
def test_odd_answer_is_tried_again(status: int, body: bytes) -> None:
    """Neither a yes nor a final no, whatever its status: only Meta itself may say either."""
    failure = failure_of(Answer(status=status, body=body, retry_after_seconds=7))
    assert failure is not None
    assert not failure.permanent
    assert failure.retry_after_seconds == 7
    assert failure.reason == f"Meta answered {status}, but not as its API does"


def test_yes_counts_only_with_its_status() -> None:
    """A body that says yes under an error's status is odd, too."""
    assert failure_of(answer(500, {"events_received": 1})) is not None


def test_own_word_on_when_to_come_back_is_kept() -> None:
    """Where the answer has one."""
    failure = failure_of(answer(400, {"error": {"code": 4}}, wait=30))
    assert failure is not None
    assert failure.retry_after_seconds == 30
