"""The tracking relay: what strangers send cannot change where our report goes or what we say in it."""

from typing import Any
from urllib.parse import quote

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from paywall_core.ports.delivery import ClickReport
from paywall_core.tracking import AdEvent, TrackingOutcome

from .shapes import BOUNDED, mutated
from .worlds import Api, check_postback

_NASTY = [
    "cnv_id",
    "CNV_ID",
    "cnv%5Fid",
    "cnv.id",
    "cnv_status[]",
    "payout",
    "\r\nHost: x",
    "@evil",
    "#",
    "?",
    "&a=b",
    "",
]
_TEXT = st.sampled_from([*_NASTY, "//evil.example/", "{clickid}", "{status}", "\ud800"]) | st.text(
    st.characters(), max_size=20
)
_STEP = {
    "status": "start_quiz",
    "clickid": "c",
    "page_path": "/q",
    "tracking_params": {"utm_source": "n", "cnv_id": "2"},
}


@BOUNDED
@given(clickid=_TEXT, params=st.dictionaries(_TEXT, _TEXT, max_size=6))
def test_postback_keeps_its_shape(clickid: str, params: dict[str, str]) -> None:
    """Host, path, and our own parameters, each once."""
    check_postback(ClickReport(key="k", clickid=clickid, status="start_quiz", params=params))


@BOUNDED
@given(clickid=_TEXT, pairs=st.lists(st.tuples(_TEXT, _TEXT), max_size=6), path=st.sampled_from(["mobi-slon", "meta"]))
def test_any_query_is_taken_or_refused(api: Api, clickid: str, pairs: list[tuple[str, str]], path: str) -> None:
    """By the image and the beacon."""
    query = [("status", "start_quiz"), ("clickid", clickid), *pairs]
    coded = "&".join(f"{quote(n, errors='surrogatepass')}={quote(v, errors='surrogatepass')}" for n, v in query)
    api.tracked(f"/api/tracking/{path}-event?{coded}")


@BOUNDED
@given(mutated(st.just(_STEP)))
def test_any_body_is_taken_or_refused(api: Api, document: Any) -> None:
    """By the call."""
    body, headers = msgspec.json.encode(document), {"content-type": "application/json"}
    api.tracked("/api/tracking/mobi-slon-event", method="POST", content=body, headers=headers)


def test_step_that_says_a_session_of_ours_logs_nothing_of_its_order(api: Api) -> None:
    """A claim of a sale reads the order; the row holds the claim alone."""
    api.tracked(f"/api/tracking/mobi-slon-event?status=pay_success&clickid=c&session_id={api.started['session_id']}")
    (attempt,) = api.store.tracking_log
    assert attempt.outcome is TrackingOutcome.REFUSED


def test_ad_event_logs_the_callers_browser_and_nothing_else_of_the_call(api: Api) -> None:
    """Its address and user agent, where it names none."""
    api.tracked("/api/tracking/meta-event?status=Lead", headers={"User-Agent": "a browser"})
    (attempt,) = api.store.tracking_log
    assert attempt.event == AdEvent(name="Lead", ip="127.0.0.1", user_agent="a browser")
