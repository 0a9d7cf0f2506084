"""The bare limit: a raw ASGI callable, the driver, and prepared statements, with the same SQL as ours for the reads.

It checks a webhook's signature and nothing else: no token, no limits, no validation, no problems, no log; an order's
facts and history are left alone. A webhook is one transaction of its own: the event, the order's lock, its update, two
outbox rows. This is what the SQL and the protocol cost, and it is no service.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec

from benchmarks.references.rules import (
    LINK_WINDOW,
    access_state,
    activation_link,
    is_genuine,
    order_of,
    paid_until,
    session_state,
)
from benchmarks.references.stores import PostgresqlStore, SqliteStore, Store

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]

_HEADERS: Final = (b"content-type", b"application/json")
_encode: Final = msgspec.json.Encoder().encode


class _Asked(msgspec.Struct):
    telegram_user_id: int


_asked: Final = msgspec.json.Decoder(_Asked)
_url: Final = os.environ["DATABASE_URL"]
_store: Final[Store] = PostgresqlStore(_url) if _url.startswith("postgresql") else SqliteStore(_url)


async def app(scope: _Message, receive: _Receive, send: _Send) -> None:
    """The application."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    path = scope["path"]
    if path == "/api/bot/access/status":
        status, answer = 200, await _access_status(await _body(receive))
    elif path == "/api/payment/session-status":
        status, answer = await _session_status(scope["query_string"])
    elif path == "/api/stripe/webhook":
        status, answer = await _webhook(await _body(receive), dict(scope["headers"]).get(b"stripe-signature", b""))
    else:
        status, answer = 200, b'{"status":"ok"}'
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [_HEADERS, length]})
    await send({"type": "http.response.body", "body": answer})


async def _access_status(body: bytes) -> bytes:
    record = await _store.access_of(_asked.decode(body).telegram_user_id)
    if record is None:
        return b'{"is_paid":false,"order_id":null,"plan":null,"access_status":null}'
    state = access_state(record.state, record.access_until, datetime.now(UTC), redeemed=record.redeemed)
    return _encode(
        {
            "is_paid": record.redeemed and state == "active",
            "order_id": record.order_id,
            "plan": record.plan,
            "access_status": state,
        }
    )


async def _session_status(query: bytes) -> tuple[int, bytes]:
    record = await _store.session(query.removeprefix(b"session_id=").decode())
    if record is None:
        return 404, b"{}"
    now = datetime.now(UTC)
    state = session_state(record.state, record.access_until, now)
    fresh = record.first_paid_at is not None and now < record.first_paid_at + LINK_WINDOW
    shows = fresh and state == "token_issued"
    answer = {
        "payment_status": record.payment_status,
        "fulfillment_status": record.fulfillment_status,
        "access_status": state,
        "activation_link": activation_link(record.order_id, record.token_version) if shows else None,
    }
    return 200, _encode(answer)


async def _webhook(body: bytes, signature: bytes) -> tuple[int, bytes]:
    if not is_genuine(body, signature.decode()):
        return 400, b"{}"
    event = msgspec.json.decode(body)
    occurred_at = datetime.fromtimestamp(event["created"], UTC)
    taken = await _store.record(
        event["id"], event["type"], body, order_of(event), occurred_at=occurred_at, access_until=paid_until(event)
    )
    return 200, b'{"received":true}' if taken else b'{"received":true,"duplicate":true}'


async def _body(receive: _Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _live(receive: _Receive, send: _Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await _store.open()
            await send({"type": "lifespan.startup.complete"})
        else:
            await _store.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
