"""The trackers over HTTP: what they take, how they refuse, and what their page shows."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from entrypoints.sandbox.trackers import TrackerKind, Trackers
from entrypoints.sandbox.troubles import Troubles
from entrypoints.server import serving

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
EVENTS = "/trackers/meta/v25.0/77/events"


def an_event(**changes: Any) -> dict[str, Any]:
    """A good event, with some of it changed; None leaves a field out."""
    event: dict[str, Any] = {
        "event_name": "Purchase",
        "event_time": SECONDS,
        "event_id": "order-1",
        "action_source": "website",
        "user_data": {"client_ip_address": "203.0.113.1", "client_user_agent": "Mozilla/5.0"},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


@pytest.fixture
async def trackers() -> Trackers:
    """Both receivers, empty."""
    return Trackers(pixel_id="77", access_token="meta-token", troubles=Troubles(), clock=lambda: NOW)


@pytest.fixture
async def client(trackers: Trackers) -> AsyncIterator[httpx.AsyncClient]:
    """A client of theirs."""
    app = Litestar([trackers.router])
    async with (
        serving(app, host="127.0.0.1", port=0) as origin,
        httpx.AsyncClient(base_url=origin, follow_redirects=True, trust_env=False) as client,
    ):
        yield client


async def test_meta_takes_json(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """The answer is Graph's, the event is kept whole."""
    answer = await client.post(EVENTS, json={"data": [an_event()], "access_token": "meta-token"})
    assert answer.status_code == 200
    assert answer.json()["events_received"] == 1
    assert answer.json()["messages"] == []
    assert answer.json()["fbtrace_id"]
    (hit,) = trackers.received(kind=TrackerKind.META)
    assert (hit.name, hit.subject, hit.duplicate) == ("Purchase", "order-1", False)
    assert hit.fields == an_event()


