"""What the pages of metrics hold: each request once, by its template; what became of webhooks; nothing of anybody's."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from aiogram.types import TelegramObject
from prometheus_client.parser import text_string_to_metric_families

from adapters.bot.timing import timing
from adapters.db.database import Database
from adapters.metrics.endpoint import MetricsEndpoint
from adapters.metrics.measures import WEBHOOK_OUTCOMES, Measures
from entrypoints.server import serving
from tests.integration.http.rows.service import METRICS
from tests.integration.http.service import INTERNAL, Service, running, token_of
from tests.integration.http.test_every_call import Away

from .watching import rules

PAGE: Final = Path(__file__).parents[3] / "docs" / "observability.md"


@pytest.fixture
def engine_name() -> str:
    """One is enough here: what is read from the database has contracts of its own."""
    return "sqlite"


Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


async def read(client: httpx.AsyncClient) -> Samples:
    """Every sample of the page."""
    answer = await client.get(METRICS.path, headers=METRICS.headers)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def sample(samples: Samples, name: str, **labels: str) -> float:
    """One of them."""
    return samples[name, frozenset(labels.items())]


def answered(samples: Samples, method: str, route: str, status: int | str) -> float:
    """How many requests were answered so."""
    name = "paywall_http_request_duration_seconds_count"
    return samples.get((name, frozenset({"method": method, "route": route, "status": str(status)}.items())), 0)


async def test_both_roads_count_each_request_once_by_its_template(service: Service) -> None:
    """The fast lane's, those that it hands on, pages, files, errors, and what nobody knows."""
    gate = ("POST", "/api/bot/access/status")
    await service.post(gate[1], {"telegram_user_id": 5}, INTERNAL)
    await service.post(gate[1], {"telegram_user_id": "5"}, INTERNAL)
    await service.post(gate[1], {"telegram_user_id": 5})
    await service.post(gate[1], {"telegram_user_id": -5}, INTERNAL)
    for path in (
        "/static/paywall.css",
        "/static/icon.svg",
        "/static/none.css",
        "/pay",
        "/.env",
        "/pay/secret",
    ):
        await service.client.get(path)
    await service.client.head("/pay")
    await service.client.request("PROPFIND", "/pay")
    await service.client.delete(gate[1])
    samples = await read(service.client)
    assert answered(samples, *gate, 200) == 2
    assert answered(samples, *gate, 401) == 1
    assert answered(samples, *gate, 400) == 1
    assert answered(samples, "GET", "/static/{file_path}", 200) == 2
    assert answered(samples, "GET", "/static/{file_path}", 404) == 1
    assert answered(samples, "GET", "/pay", 200) == 1
    assert answered(samples, "HEAD", "/pay", 200) == 1
    assert answered(samples, "GET", "unknown", 404) == 2
    assert answered(samples, "other", "unknown", 405) + answered(samples, "other", "/pay", 405) == 1
    assert answered(samples, "DELETE", "unknown", 405) + answered(samples, "DELETE", gate[1], 405) == 1
    assert sample(samples, "paywall_http_requests_total", route=gate[1], **{"class": "2xx"}) == 2
    assert sample(samples, "paywall_http_requests_total", route="/health", **{"class": "5xx"}) == 0
    text = repr(samples)
    assert "secret" not in text
    assert ".env" not in text


async def test_times_of_a_request_lie_in_its_buckets(service: Service) -> None:
    """Each bucket holds those below it, too; the sum is of all."""
    for _ in range(3):
        await service.post("/api/bot/access/status", {"telegram_user_id": 5}, INTERNAL)
    name = "paywall_http_request_duration_seconds"
    labels = {"method": "POST", "route": "/api/bot/access/status", "status": "200"}
    samples = await read(service.client)
    buckets = {
        float(dict(known)["le"]): value
        for (sample_name, known), value in samples.items()
        if sample_name == f"{name}_bucket" and labels.items() <= dict(known).items()
    }
    counts = [buckets[end] for end in sorted(buckets)]
    assert counts == sorted(counts)
    assert counts[-1] == sample(samples, f"{name}_count", **labels) == 3
    assert sample(samples, f"{name}_sum", **labels) > 0


async def test_client_who_leaves_has_no_status(service: Service) -> None:
    """Half a body, and gone: the request was there, and nothing was answered."""
    host, port = service.client.base_url.host, service.client.base_url.port
    with pytest.raises(httpx.RemoteProtocolError):
        async with httpx.AsyncClient() as client:
            await client.post(f"http://{host}:{port}/api/tracking/none", content=_breaking_off())
    samples = await read(service.client)
    assert answered(samples, "POST", "unknown", 404) + answered(samples, "POST", "unknown", "none") == 1


async def _breaking_off() -> AsyncIterator[bytes]:
    yield b"{"
    raise httpx.RemoteProtocolError("gone")


