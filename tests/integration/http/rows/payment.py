"""Checkout, the provider's events, the success page's question, and the customer portal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.integration.http.service import CHECKOUT, Service, signature

from .table import ANYTHING, Call, Row, Send, nothing, values


async def paid_session(service: Service) -> dict[str, Any]:
    """A session that was paid."""
    return {"session_id": (await service.buy(email=f"{uuid4().hex}@example.com", clickid=""))["session_id"]}


ADDRESS: Final = {"email": "anna@example.com"}
CHECKOUTS = Call(method="POST", path="/api/payment/checkout-session", good=values(**CHECKOUT), sample=CHECKOUT)
WEBHOOK = Call(method="POST", path="/api/stripe/webhook", good=nothing)
SESSION = Call(method="GET", path="/api/payment/session-status", good=paid_session)
PORTAL = Call(method="POST", path="/api/payment/customer-portal", good=values(**ADDRESS), sample=ADDRESS)


async def provider_down(service: Service) -> httpx.Response:
    """A checkout while the payment provider is away."""
    service.gateway.down = True
    try:
        return await CHECKOUTS.with_()(service)
    finally:
        service.gateway.down = False


async def portal_down(service: Service) -> httpx.Response:
    """The portal while the payment provider is away."""
    service.world.portal.down = True
    try:
        return await PORTAL.with_()(service)
    finally:
        service.world.portal.down = False


def checkout_rows() -> Iterator[Row]:
    """`clickid` is required and may be empty; `locale` may be anything; the mode must be the plan's."""
    yield Row(
        what="good",
        send=CHECKOUTS.with_(),
        answer={"checkout_url": ..., "session_id": ..., "order_id": ...},
        header=("cache-control", "no-store"),
    )
    yield Row(
        what="subscription, all fields, unknown ones too",
        send=CHECKOUTS.with_(mode="subscription", plan="sub_monthly", telegram_chat_id="-100123", utm_source="x"),
        answer=ANYTHING,
    )
    yield Row(what="organic", send=CHECKOUTS.with_(clickid=""), answer=ANYTHING)
    for fine in (None, ..., "ru-RU", "de", "", "x" * 500):
        yield Row(what=f"locale={str(fine)[:9]}", send=CHECKOUTS.with_(locale=fine), answer=ANYTHING)
    for fine in (None, ..., "", "5", "-5"):
        yield Row(what=f"chat={fine}", send=CHECKOUTS.with_(telegram_chat_id=fine), answer=ANYTHING)
    yield from CHECKOUTS.no_documents("mode", "plan", "email", "clickid")
    yield from CHECKOUTS.bad_texts("mode", "plan", "email", "clickid")
    yield from CHECKOUTS.bad_texts("locale", "telegram_chat_id", required=False)
    yield from CHECKOUTS.missing("mode", "plan", "email", "clickid")
    wrong: dict[str, Sequence[str]] = {
        "email": ("", "anna", "anna@", "@example.com", "a b@example.com", "a\0@example.com", "x" * 250 + "@ex.com"),
        "plan": ("", "gold", "ONE_TIME_BASIC"),
        "mode": ("", "barter"),
        "telegram_chat_id": ("abc", "1.5", "--5", "٧", "9" * 21),
        "clickid": ("x" * 256, "a\0b", "a\nb"),
    }
    for name, texts in wrong.items():
        for text in texts:
            send = CHECKOUTS.with_(**{name: text})
            yield Row(what=f"{name}={text[:20]!r}", send=send, code="validation_failed", fields=(name,))
    yield Row(
        what="everything wrong",
        send=CHECKOUTS.with_(mode=1, plan=..., email=None, clickid=[], locale={}, telegram_chat_id=5),
        code="validation_failed",
        fields=("mode", "plan", "email", "clickid", "locale", "telegram_chat_id"),
    )
    yield Row(what="wrong mode", send=CHECKOUTS.with_(mode="subscription"), code="plan_mode_mismatch")
    yield Row(
        what="provider away", send=provider_down, code="payment_provider_unavailable", header=("retry-after", "5")
    )
    yield CHECKOUTS.limited()
    yield CHECKOUTS.broken(**CHECKOUT)


