"""What the Graph API's answers mean for a delivery: taken, later, later and somebody must mend something, never. Pure.

Sources: https://developers.facebook.com/docs/graph-api/guides/error-handling and …/overview/rate-limiting, and for the
events themselves https://developers.facebook.com/docs/marketing-api/conversions-api. Meta's own message is never
repeated: it may quote what was sent.
"""

import re
from typing import Final, TypeVar

import msgspec

from adapters.tracking.outgoing import Answer
from paywall_core.errors import DeliveryFailed

_OK: Final = 200
_BUSY_STATUS: Final = 429
_SERVER_ERROR: Final = 500
_INVALID_PARAMETER: Final = 100
_NO_SUCH_OBJECT: Final = 33  # a subcode of it: the pixel, not the event
_OUTAGES: Final = frozenset({1, 2})
_RATES: Final = frozenset({4, 17, 32, 341, 368, 613, *range(80000, 80015)})
_TOKENS: Final = frozenset({102, 190})
_PERMISSIONS: Final = frozenset({3, 10, *range(200, 300)})
_VERSIONS: Final = frozenset({12, 2635})
_TRACE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_Shape = TypeVar("_Shape")


class _Taken(msgspec.Struct, frozen=True):
    events_received: int


class _Error(msgspec.Struct, frozen=True):
    code: int
    error_subcode: int | None = None
    is_transient: bool | None = None
    fbtrace_id: str | None = None


class _Refused(msgspec.Struct, frozen=True):
    error: _Error


def failure_of(answer: Answer) -> DeliveryFailed | None:
    """None: Meta has taken the event. Otherwise what went wrong, and if trying again can help.

    Final is only what Meta says of this very event. A token, a right, a pixel or a version that is wrong is named, and
    tried again: the operator can mend it, and no event is lost meanwhile.
    """
    refused = _decoded(answer.body, _Refused)
    if refused is not None:
        return _refusal(answer, refused.error)
    taken = _decoded(answer.body, _Taken) if answer.status == _OK else None
    if taken is not None and taken.events_received > 0:
        return None
    return DeliveryFailed(
        f"Meta answered {answer.status}, but not as its API does", retry_after_seconds=answer.retry_after_seconds
    )


def _refusal(answer: Answer, error: _Error) -> DeliveryFailed:
    wrong_pixel = error.code == _INVALID_PARAMETER and error.error_subcode == _NO_SUCH_OBJECT
    permanent = False
    if error.is_transient or answer.status >= _SERVER_ERROR or error.code in _OUTAGES:
        what = "Meta is not available"
    elif answer.status == _BUSY_STATUS or error.code in _RATES:
        what = "Meta's rate limit is reached"
    elif error.code in _TOKENS:
        what = "Meta refuses META_ACCESS_TOKEN: it is wrong, expired or withdrawn"
    elif error.code in _PERMISSIONS:
        what = "META_ACCESS_TOKEN has no right to send events to META_PIXEL_ID"
    elif wrong_pixel:
        what = "Meta has no META_PIXEL_ID, or META_ACCESS_TOKEN has no right to it"
    elif error.code in _VERSIONS:
        what = "Meta no longer serves META_GRAPH_API_VERSION"
    elif error.code == _INVALID_PARAMETER:
        what, permanent = "Meta refuses the event", True
    else:
        what = "Meta refuses the call"
    return DeliveryFailed(
        f"{what} ({_named(answer, error)})", permanent=permanent, retry_after_seconds=answer.retry_after_seconds
    )


def _named(answer: Answer, error: _Error) -> str:
    """Numbers, and Meta's id of the call where it looks like one."""
    parts = [f"HTTP {answer.status}", f"code {error.code}"]
    if error.error_subcode is not None:
        parts.append(f"subcode {error.error_subcode}")
    if error.fbtrace_id is not None and _TRACE.fullmatch(error.fbtrace_id):
        parts.append(f"trace {error.fbtrace_id}")
    return ", ".join(parts)


def _decoded(body: bytes, shape: type[_Shape]) -> _Shape | None:
    """The body as Meta writes it; None: it is something else."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
