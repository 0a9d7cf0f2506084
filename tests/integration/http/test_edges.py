"""Around every call: headers, other sites' scripts, HEAD, files that may be kept, and the API's description."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from adapters.http.app import create_app
from adapters.http.openapi import openapi_document
from paywall_core.testing import InMemoryStore

from .service import CHECKOUT, INTERNAL, check_problem, client_of, http_dependencies, new_world

QUIZ: Final = "https://quiz.example"
OURS: Final = "http://testserver.local"
FUNNEL: Final = "/api/tracking/mobi-slon-event"
STEP: Final = {"status": "start_quiz", "clickid": "c"}


def parts(**changes: Any) -> Any:
    """The application on a database in memory."""
    return http_dependencies(InMemoryStore(), new_world(), **changes)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with client_of(parts()) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/pay", 200),
        ("GET", "/pay/success?session_id=x", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/static/nothing", 404),
        ("GET", "/static/paywall.css", 200),
        ("GET", "/schema", 200),
        ("GET", "/schema/nothing", 404),
        ("GET", "/schema/openapi.json", 200),
        ("GET", "/api/payment/redirect", 410),
        ("PUT", "/health", 405),
        ("OPTIONS", "/health", 204),
        ("POST", "/api/payment/checkout-session", 400),
        ("POST", "/api/bot/access/status", 401),
        ("POST", "/pay", 400),
        ("HEAD", "/pay", 200),
    ],
)
async def test_every_answer_has_the_security_headers(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """Errors and pages too: nothing is loaded from elsewhere, nothing is framed, nothing is guessed."""
    answer = await client.request(method, path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"(script|style|img|connect|font)-src[^;]*http", policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "strict-transport-security" not in answer.headers
    if path != "/static/paywall.css":
        assert answer.headers["cache-control"] == "no-store"


async def test_failure_of_ours_has_them_too() -> None:
    """A call that breaks, and a page that breaks: neither says why."""

    async def broken() -> bool:
        raise OSError("the disk is full")

    async def no_status(session_id: str) -> Any:
        raise OSError("the disk is full")

    async with client_of(parts(readiness=broken, session_status=no_status)) as client:
        check_problem(answer := await client.get("/health/ready"), 500, "internal_error")
        page = await client.get("/pay/success?session_id=x&locale=en")
        assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
        assert 'data-kind="broken"' in page.text
        for text, headers in ((answer.text, answer.headers), (page.text, page.headers)):
            assert "disk" not in text
            assert "default-src 'none'" in headers["content-security-policy"]


async def test_https_is_kept_to_where_it_is_spoken() -> None:
    """A browser that came once does not come back over plain HTTP."""
    async with client_of(parts(public_base_url="https://pay.example")) as client:
        for path in ("/health", "/api/nothing"):
            assert (await client.get(path)).headers["strict-transport-security"] == "max-age=31536000"


async def test_form_may_go_on_to_the_checkout() -> None:
    """To any https address, and to those that the operator names."""
    async with client_of(parts(checkout_origins=["http://127.0.0.1:9000"])) as client:
        policy = (await client.get("/pay")).headers["content-security-policy"]
        assert "form-action 'self' https: http://127.0.0.1:9000;" in policy


@pytest.mark.parametrize("origin", [QUIZ, OURS])
@pytest.mark.parametrize(
    ("path", "body"), [(FUNNEL, STEP), ("/api/payment/checkout-session", CHECKOUT)], ids=["tracking", "checkout"]
)
async def test_script_of_the_quiz_may_call(
    client: httpx.AsyncClient, origin: str, path: str, body: dict[str, str]
) -> None:
    """It asks first, because it sends JSON; then it may read the answer, also one that says no."""
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = await client.options(path, headers=asks)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in preflight.headers
    for sent, status in ((body, 200), ({}, 400)):
        answer = await client.post(path, json=sent, headers={"Origin": origin})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-expose-headers"] == "Retry-After"
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", f"{QUIZ}.evil.example", "https://xquiz.example", "null"])
async def test_script_of_another_site_may_not_read(client: httpx.AsyncClient, origin: str) -> None:
    """Neither asked nor unasked."""
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        await client.options("/api/payment/checkout-session", headers=asks),
        await client.post("/api/payment/checkout-session", json=CHECKOUT, headers={"Origin": origin}),
    ):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("header", ["x-internal-token", "authorization", "stripe-signature"])
async def test_no_script_may_send_a_secret(client: httpx.AsyncClient, header: str) -> None:
    """The internal calls are not for browsers."""
    asks = {"Origin": OURS, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": header}
    assert (await client.options("/api/bot/access/status", headers=asks)).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/health/ready",
        "/pay",
        "/pay/cancel",
        "/pay/restore",
        "/schema",
        "/schema/openapi.json",
        "/static/paywall.css",
        "/api/payment/session-status?session_id=cs_x",
        "/api/nothing",
    ],
)
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    """Monitors and link previews ask so."""
    got = await client.get(path)
    head = await client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    unlike = {"date", "last-modified"}
    assert {k: v for k, v in head.headers.items() if k not in unlike} == {
        k: v for k, v in got.headers.items() if k not in unlike
    }


async def test_head_of_what_is_only_posted_is_refused(client: httpx.AsyncClient) -> None:
    """As GET is."""
    for method in ("HEAD", "GET"):
        answer = await client.request(method, "/api/payment/checkout-session", headers=INTERNAL)
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


async def test_files_of_the_pages_may_be_kept(client: httpx.AsyncClient) -> None:
    """For ever where the page names them by their content, for a while by their name alone; pages never."""
    page = await client.get("/pay")
    named = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(named) == 2
    for address in named:
        answer = await client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        path, _, query = address.partition("?")
        for other in (path, f"{path}?v=0", f"{path}?{query}0"):
            assert (await client.get(other)).headers["cache-control"] == "public, max-age=300"
    assert (await client.get(f"/static/nothing?{query}")).headers["cache-control"] == "no-store"
    assert page.headers["cache-control"] == "no-store"


async def test_unknown_hosts_are_no_invalid_bodies(client: httpx.AsyncClient) -> None:
    """A request that HTTP itself does not allow is called that."""
    answer = await client.get("/health", headers={"Host": "a/b"})
    check_problem(answer, 400, "bad_request")


async def test_description_is_served_and_is_the_file(client: httpx.AsyncClient) -> None:
    """Byte for byte what the command writes."""
    answer = await client.get("/schema/openapi.json")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json"
    assert answer.content == openapi_document(create_app(parts()))


async def test_page_of_the_description_needs_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    """Every call is on it, and every problem; all that it loads is ours."""
    page = await client.get("/schema")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    document = (await client.get("/schema/openapi.json")).json()
    for path, methods in document["paths"].items():
        assert f"<code>{path}</code>" in page.text
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page.text
    for code in ("rate_limited", "otp_invalid", "tracking_not_configured", "activation_token_used"):
        assert f"&#34;{code}&#34;" in page.text
    loaded = re.findall(r'(?:href|src)="([^"#]+)"', page.text)
    assert loaded
    assert all(address.startswith(("/static/", "/schema/")) for address in loaded)
    assert "<script" not in page.text
    assert "style=" not in page.text