async def test_meta_takes_a_form(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """`data` is JSON inside the form; the token may stand in the address."""
    answer = await client.post(f"{EVENTS}?access_token=meta-token", data={"data": json.dumps([an_event(), an_event()])})
    assert answer.json()["events_received"] == 2
    assert [hit.duplicate for hit in trackers.received()] == [False, True]


async def test_meta_takes_a_bearer_token(client: httpx.AsyncClient) -> None:
    """As Graph does."""
    answer = await client.post(EVENTS, json={"data": [an_event()]}, headers={"Authorization": "Bearer meta-token"})
    assert answer.status_code == 200


async def test_meta_counts_only_same_name_and_id_as_duplicate(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """Another name, another id, or no id at all is another event."""
    events = [an_event(), an_event(event_name="Lead"), an_event(event_id="order-2"), an_event(event_id=None)]
    await client.post(EVENTS, json={"data": [*events, an_event(event_id=None)], "access_token": "meta-token"})
    assert [hit.duplicate for hit in trackers.received()] == [False] * 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"event_name": None}, "event_name"),
        ({"event_time": None}, "event_time"),
        ({"event_time": str(SECONDS)}, "event_time"),
        ({"event_time": SECONDS * 1000}, "milliseconds"),
        ({"event_time": SECONDS - 7 * 86400 - 1}, "7 days"),
        ({"event_time": SECONDS + 3600}, "7 days"),
        ({"action_source": None}, "action_source"),
        ({"action_source": "web"}, "action_source"),
        ({"user_data": None}, "user_data"),
        ({"user_data": {}}, "user_data"),
        ({"user_data": {"fbc": ""}}, "user_data"),
        ({"user_data": {"client_user_agent": "Mozilla/5.0"}}, "says enough"),
        ({"user_data": {"ln": "a", "ge": "f"}}, "says enough"),
        ({"user_data": {"fbc": 7}}, "fbc"),
    ],
)
async def test_meta_refuses_a_wrong_event(
    client: httpx.AsyncClient, trackers: Trackers, changes: dict[str, Any], words: str
) -> None:
    """The whole call, with Graph's error, which names the parameter."""
    body = {"data": [an_event(), an_event(**changes)], "access_token": "meta-token"}
    answer = await client.post(EVENTS, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 100
    assert words in answer.json()["error"]["message"]
    assert trackers.received() == []


@pytest.mark.parametrize("body", [{"data": []}, {"data": "x"}, {}, {"data": [1]}])
async def test_meta_refuses_what_is_no_list_of_events(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """`data` must be a list with objects in it."""
    answer = await client.post(EVENTS, json={**body, "access_token": "meta-token"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, None),
        ({"action_source": "email", "event_source_url": None, "user_data": {"em": "00"}}, None),
        ({"event_source_url": None}, "event_source_url"),
        ({"user_data": {"client_ip_address": "203.0.113.1"}}, "client_user_agent"),
        ({"user_data": {"fbc": "IwAR1", "client_user_agent": "Mozilla/5.0"}}, "fbc"),
        ({"user_data": {"fbc": f"fb.1.{SECONDS}000.IwAR_1-x", "client_user_agent": "Mozilla/5.0"}}, None),
        ({"event_id": None}, "event_id"),
    ],
)
async def test_meta_complains_of_what_it_takes(
    client: httpx.AsyncClient, trackers: Trackers, changes: dict[str, Any], word: str | None
) -> None:
    """As its diagnostics do afterwards; the page shows it."""
    good = an_event(event_source_url="https://pay.example.com/pay")
    event = {name: value for name, value in {**good, **changes}.items() if value is not None}
    answer = await client.post(EVENTS, json={"data": [event], "access_token": "meta-token"})
    assert answer.status_code == 200
    (hit,) = trackers.received()
    assert [word in remark for remark in hit.remarks if word] == ([True] if word else [])
    assert bool(hit.remarks) == (word is not None)
    assert ("tracker-remark" in (await client.get("/trackers")).text) == (word is not None)


async def test_meta_forgets_an_event_after_two_days() -> None:
    """Until then a repeat is one event with the first."""
    moments = [NOW]
    trackers = Trackers(pixel_id="77", access_token="meta-token", clock=lambda: moments[-1])
    for hours in (0, 47, 49 + 47):
        moments.append(NOW + timedelta(hours=hours))
        data = [an_event(event_time=int(moments[-1].timestamp()))]
        await trackers.take_meta(pixel_id="77", access_token="meta-token", data=data)
    assert [hit.duplicate for hit in trackers.received()] == [False, True, False]


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
async def test_meta_refuses_an_unreadable_body(client: httpx.AsyncClient, content: bytes) -> None:
    """As an invalid parameter."""
    answer = await client.post(EVENTS, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_meta_refuses_wrong_token_and_wrong_pixel(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """Each with Graph's own code."""
    wrong = await client.post(EVENTS, json={"data": [an_event()], "access_token": "other"})
    none = await client.post(EVENTS, json={"data": [an_event()]})
    body = {"data": [an_event()], "access_token": "meta-token"}
    pixel = await client.post("/trackers/meta/v25.0/78/events", json=body)
    assert [answer.json()["error"]["code"] for answer in (wrong, none, pixel)] == [190, 190, 100]
    assert trackers.received() == []


PIXEL = "/trackers/meta/v25.0/77"


async def test_meta_shows_the_pixel_to_whoever_has_the_token(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """With the fields that are asked for; the token in a header or in the address."""
    named = await client.get(f"{PIXEL}?fields=name", headers={"Authorization": "Bearer meta-token"})
    assert (named.status_code, named.json()) == (200, {"name": "Sandbox pixel", "id": "77"})
    bare = await client.get(f"{PIXEL}?access_token=meta-token")
    assert bare.json() == {"id": "77"}
    assert trackers.received() == []


async def test_meta_shows_the_pixel_to_nobody_else(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """Wrong token, wrong pixel, unknown field, no version in the path, and while it is down."""
    ours = {"Authorization": "Bearer meta-token"}
    answers = [
        await client.get(PIXEL),
        await client.get("/trackers/meta/v25.0/78", headers=ours),
        await client.get(f"{PIXEL}?fields=name,colour", headers=ours),
        await client.get("/trackers/meta/25.0/77", headers=ours),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 404]
    assert [answer.json()["error"]["code"] for answer in answers[:3]] == [190, 100, 100]
    assert answers[1].json()["error"]["error_subcode"] == 33
    assert "(colour)" in answers[2].json()["error"]["message"]
    trackers.troubles.trackers_down = True
    down = await client.get(PIXEL, headers=ours)
    assert (down.status_code, down.json()["error"]["is_transient"]) == (503, True)


async def test_mobi_slon_takes_a_postback(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """The click and its status; every other parameter is kept too."""
    waiting = asyncio.create_task(trackers.wait_for(kind="mobi_slon", name="pay_success", subject="click 1"))
    params = {"cnv_id": "click 1", "payout": "0", "cnv_status": "pay_success", "utm": "x"}
    answer = await client.get("/trackers/mobi-slon/index.php", params=params)
    assert (answer.status_code, answer.text) == (200, "OK")
    assert (await waiting).fields == params


async def test_mobi_slon_believes_the_last_of_two(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """As PHP does: a parameter that is sent twice would replace the tracker's own."""
    await client.get("/trackers/mobi-slon/index.php?cnv_id=1&payout=0&cnv_status=start_quiz&payout=99")
    assert trackers.received()[0].fields["payout"] == "99"


async def test_mobi_slon_refuses_a_postback_without_a_click(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """An empty click id is nobody's sale."""
    answer = await client.get("/trackers/mobi-slon/index.php?cnv_id=&payout=0&cnv_status=pay_success")
    assert answer.status_code == 400
    assert trackers.received() == []


async def test_trackers_that_are_down_answer_503(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """Both, and nothing is kept."""
    trackers.troubles.trackers_down = True
    meta = await client.post(EVENTS, json={"data": [an_event()], "access_token": "meta-token"})
    mobi = await client.get("/trackers/mobi-slon/index.php?cnv_id=1&payout=0&cnv_status=pay_success")
    assert (meta.status_code, mobi.status_code) == (503, 503)
    assert meta.json()["error"]["is_transient"] is True
    assert trackers.received() == []


async def test_waiting_in_vain_says_what_there_was(client: httpx.AsyncClient, trackers: Trackers) -> None:
    """The error lists the events that did arrive."""
    await client.get("/trackers/mobi-slon/index.php?cnv_id=1&payout=0&cnv_status=start_quiz")
    with pytest.raises(TimeoutError, match="mobi_slon: start_quiz"):
        await trackers.wait_for(name="pay_success", timeout_seconds=0.05)


async def test_page_shows_newest_first(client: httpx.AsyncClient) -> None:
    """With everything that was sent, escaped."""
    await client.get("/trackers/mobi-slon/index.php?cnv_id=1&payout=0&cnv_status=start_quiz")
    await client.get("/trackers/mobi-slon/index.php?cnv_id=<b>&payout=0&cnv_status=pay_success")
    html = (await client.get("/trackers")).text
    assert html.index("pay_success") < html.index("start_quiz")
    assert "&lt;b&gt;" in html
    assert "<b>&" not in html
