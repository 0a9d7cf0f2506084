"""The fast lane and the ordinary road give the same answer, byte for byte; what is not plain takes the ordinary one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.http.app import Application, create_app
from adapters.http.rate_counters import MemoryCounter
from adapters.http.rate_limits import Rate, RateLimits
from paywall_core.testing import InMemoryStore, SeededRandomness
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.session_status import GetSessionStatus

from .service import CHECKOUT, Service, World, http_dependencies, new_world, signature

GATE: Final = ("POST", "/api/bot/access/status")
STATUS: Final = ("GET", "/api/payment/session-status")
WEBHOOK: Final = ("POST", "/api/stripe/webhook")
TOKEN: Final = [(b"x-internal-token", b"an internal token")]
PLAIN: Final = [(b"host", b"pay.example.com"), (b"accept", b"*/*")]


@dataclass
class Answer:
    """What came back, and by which road."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    was_fast: bool


class Roads:
    """Two applications in two worlds that are alike; the second one has no fast lane. Both are asked everything."""

    def __init__(self, **changes: Any) -> None:
        self.worlds: list[World] = []
        self.apps: list[Application] = []
        for _ in range(2):
            world = replace(new_world(), randomness=SeededRandomness(7))
            parts = http_dependencies(
                InMemoryStore(), world, **{"rate_counter": MemoryCounter(clock=lambda: 0.0), **changes}
            )
            self.worlds.append(world)
            self.apps.append(create_app(parts))
        self.apps[1].fast_lane = None

    async def ask(
        self,
        call: tuple[str, str],
        body: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = (),
        *,
        query: bytes = b"",
        chunks: int = 1,
    ) -> Answer:
        """Ask both; they answer alike."""
        sent = [*PLAIN, *headers]
        fast, ordinary = [
            await _ask(app, call, body=body, headers=sent, query=query, chunks=chunks) for app in self.apps
        ]
        assert (fast.status, sorted(fast.headers), fast.body) == (
            ordinary.status,
            sorted(ordinary.headers),
            ordinary.body,
        )
        return fast

    async def sell(self) -> dict[str, Any]:
        """A checkout, and Stripe's word that it was paid."""
        started: dict[str, Any] = json.loads(
            (await self.ask(("POST", "/api/payment/checkout-session"), json.dumps(CHECKOUT).encode())).body
        )
        event = self.paid(started)
        assert (await self.ask(WEBHOOK, event, self.signed(event))).was_fast
        return started

    def paid(self, started: dict[str, Any]) -> bytes:
        """The event of a paid checkout."""
        service = Service(client=None, database=None, world=self.worlds[0])  # type: ignore[arg-type]  # not needed
        return json.dumps(service.paid(started)).encode()

    def signed(self, body: bytes) -> list[tuple[bytes, bytes]]:
        """The header that Stripe would send."""
        return [(name.encode(), value.encode()) for name, value in signature(body, self.worlds[0].clock).items()]


