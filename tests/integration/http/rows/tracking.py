"""What the quiz front end tells the trackers."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import httpx

from tests.integration.http.service import Service

from .table import Call, Row, Send, values

STEP: Final = {"status": "start_quiz", "clickid": "w8h2f5k"}
META = Call(method="GET", path="/api/tracking/meta-event", good=values(status="Lead"))
FUNNEL = Call(method="POST", path="/api/tracking/mobi-slon-event", good=values(**STEP), sample=STEP)
BEACON = replace(FUNNEL, method="GET")
ACCEPTED: Final = {"status": "accepted"}


def meta_rows() -> Iterator[Row]:
    """A name, and what is known of the visitor."""
    yield Row(what="good", send=META.with_(), answer=ACCEPTED)
    yield Row(what="all", send=META.with_(fbclid="IwAR2xYz", ip="203.0.113.7", ua="Mozilla/5.0"), answer=ACCEPTED)
    yield Row(what="empty ones", send=META.query("status=Lead&fbclid=&ip=&ua="), answer=ACCEPTED)
    yield Row(what="nothing", send=META.query(""), code="validation_failed", fields=("status",))
    wrong = {
        "status": ("", "x" * 41, "a%00b", "%ff", "a&status=b"),
        "fbclid": ("x" * 513, "%01", "%ff", "a&fbclid=b"),
        "ip": ("x" * 65, "%0a", "%ff", "a&ip=b"),
        "ua": ("x" * 1025, "%00", "%ff", "a&ua=b"),
    }
    for name, bad in wrong.items():
        for value in bad:
            query = f"{'' if name == 'status' else 'status=Lead&'}{name}={value}"
            yield Row(what=query[:40], send=META.query(query), code="validation_failed", fields=(name,))
    query = "fbclid=%ff&ip=a&ip=b&ua=%fe"
    yield Row(
        what="everything wrong",
        send=META.query(query),
        code="validation_failed",
        fields=("status", "fbclid", "ip", "ua"),
    )
    yield Row(what="not set up", send=META.with_(), code="tracking_not_configured", on="untracked")
    yield META.limited()
    yield META.broken(status="Lead")


def wrong_steps(call: Call) -> Iterator[Row]:
    """What both ways of telling a step refuse."""
    wrong: dict[str, Sequence[str]] = {
        "status": ("", "START_QUIZ", "block8_completed", "Lead"),
        "clickid": ("", "x" * 256, "a\0b"),
        "session_id": ("x" * 256, "a\0b"),
        "page_path": ("x" * 1025, "a\nb"),
    }
    for name, bad in wrong.items():
        for value in bad:
            send = call.with_(**{name: value})
            yield Row(what=f"{name}={value[:20]!r}", send=send, code="validation_failed", fields=(name,))
    yield Row(what="not set up", send=call.with_(), code="tracking_not_configured", on="untracked")


def funnel_rows() -> Iterator[Row]:
    """A step, with parameters that must be flat."""
    yield Row(what="good", send=FUNNEL.with_(), answer=ACCEPTED)
    params = {"utm": "a", "n": 5, "x": 1.50, "yes": True, "none": None}
    yield Row(
        what="all",
        send=FUNNEL.with_(session_id="cs_1", page_path="/quiz", tracking_params=params, more=1),
        answer=ACCEPTED,
    )
    yield Row(what="nulls", send=FUNNEL.with_(session_id=None, page_path=None, tracking_params=None), answer=ACCEPTED)
    yield Row(what="text/plain, as beacons send it", send=_as_text(FUNNEL), answer=ACCEPTED)
    yield from FUNNEL.no_documents("status", "clickid")
    yield from FUNNEL.bad_texts("status", "clickid")
    yield from FUNNEL.bad_texts("session_id", "page_path", required=False)
    yield from FUNNEL.missing("status", "clickid")
    yield from wrong_steps(FUNNEL)
    wrong: Sequence[Any] = ([], "a=b", 5, True)
    for bad in wrong:
        yield Row(
            what=f"params={bad}",
            send=FUNNEL.with_(tracking_params=bad),
            code="validation_failed",
            fields=("tracking_params",),
        )
    yield Row(
        what="nested",
        send=FUNNEL.with_(tracking_params={"a": {}, "b": "fine", "c": ["x"]}),
        code="validation_failed",
        fields=("tracking_params.a", "tracking_params.c"),
    )
    for many in ({f"p{n}": "x" for n in range(41)}, {"x" * 65: "a"}, {"a": "x" * 1025}, {"a\0": "b"}):
        send = FUNNEL.with_(tracking_params=many)
        yield Row(what=f"{len(many)} params", send=send, code="validation_failed", fields=("tracking_params",))
    twice = b'{"status": "start_quiz", "clickid": "c", "tracking_params": {"a": "1", "a": "2"}}'
    yield Row(what="twice", send=FUNNEL.raw(twice), code="validation_failed", fields=("tracking_params.a",))
    half = b'{"status": "start_quiz", "clickid": "c", "tracking_params": {"\\ud800": "1"}}'
    yield Row(what="half a name", send=FUNNEL.raw(half), code="validation_failed", fields=("tracking_params",))
    yield FUNNEL.limited()
    yield FUNNEL.broken(status="start_quiz", clickid="c")


def _as_text(call: Call) -> Send:
    async def send(service: Service) -> httpx.Response:
        body = json.dumps(await call.good(service)).encode()
        return await service.client.post(call.path, content=body, headers={"content-type": "text/plain"})

    return send


def beacon_rows() -> Iterator[Row]:
    """The same in the query; everything else there is a tracking parameter, and of several the last counts."""
    yield Row(what="good", send=BEACON.with_(), answer=ACCEPTED)
    yield Row(
        what="all",
        send=BEACON.query("status=start_quiz&clickid=c&session_id=&page_path=%2Fquiz&utm=a&utm=b&empty="),
        answer=ACCEPTED,
    )
    yield Row(what="nothing", send=BEACON.query(""), code="validation_failed", fields=("status", "clickid"))
    yield from BEACON.missing("status", "clickid")
    yield from wrong_steps(BEACON)
    for query, name in (("utm=%ff", "utm"), ("%ff=a", "query"), ("status=a", "status"), ("clickid=b", "clickid")):
        send = BEACON.query(f"status=start_quiz&clickid=c&{query}")
        yield Row(what=query, send=send, code="validation_failed", fields=(name,))
    for query in ("x" * 65 + "=1", "a=" + "x" * 1025, "a=%00", "&".join(f"p{n}=1" for n in range(41))):
        send = BEACON.query(f"status=start_quiz&clickid=c&{query}")
        yield Row(what=query[:20], send=send, code="validation_failed", fields=("tracking_params",))
    yield BEACON.limited()
    yield BEACON.broken(status="start_quiz", clickid="c")


ROWS: Final[Mapping[str, tuple[Call, Callable[[], Iterator[Row]]]]] = {
    "trackMetaEvent": (META, meta_rows),
    "trackFunnelStep": (FUNNEL, funnel_rows),
    "trackFunnelStepByImage": (BEACON, beacon_rows),
}
