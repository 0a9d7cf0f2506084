"""The calls of the user's page, over HTTP and on both databases: good input, bad input, and each problem."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from adapters.stripe.translate import notification_of_session
from paywall_core.testing import FakeGateway

from .conftest import CHECKOUT, INTERNAL, Service


def check_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """It is an RFC 9457 problem of this code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"]
    return problem


async def test_health_touches_nothing_and_readiness_the_database(service: Service) -> None:
    """Exactly as on the user's page."""
    answer = await service.client.get("/health")
    assert (answer.status_code, answer.text) == (200, '{"status":"ok"}')
    assert (await service.client.get("/health/ready")).json() == {"status": "ready"}


async def test_purchase_from_checkout_to_the_gate(service: Service) -> None:
    """Checkout, webhook, status with link, activation, gate."""
    answer = await service.post("/api/payment/checkout-session", CHECKOUT)
    assert answer.status_code == 200
    started = answer.json()
    assert set(started) == {"checkout_url", "session_id", "order_id"}
    question = f"/api/payment/session-status?session_id={started['session_id']}"
    assert (await service.client.get(question)).json() == {
        "payment_status": "unpaid",
        "fulfillment_status": "pending",
        "access_status": "pending",
        "activation_link": None,
    }
    assert (await service.webhook(service.paid(started))).json() == {"received": True}
    status = (await service.client.get(question)).json()
    assert (status["payment_status"], status["fulfillment_status"]) == ("paid", "fulfilled")
    prefix = "https://t.me/paywall_bot?start="
    assert status["activation_link"].startswith(prefix)
    token = status["activation_link"].removeprefix(prefix)
    redeem = {"activation_token": token, "telegram_user_id": "77"}
    granted = (await service.post("/api/bot/access/activate", redeem, INTERNAL)).json()
    assert granted == {
        "access_granted": True,
        "order_id": started["order_id"],
        "plan": "one_time_basic",
        "access_status": "active",
        "access_expires_at": "2026-01-31T00:00:00Z",
    }
    assert (await service.post("/api/access/activate", {**redeem, "telegram_user_id": 77})).json() == granted
    gate = await service.post("/api/bot/access/status", {"telegram_user_id": 77}, INTERNAL)
    assert gate.json() == {
        "is_paid": True,
        "order_id": started["order_id"],
        "plan": "one_time_basic",
        "access_status": "active",
    }


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"email": "nobody"}, "validation_failed", "email"),
        ({"email": 7}, "validation_failed", "email"),
        ({"email": None}, "validation_failed", "email"),
        ({"plan": "gold"}, "validation_failed", "plan"),
        ({"mode": "barter"}, "validation_failed", "mode"),
        ({"telegram_chat_id": "abc"}, "validation_failed", "telegram_chat_id"),
        ({"clickid": "x" * 300}, "validation_failed", "clickid"),
        ({"clickid": "a\0b"}, "validation_failed", "clickid"),
        ({"mode": "subscription"}, "plan_mode_mismatch", None),
    ],
)
async def test_bad_checkout_names_its_field(
    service: Service, changes: dict[str, Any], code: str, field: str | None
) -> None:
    """And no order is placed."""
    problem = check_problem(await service.post("/api/payment/checkout-session", {**CHECKOUT, **changes}), 400, code)
    assert [error["field"] for error in problem.get("errors", [])] == ([field] if field else [])
    assert not await service.database.recent_orders(5)


@pytest.mark.parametrize("missing", ["mode", "plan", "email", "clickid"])
async def test_missing_field_is_named(service: Service, missing: str) -> None:
    """`clickid` too: it may be empty, not absent."""
    body = {key: value for key, value in CHECKOUT.items() if key != missing}
    problem = check_problem(await service.post("/api/payment/checkout-session", body), 400, "validation_failed")
    assert problem["errors"][0]["field"] == missing


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b'"text"', b"null", b"[" * 60_000])
async def test_body_that_is_no_json_object_is_refused(service: Service, body: bytes) -> None:
    """Whatever it is instead."""
    headers = {"content-type": "application/json"}
    answer = await service.client.post("/api/payment/checkout-session", content=body, headers=headers)
    check_problem(answer, 400, "validation_failed")