async def _ask(
    app: Any, call: tuple[str, str], *, body: bytes, headers: list[tuple[bytes, bytes]], query: bytes, chunks: int
) -> Answer:
    size = max(1, -(-len(body) // chunks))
    parts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []
    lane, was_fast = app.fast_lane, False

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    if lane is not None:
        real = lane.answer

        async def watched(*arguments: Any, began: float) -> Any:
            nonlocal was_fast
            rest = await real(*arguments, began=began)
            was_fast = rest is None
            return rest

        lane.answer = watched
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": call[0],
        "path": call[1],
        "raw_path": call[1].encode(),
        "query_string": query,
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("203.0.113.7", 4711),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    try:
        await app(scope, receive, send)
    finally:
        if lane is not None:
            del lane.answer
    content = b"".join(message.get("body", b"") for message in sent[1:])
    # Which methods there are comes from a set: their order says nothing.
    told = [
        (name, b", ".join(sorted(value.split(b", "))) if name == b"allow" else value)
        for name, value in sent[0]["headers"]
    ]
    return Answer(status=sent[0]["status"], headers=told, body=content, was_fast=was_fast)


@pytest.fixture
def roads() -> Roads:
    """On databases in memory."""
    return Roads()


def user(number: object) -> bytes:
    """The gate's question."""
    return json.dumps({"telegram_user_id": number}).encode()


async def test_plain_questions_take_the_fast_lane(roads: Roads) -> None:
    """A whole purchase, seen from all three calls, language and link included."""
    started = await roads.sell()
    asked = await roads.ask(STATUS, query=b"session_id=" + started["session_id"].encode())
    link = json.loads(asked.body)["activation_link"]
    assert asked.was_fast
    assert link is not None
    redeem = json.dumps({"activation_token": link.partition("start=")[2], "telegram_user_id": 5}).encode()
    assert (await roads.ask(("POST", "/api/bot/access/activate"), redeem, TOKEN)).status == 200
    for number, is_paid in ((5, True), ("5", True), (6, False)):
        answer = await roads.ask(GATE, user(number), TOKEN)
        assert answer.was_fast
        assert json.loads(answer.body)["is_paid"] is is_paid
        assert ((b"content-language", b"en") in answer.headers) is is_paid
    event = roads.paid(started)
    repeated = await roads.ask(WEBHOOK, event, roads.signed(event), chunks=3)
    assert (repeated.was_fast, json.loads(repeated.body)) == (True, {"received": True, "duplicate": True})


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (user(5), [], 401),
        (user(5), [(b"x-internal-token", b"wrong")], 401),
        (user(5), [(b"x-internal-token", b"\xff")], 401),
        (user(5), [*TOKEN, *TOKEN], 200),
        (user(5), [*TOKEN, (b"origin", b"https://quiz.example")], 200),
        (user(5), [*TOKEN, (b"expect", b"100-continue")], 200),
        (user(5), [*TOKEN, (b"content-type", b"application/json; charset=utf-8")], 200),
        (user(0), TOKEN, 400),
        (user("05"), TOKEN, 200),
        (user(2**53), TOKEN, 400),
        (user(10**30), TOKEN, 400),
        (user(1.5), TOKEN, 400),
        (user(None), TOKEN, 400),
        (user(True), TOKEN, 400),
        (user("5 "), TOKEN, 400),
        (user("\u0665"), TOKEN, 400),
        (b'{"telegram_user_id": 5, "telegram_user_id": 6}', TOKEN, 400),
        (b'{"telegram_user_id": 5, "more": []}', TOKEN, 200),
        (b'{"telegram_user_id": 5}}', TOKEN, 400),
        (b'\xef\xbb\xbf{"telegram_user_id": 5}', TOKEN, 400),
        (b"", TOKEN, 400),
        (b" " * 2000 + user(5), TOKEN, 200),
        (b" " * 70_000, TOKEN, 413),
    ],
)
async def test_what_is_not_plain_takes_the_ordinary_road(
    roads: Roads, body: bytes, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    """And is answered there, from the first byte of its body."""
    for chunks in (1, 4):
        answer = await roads.ask(GATE, body, headers, chunks=chunks)
        assert (answer.status, answer.was_fast) == (status, False)


@pytest.mark.parametrize("host", [b"", b"pay.example.com\xff", b"a b", b"[::1]:8000", b"pay.example.com:99999999"])
async def test_host_that_is_not_plain_takes_the_ordinary_road(roads: Roads, host: bytes) -> None:
    """Some of them are refused there."""
    answers = [
        await _ask(app, GATE, body=user(5), headers=[(b"host", host), *TOKEN], query=b"", chunks=1)
        for app in roads.apps
    ]
    assert not answers[0].was_fast
    assert (answers[0].status, answers[0].body) == (answers[1].status, answers[1].body)


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"session_id=",
        b"session_id=cs_%31",
        b"session_id=cs_1&session_id=cs_2",
        b"session_id=cs_1&x=1",
        b"x=1",
        b"session_id=cs_unknown",
    ],
)
async def test_session_that_is_not_plainly_named_takes_the_ordinary_road(roads: Roads, query: bytes) -> None:
    """Nor does one that nobody knows."""
    answer = await roads.ask(STATUS, query=query)
    assert answer.status in (400, 404)
    assert not answer.was_fast


async def test_other_methods_and_addresses_take_the_ordinary_road(roads: Roads) -> None:
    """Questions about a call are no calls."""
    for call in (
        ("GET", GATE[1]),
        ("HEAD", STATUS[1]),
        ("OPTIONS", WEBHOOK[1]),
        ("POST", GATE[1] + "/"),
        ("GET", "/health"),
    ):
        assert not (await roads.ask(call, headers=TOKEN)).was_fast


async def test_events_that_are_none_take_the_ordinary_road(roads: Roads) -> None:
    """An old signature, none, two, a body that is too long."""
    event = b'{"id": "evt_1", "object": "event", "type": "ping", "created": 1, "data": {"object": {}}}'
    signed = roads.signed(event)
    assert (await roads.ask(WEBHOOK, event, signed)).was_fast
    for body, headers, status in (
        (event, [], 400),
        (event, [(b"stripe-signature", b"t=1,v1=00")], 400),
        (event + b" ", signed, 400),
        (b" " * 600_000, signed, 413),
        (b"{}", roads.signed(b"{}"), 400),
    ):
        answer = await roads.ask(WEBHOOK, body, headers, chunks=5)
        assert (answer.status, answer.was_fast) == (status, False)


