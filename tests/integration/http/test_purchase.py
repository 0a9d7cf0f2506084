"""A purchase over HTTP, on both databases: from checkout to the gate, and whatever comes twice, early or at once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from adapters.stripe.translate import notification_of_session

from .service import CHECKOUT, INTERNAL, Service, check_problem


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
        patched.setattr("adapters.db.outbox.SqlOutbox.written", _fail)  # all of it is written, and not committed
        problem = check_problem(await service.webhook(service.paid(started)), 500, "internal_error")
    assert "disk" not in str(problem)
    ((order, history),) = await service.database.recent_orders(5)
    assert (order.state, len(history)) == ("pending", 1)
    assert (await service.webhook(service.paid(started))).json() == {"received": True}


def _fail(*_: object) -> None:
    raise OSError("the disk is full")


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
    token = service.world.tokens.issue(order.id, 1)
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


async def test_each_refusal_of_a_token_has_its_own_problem(service: Service) -> None:
    """Forged or unknown: 404; over: 410; refunded: 403, before 410."""
    started = await service.buy()
    ((order, _),) = await service.database.recent_orders(5)
    token = service.world.tokens.issue(order.id, 1)
    body = {"activation_token": token, "telegram_user_id": 5}
    for forged in (
        "",
        "x" * 62,
        token[:-1] + ("A" if token[-1] != "A" else "Q"),
        service.world.tokens.issue(order.id, 2),
    ):
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
    """And a wrong method says which are right."""
    check_problem(await service.client.get("/api/nothing"), 404, "not_found")
    answer = await service.client.get("/api/payment/checkout-session")
    check_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]