def webhook_rows() -> Iterator[Row]:
    """Signed, unsigned, and no event at all."""

    def signed(body: bytes) -> Send:
        async def send(service: Service) -> httpx.Response:
            return await service.client.post(WEBHOOK.path, content=body, headers=signature(body, service.clock))

        return send

    def unsigned(value: bytes | None, body: bytes = b"{}") -> Send:
        async def send(service: Service) -> httpx.Response:
            headers = [] if value is None else [(b"stripe-signature", value)]
            return await service.client.post(WEBHOOK.path, content=body, headers=headers)

        return send

    async def too_old(service: Service) -> httpx.Response:
        headers = signature(b"{}", service.clock)
        service.clock.advance(timedelta(minutes=6))
        return await service.client.post(WEBHOOK.path, content=b"{}", headers=headers)

    event = b'{"id": "evt_9", "object": "event", "type": "plan.created", "created": 1, "data": {"object": {}}}'
    yield Row(what="first", send=signed(event), answer={"received": True})
    yield Row(what="again", send=signed(event), answer={"received": True, "duplicate": True})
    for value in (None, b"", b"garbage", b"t=1,v1=1", b"t=x,v1=\xfc", b"t=1767225600,v1=\xff"):
        for body in (b"{}", b"\xff\xfe"):
            yield Row(what=f"{value!r} over {body!r}", send=unsigned(value, body), code="invalid_signature")
    yield Row(what="too old", send=too_old, code="invalid_signature")
    for body in (b"", b"[]", b"null", b"\xff\xfe", b'{"object": "charge"}', b"[" * 60_000):
        yield Row(what=f"signed {body[:20]!r}", send=signed(body), code="invalid_payload")
    yield Row(what="too large", send=unsigned(b"x", b"x" * (512 * 1024 + 1)), code="payload_too_large")
    yield Row(what="database away", send=signed(event), code="internal_error", on="broken")


def session_rows() -> Iterator[Row]:
    """One parameter, given once."""

    async def pending(service: Service) -> httpx.Response:
        return await SESSION.send(service, {"session_id": (await service.checkout())["session_id"]})

    unpaid = {"payment_status": "unpaid", "fulfillment_status": "pending", "access_status": "pending"}
    paid = {"payment_status": "paid", "fulfillment_status": "fulfilled", "access_status": "token_issued"}
    yield Row(what="pending", send=pending, answer={**unpaid, "activation_link": None})
    yield Row(what="paid", send=SESSION.with_(), answer={**paid, "activation_link": ...})
    yield Row(what="unknown parameters", send=SESSION.with_(utm="x"), answer=ANYTHING)
    for query in ("", "x=1", "session_id=a&session_id=b", "session_id=%ff", "session_id=%ed%a0%80"):
        send = SESSION.query(query)
        yield Row(what=f"?{query}", send=send, code="validation_failed", fields=("session_id",))
    for query in ("%ff=1&session_id=a", "&".join(f"a{n}=1" for n in range(200))):
        yield Row(what=f"?{query[:20]}", send=SESSION.query(query), code="validation_failed", fields=("query",))
    for unknown in ("", "cs_x", "%00", "x" * 300, "%D1%8F", "a%20b"):
        send = SESSION.query(f"session_id={unknown}")
        yield Row(what=f"session {unknown[:20]}", send=send, code="session_not_found")
    yield SESSION.limited()
    yield SESSION.broken(session_id="cs_x")


def portal_rows() -> Iterator[Row]:
    """The same answer for everybody who gives something like an address."""
    page = "https://billing.example/p/login/1?prefilled_email="
    for address in ("anna@example.com", " anna@example.com ", "anna@example.com\n"):
        send = PORTAL.with_(email=address)
        yield Row(what=repr(address), send=send, answer={"portal_url": f"{page}anna%40example.com"})
    tricky = PORTAL.with_(email="a+b&c=d@example.com")
    yield Row(what="tricky", send=tricky, answer={"portal_url": f"{page}a%2Bb%26c%3Dd%40example.com"})
    yield from PORTAL.no_documents("email")
    yield from PORTAL.bad_texts("email")
    yield Row(what="no address", send=PORTAL.with_(email="anna"), code="validation_failed", fields=("email",))
    yield Row(what="provider away", send=portal_down, code="payment_provider_unavailable", header=("retry-after", "5"))
    yield PORTAL.limited()


ROWS: Final[Mapping[str, tuple[Call, Callable[[], Iterator[Row]]]]] = {
    "startCheckout": (CHECKOUTS, checkout_rows),
    "takeStripeEvent": (WEBHOOK, webhook_rows),
    "getSessionStatus": (SESSION, session_rows),
    "openCustomerPortal": (PORTAL, portal_rows),
}