async def test_webhooks_are_counted_by_what_became_of_them_and_once(service: Service) -> None:
    """Both roads together: one hands on to the other what it refuses."""

    def outcomes(samples: Samples) -> dict[str, float]:
        return {word: sample(samples, "paywall_webhooks_total", outcome=word) for word in WEBHOOK_OUTCOMES}

    assert outcomes(await read(service.client)) == dict.fromkeys(WEBHOOK_OUTCOMES, 0)
    started = await service.checkout()
    event = service.paid(started)
    service.clock.advance(timedelta(seconds=40))
    await service.webhook(event)
    await service.webhook(event)
    await service.webhook({**event, "id": "evt_2", "data": {"object": {**event["data"]["object"], "metadata": {}}}})
    for body in (b"{}", b"[]"):
        await service.client.post("/api/stripe/webhook", content=body, headers=service.signature(body))
        await service.client.post("/api/stripe/webhook", content=body, headers={"stripe-signature": "t=1,v1=0"})
    await service.client.post("/api/stripe/webhook", content=b"{}")
    samples = await read(service.client)
    found = outcomes(samples)
    assert found["invalid_signature"] == 3
    assert found["invalid_payload"] == 2
    assert (found["duplicate"], found["failed"]) == (1, 0)
    assert found["recorded"] + found["parked"] == 2
    assert sample(samples, "paywall_webhook_age_seconds_count") == 2
    assert sample(samples, "paywall_webhook_age_seconds_bucket", le="60.0") == 2
    assert sample(samples, "paywall_webhook_age_seconds_bucket", le="30.0") == 0


async def test_webhook_that_cannot_be_stored_has_failed(database: Database) -> None:
    """Once, though both roads tried."""
    async with running(database, storage=Away()) as service:
        event = service.paid({"session_id": "cs_1", "order_id": "1"})
        assert (await service.webhook(event)).status_code == 500
        samples = await read(service.client)
    assert sample(samples, "paywall_webhooks_total", outcome="failed") == 1
    assert sample(samples, "paywall_database_up") == 0
    assert sample(samples, "paywall_http_requests_total", route="/api/stripe/webhook", **{"class": "5xx"}) == 1


async def test_steps_of_the_way_in_are_counted_by_plan(service: Service) -> None:
    """Each plan is there from the start; a rolled back change is no step."""

    async def steps(plan: str) -> list[float]:
        samples = await read(service.client)
        words = ("checkout_started", "paid", "link_redeemed")
        return [sample(samples, "paywall_funnel_steps_total", step=word, plan=plan) for word in words]

    assert await steps("sub_monthly") == [0, 0, 0]
    await service.checkout()
    started = await service.buy()
    link = await service.link(started)
    assert await steps("one_time_basic") == [2, 1, 0]
    for _ in range(2):
        activation = {"activation_token": token_of(link), "telegram_user_id": 5}
        assert (await service.post("/api/access/activate", activation)).status_code == 200
    async with service.database.unit_of_work() as uow:
        await uow.orders.lock([])
    assert await steps("one_time_basic") == [2, 1, 1]
    assert await steps("sub_monthly") == [0, 0, 0]


async def test_endpoint_of_a_worker_is_for_whoever_knows_the_token() -> None:
    """And holds nothing but the one page."""
    measures = Measures()
    measures.deliveries.of("mail", "access_email", "delivered").observe(0.3)
    async with (
        serving(MetricsEndpoint(measures, b"the token".__eq__), host="127.0.0.1", port=0) as origin,
        httpx.AsyncClient(base_url=origin) as client,
    ):
        known = {"Authorization": "Bearer the token"}
        for headers in ({}, {"Authorization": "Bearer another"}, {"Authorization": "Basic the token"}, INTERNAL):
            refused = await client.get("/metrics", headers=headers)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert "paywall_" not in refused.text
        assert (await client.get("/", headers=known)).status_code == 404
        assert (await client.post("/metrics", headers=known)).status_code == 405
        page = await client.get("/metrics", headers=known)
        assert page.headers["content-type"].startswith("text/plain; version=")
        assert (
            'paywall_delivery_duration_seconds_count{effect="access_email",lane="mail",outcome="delivered"} 1.0'
            in page.text
        )
        head = await client.head("/metrics", headers=known)
        assert (head.status_code, head.content) == (200, b"")


async def test_updates_of_the_bot_are_timed_by_how_they_ended() -> None:
    """What the handler gives goes through, and so does what it raises."""
    measures = Measures()
    timed = timing(measures.updates)

    async def handle(event: TelegramObject, data: dict[str, Any]) -> str:
        return f"{data['fails']}" if not data["fails"] else str(1 // 0)

    assert await timed(handle, TelegramObject(), {"fails": False}) == "False"
    with pytest.raises(ZeroDivisionError):
        await timed(handle, TelegramObject(), {"fails": True})
    assert {outcome: sum(seen.counts) for (outcome,), seen in measures.updates.numbers.items()} == {
        "handled": 1,
        "failed": 1,
    }


async def test_page_of_the_docs_says_what_there_is(service: Service) -> None:
    """Its tables name each metric with its labels, and each rule with the command of its summary."""
    await service.buy()
    async with service.database.unit_of_work() as uow:
        await uow.reconciliation.advance(service.clock.now())
        await uow.commit()
    answer = await service.client.get(METRICS.path, headers=METRICS.headers)
    given = {
        family.name + ("_total" if family.type == "counter" else ""): {
            label for s in family.samples for label in s.labels
        }
        for family in text_string_to_metric_families(answer.text)
    }
    page = PAGE.read_text(encoding="utf-8")
    table = re.findall(r"^\| `(paywall_[a-z_]+)` \| \w+ \| ([^|]*)\|", page, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in table}
    assert told.keys() == {name for name in given if name.startswith("paywall_")}
    for name, labels in told.items():
        assert given[name] - {"le"} in (labels, set()), name  # without a sample there are none
    assert set(re.findall(r"`(process_[a-z_]+)`", page)) == {name for name in given if name.startswith("process_")}
    wanted = {(name, rule["annotations"]["summary"].rpartition("Run: ")[2]) for name, rule in rules().items()}
    assert set(re.findall(r"^\| `(Paywall[A-Za-z]+)` \|.*\| `([^`]+)` \|$", page, re.MULTILINE)) == wanted