async def test_client_who_leaves_in_the_middle_is_left_to_the_ordinary_road(roads: Roads) -> None:
    """Half a body is none."""
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": user(5)[:10], "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    lane = roads.apps[0].fast_lane
    assert lane is not None
    scope: Any = {"type": "http", "method": "POST", "path": GATE[1], "headers": [*PLAIN, *TOKEN], "query_string": b""}
    rest = await lane.answer(scope, receive, send, began=0.0)
    assert rest is not None
    assert [(await rest())["type"] for _ in range(2)] == ["http.request", "http.disconnect"]
    assert sent == []


async def test_both_roads_count_together_and_once() -> None:
    """A question that the ordinary road answers was counted on the way; who asks too often hears it from there."""
    hourly = Rate(requests=4, unit="hour")
    roads = Roads(rate_limits=RateLimits(**dict.fromkeys(RateLimits.__struct_fields__, hourly)))
    started = await roads.sell()
    known = b"session_id=" + started["session_id"].encode()
    answers = [
        await roads.ask(STATUS, query=query) for query in (known, b"session_id=cs_2", known + b"&x=1", known, known)
    ]
    assert [(answer.status, answer.was_fast) for answer in answers] == [
        (200, True),
        (404, False),
        (200, False),
        (200, True),
        (429, False),
    ]
    left = [dict(answer.headers)[b"ratelimit-remaining"] for answer in answers]
    assert left == [b"3", b"2", b"1", b"0", b"0"]


async def test_what_fails_is_told_by_the_ordinary_road(roads: Roads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away is a 500 without a word about it, whichever call meets it."""

    async def away(*_arguments: Any, **_words: Any) -> Any:
        raise OSError("no database at 10.0.0.7")

    monkeypatch.setattr(GetAccessStatus, "__call__", away)
    monkeypatch.setattr(GetSessionStatus, "__call__", away)
    monkeypatch.setattr(RecordPayment, "__call__", away)
    event = b'{"id": "evt_1", "object": "event", "type": "ping", "created": 1, "data": {"object": {}}}'
    for answer in (
        await roads.ask(GATE, user(5), TOKEN),
        await roads.ask(STATUS, query=b"session_id=cs_1"),
        await roads.ask(WEBHOOK, event, roads.signed(event)),
    ):
        assert (answer.status, answer.was_fast) == (500, False)
        assert b"10.0.0.7" not in answer.body


_ODD = st.one_of(
    st.integers().map(user),
    st.text(max_size=20).map(user),
    st.binary(max_size=60),
    st.builds(
        lambda before, name, between, number, after: f"{before}{{{name}{between}:{number}}}{after}".encode(),
        st.sampled_from(["", " ", "\n\t", "\x0b", "\ufeff"]),
        st.sampled_from(['"telegram_user_id"', '"telegram_user_id" ', '"Telegram_user_id"', "telegram_user_id"]),
        st.sampled_from(["", " ", "\r\n", "\xa0"]),
        st.sampled_from(["5", '"5"', "05", "-5", "5.0", "5e0", '"٥"', "9007199254740991", "4503599627370496", " 7 "]),
        st.sampled_from(["", " ", ",", "\x00"]),
    ),
)


@given(body=_ODD, chunks=st.integers(1, 3))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_body_is_read_differently(roads: Roads, body: bytes, chunks: int) -> None:
    """Whatever it is."""
    await roads.ask(GATE, body, TOKEN, chunks=chunks)


async def test_failure_that_does_not_come_again_is_told_in_the_log(
    roads: Roads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ordinary road answers as if nothing had been; a refusal is no failure, and is not told."""
    real, failures = GetAccessStatus.__call__, [OSError("no database at 10.0.0.7")]

    async def once(self: GetAccessStatus, telegram_user_id: int) -> Any:
        if failures:
            raise failures.pop()
        return await real(self, telegram_user_id)

    monkeypatch.setattr(GetAccessStatus, "__call__", once)
    with structlog.testing.capture_logs() as logs:
        answer = await roads.ask(GATE, user(5), TOKEN)
        await roads.ask(STATUS, query=b"session_id=cs_unknown")
    assert (answer.status, answer.was_fast) == (200, False)
    assert [(line["event"], line["path"], line["reason"]) for line in logs] == [("request.again", GATE[1], "OSError")]