async def test_unknown_fields_are_ignored_and_organic_customers_welcome(service: Service) -> None:
    """A front end may send more than we know; an empty click id is fine."""
    body = {**CHECKOUT, "clickid": "", "utm_source": "x"}
    assert (await service.post("/api/payment/checkout-session", body)).status_code == 200


async def test_provider_down_is_a_502_that_says_when_to_come_back(service: Service) -> None:
    """Nothing was charged."""
    service.gateway.down = True
    answer = await service.post("/api/payment/checkout-session", CHECKOUT)
    check_problem(answer, 502, "payment_provider_unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("declared", [True, False])
async def test_large_bodies_are_refused(service: Service, *, declared: bool) -> None:
    """64 KiB, and 512 KiB for the webhook, whether or not the length is announced."""

    async def stream(size: int) -> Any:
        for _ in range(size // 1024):
            yield b"x" * 1024

    headers = {"content-type": "application/json"}
    for path, limit in (("/api/payment/checkout-session", 64), ("/api/stripe/webhook", 512)):
        size = (limit + 1) * 1024
        content: Any = b"x" * size if declared else stream(size)
        check_problem(await service.client.post(path, content=content, headers=headers), 413, "payload_too_large")


async def test_unknown_paths_and_methods_are_problems_too(service: Service) -> None:
    """And the legacy redirect is gone."""
    check_problem(await service.client.get("/api/nothing"), 404, "not_found")
    check_problem(await service.client.get("/api/payment/checkout-session"), 405, "method_not_allowed")
    check_problem(await service.client.get("/api/payment/redirect"), 410, "gone")
    for unknown in ("cs_x", "%00", "x" * 300, "%D1%8F", ""):
        answer = await service.client.get(f"/api/payment/session-status?session_id={unknown}")
        check_problem(answer, 404, "session_not_found")
    missing = check_problem(await service.client.get("/api/payment/session-status"), 400, "validation_failed")
    assert missing["errors"][0]["field"] == "session_id"


@pytest.mark.parametrize("signature", ["", "t=1,v1=1", "garbage", "t=1,v1=\u00fc"])
async def test_unsigned_webhook_is_refused(service: Service, signature: str) -> None:
    """Wrong, old, garbage, non-ASCII; also with a body that is not UTF-8."""
    headers = [(b"stripe-signature", signature.encode("latin-1"))]
    for body in (b"{}", b"\xff\xfe"):
        answer = await service.client.post("/api/stripe/webhook", content=body, headers=headers)
        check_problem(answer, 400, "invalid_signature")


async def test_signed_nonsense_is_another_problem(service: Service) -> None:
    """Signed, but no event: nothing is stored."""
    for body in (b"[]", b"\xff\xfe"):
        answer = await service.client.post("/api/stripe/webhook", content=body, headers=service.signature(body))
        check_problem(answer, 400, "invalid_payload")


async def test_ten_deliveries_at_once_are_one_change(service: Service) -> None:
    """Ten times 200, one change, one e-mail."""
    started = (await service.post("/api/payment/checkout-session", CHECKOUT)).json()
    answers = await asyncio.gather(*(service.webhook(service.paid(started)) for _ in range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert sum("duplicate" in answer.json() for answer in answers) == 9
    ((_, history),) = await service.database.recent_orders(5)
    assert [str(entry.event.type) for entry in history] == ["checkout_opened", "payment_succeeded"]


async def test_failed_webhook_leaves_nothing_and_the_retry_succeeds(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500, nothing stored, no word about the reason; then 200, and not as a duplicate."""
    started = (await service.post("/api/payment/checkout-session", CHECKOUT)).json()
    with monkeypatch.context() as patched:
        patched.setattr("adapters.db.outbox.SqlOutbox.enqueue", _fail)
        problem = check_problem(await service.webhook(service.paid(started)), 500, "internal_error")
    assert "disk" not in str(problem)
    ((order, history),) = await service.database.recent_orders(5)
    assert (order.state, len(history)) == ("pending", 1)
    assert (await service.webhook(service.paid(started))).json() == {"received": True}


async def _fail(*_: object, **__: object) -> None:
    raise OSError("the disk is full")


async def test_event_that_we_do_not_use_is_taken(service: Service) -> None:
    """Stored and answered the same; again, it is a duplicate."""
    event = {"id": "evt_9", "object": "event", "type": "plan.created", "created": 1, "data": {"object": {}}}
    assert (await service.webhook(event)).json() == {"received": True}
    assert (await service.webhook(event)).json() == {"received": True, "duplicate": True}


async def test_success_page_before_the_webhook_asks_the_provider(service: Service) -> None:
    """The link is there; the webhook after it changes nothing."""
    started = (await service.post("/api/payment/checkout-session", CHECKOUT)).json()
    session = service.paid(started)["data"]["object"]
    service.gateway.answers[started["session_id"]] = notification_of_session(
        session, b"{}", read_at=service.clock.now()
    )
    question = f"/api/payment/session-status?session_id={started['session_id']}"
    assert (await service.client.get(question)).json()["activation_link"]
    ((before, _),) = await service.database.recent_orders(5)
    assert (await service.webhook(service.paid(started))).json() == {"received": True}
    ((after, _),) = await service.database.recent_orders(5)
    assert after == before


async def test_two_users_with_one_token_at_once(service: Service) -> None:
    """Exactly one gets in; the other is told that it was used."""
    started = await service.buy()
    ((order, _),) = await service.database.recent_orders(5)
    token = service.tokens.issue(order.id, 1)
    answers = await asyncio.gather(
        *(
            service.post("/api/access/activate", {"activation_token": token, "telegram_user_id": user})
            for user in (5, 6)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (refused,) = (answer for answer in answers if answer.status_code == 409)
    check_problem(refused, 409, "activation_token_used")
    assert started["order_id"] == str(order.id)


@pytest.mark.parametrize("user", [0, -1, "x", "", "1.5", None, 1.5, True, 2**60, "9" * 30])
async def test_telegram_user_must_be_a_positive_integer(service: Service, user: Any) -> None:
    """Or a string of digits."""
    body = {"activation_token": "x", "telegram_user_id": user}
    problem = check_problem(await service.post("/api/access/activate", body), 400, "validation_failed")
    assert problem["errors"][0]["field"] == "telegram_user_id"


async def test_each_refusal_of_a_token_has_its_own_problem(service: Service) -> None:
    """Forged or unknown: 404; over: 410; refunded: 403, before 410."""
    started = await service.buy()
    ((order, _),) = await service.database.recent_orders(5)
    token = service.tokens.issue(order.id, 1)
    body = {"activation_token": token, "telegram_user_id": 5}
    for forged in ("", "x" * 62, token[:-1] + ("A" if token[-1] != "A" else "Q"), service.tokens.issue(order.id, 2)):
        answer = await service.post("/api/access/activate", {**body, "activation_token": forged})
        check_problem(answer, 404, "activation_token_invalid")
    service.clock.advance(timedelta(days=30))
    check_problem(await service.post("/api/access/activate", body), 410, "activation_token_expired")
    refund = {
        "id": "evt_refund",
        "object": "event",
        "type": "refund.created",
        "created": 1,
        "data": {
            "object": {
                "id": "re_1",
                "amount": 1500,
                "currency": "eur",
                "status": "succeeded",
                "payment_intent": f"pi_{started['order_id']}",
            }
        },
    }
    assert (await service.webhook(refund)).status_code == 200
    check_problem(await service.post("/api/access/activate", body), 403, "access_revoked")


@pytest.mark.parametrize("path", ["/api/bot/access/status", "/api/bot/access/activate"])
async def test_internal_calls_need_the_internal_token(service: Service, path: str) -> None:
    """Missing or wrong: 401. An older one that is still listed: fine."""
    body = {"telegram_user_id": 5, "activation_token": "x"}
    for headers in ({}, {"X-Internal-Token": "wrong"}, {"X-Internal-Token": ""}):
        check_problem(await service.post(path, body, headers), 401, "internal_token_invalid")
    older = await service.post(path, body, {"X-Internal-Token": "an older internal token"})
    assert older.status_code in (200, 404)


async def test_unknown_user_has_three_nulls(service: Service) -> None:
    """Not paid, and nothing to say."""
    answer = await service.post("/api/bot/access/status", {"telegram_user_id": 5}, INTERNAL)
    assert answer.json() == {"is_paid": False, "order_id": None, "plan": None, "access_status": None}


async def test_every_answer_has_the_security_headers(service: Service) -> None:
    """Errors too."""
    for path in ("/health", "/pay", "/api/nothing"):
        headers = (await service.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


async def test_schema_is_served(service: Service) -> None:
    """With every call of ours."""
    paths = (await service.client.get("/schema/openapi.json")).json()["paths"]
    assert {"/api/payment/checkout-session", "/api/stripe/webhook", "/api/bot/access/status"} <= set(paths)


@pytest.mark.parametrize(("locale", "title"), [("ru", "Получить доступ"), ("en", "Get access")])
async def test_pay_page_speaks_both_languages(service: Service, locale: str, title: str) -> None:
    """With both plans, their prices, and what came in the query."""
    answer = await service.client.get(f"/pay?locale={locale}&plan=sub_monthly&clickid=%22%3Ex&telegram_chat_id=5")
    assert f"<h1>{title}</h1>" in answer.text
    assert 'value="sub_monthly" required checked' in answer.text
    assert 'value="&#34;&gt;x"' in answer.text
    assert "€" in answer.text


async def test_pay_form_leads_to_the_checkout_without_javascript(service: Service) -> None:
    """A plain form; a wrong address comes back with what was typed; a down provider says so."""
    form = {"plan": "sub_monthly", "email": "anna@example.com", "clickid": "c", "locale": "en", "telegram_chat_id": "5"}
    answer = await service.client.post("/pay", data=form, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://checkout.example/")
    ((order, _),) = await service.database.recent_orders(5)
    assert (order.plan, order.telegram_chat_id, order.locale, order.clickid) == ("sub_monthly", "5", "en", "c")
    wrong = await service.client.post("/pay", data={**form, "email": "anna"})
    assert wrong.status_code == 400
    assert 'value="anna"' in wrong.text
    assert "name@example.com" in wrong.text
    assert "/pay?plan=sub_monthly&amp;clickid=c&amp;telegram_chat_id=5&amp;locale=ru" in wrong.text
    service.gateway.down = True
    assert (await service.client.post("/pay", data=form)).status_code == 502


async def test_form_of_another_site_is_refused(service: Service) -> None:
    """Nobody starts orders in a visitor's name."""
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = await service.client.post("/pay", data={"plan": "sub_monthly"}, headers=headers)
        check_problem(answer, 400, "validation_failed")


async def test_success_page_shows_each_situation(service: Service) -> None:
    """Waiting, ready, mailed, active, unknown."""
    started = (await service.post("/api/payment/checkout-session", CHECKOUT)).json()
    page = f"/pay/success?session_id={started['session_id']}&locale=en"
    assert 'data-kind="waiting"' in (await service.client.get(page)).text
    await service.webhook(service.paid(started))
    ready = await service.client.get(page)
    assert 'data-kind="ready"' in ready.text
    assert "https://t.me/paywall_bot?start=" in ready.text
    service.clock.advance(timedelta(hours=1))
    assert 'data-kind="mailed"' in (await service.client.get(page)).text
    ((order, _),) = await service.database.recent_orders(5)
    token = service.tokens.issue(order.id, 1)
    await service.post("/api/access/activate", {"activation_token": token, "telegram_user_id": 5})
    assert 'data-kind="active"' in (await service.client.get(page)).text
    unknown = await service.client.get("/pay/success?session_id=cs_x&locale=ru")
    assert unknown.status_code == 404
    assert "Мы не знаем этой оплаты" in unknown.text
    assert isinstance(service.gateway, FakeGateway)


async def test_cancel_page_keeps_what_was_chosen(service: Service) -> None:
    """The way back leads to the same plan."""
    answer = await service.client.get("/pay/cancel?plan=sub_monthly&locale=en")
    assert "/pay?plan=sub_monthly&amp;locale=en" in answer.text
