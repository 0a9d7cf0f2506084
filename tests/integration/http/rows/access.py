"""Redeeming a token, and the gate's question."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.integration.http.service import INTERNAL, Service, token_of

from .table import Call, Row, values

UNKNOWN_USER: Final = 404
USER: Final = 77


async def new_token(service: Service) -> dict[str, Any]:
    """A token of a purchase of its own, and who redeems it."""
    started = await service.buy(email=f"{uuid4().hex}@example.com", clickid="")
    return {"activation_token": token_of(await service.link(started)), "telegram_user_id": USER}


REDEEM: Final = {"activation_token": "A" * 62, "telegram_user_id": USER}
ACTIVATE = Call(method="POST", path="/api/access/activate", good=new_token, sample=REDEEM)
BOT_ACTIVATE = replace(ACTIVATE, path="/api/bot/access/activate", headers=INTERNAL)
BOT_STATUS = Call(
    method="POST", path="/api/bot/access/status", good=values(telegram_user_id=UNKNOWN_USER), headers=INTERNAL
)
ACTIVATED: Final = {
    "access_granted": True,
    "order_id": ...,
    "plan": "one_time_basic",
    "access_status": "active",
    "access_expires_at": "2026-01-31T00:00:00Z",
}


def activate_rows(call: Call) -> Iterator[Row]:
    """Each refusal of a token is a problem of its own."""

    async def used(service: Service) -> httpx.Response:
        good = await new_token(service)
        assert (await call.send(service, good)).status_code == 200
        return await call.send(service, {**good, "telegram_user_id": USER + 1})

    async def again(service: Service) -> httpx.Response:
        good = await new_token(service)
        assert (await call.send(service, good)).status_code == 200
        return await call.send(service, {**good, "telegram_user_id": str(USER)})

    async def refunded(service: Service) -> httpx.Response:
        started = await service.buy(email=f"{uuid4().hex}@example.com", clickid="")
        token = token_of(await service.link(started))
        await service.refund(started)
        return await call.send(service, {"activation_token": token, "telegram_user_id": USER})

    async def over(service: Service) -> httpx.Response:
        good = await new_token(service)
        service.clock.advance(timedelta(days=30))
        try:
            return await call.send(service, good)
        finally:
            service.clock.advance(-timedelta(days=30))

    yield Row(what="good", send=call.with_(), answer=ACTIVATED, header=("content-language", "en"))
    yield Row(what="again", send=again, answer=ACTIVATED)
    yield from call.no_documents("activation_token", "telegram_user_id")
    yield from call.bad_texts("activation_token")
    yield from call.bad_users()
    yield from call.missing("activation_token", "telegram_user_id")
    for forged in ("", "x", "x" * 62, "ё" * 62, "A" * 60_000):
        send = call.with_(activation_token=forged)
        yield Row(what=f"token {forged[:9]}", send=send, code="activation_token_invalid")
    yield Row(what="used", send=used, code="activation_token_used")
    yield Row(what="refunded", send=refunded, code="access_revoked")
    yield Row(what="over", send=over, code="activation_token_expired")
    yield call.broken(activation_token="A" * 62, telegram_user_id=USER)


def bot_status_rows() -> Iterator[Row]:
    """Somebody unknown, and somebody who is in."""

    async def known(service: Service) -> httpx.Response:
        assert (await BOT_ACTIVATE.with_()(service)).status_code == 200
        return await BOT_STATUS.send(service, {"telegram_user_id": USER})

    nobody = {"is_paid": False, "order_id": None, "plan": None, "access_status": None}
    somebody = {"is_paid": True, "order_id": ..., "plan": "one_time_basic", "access_status": "active"}
    yield Row(what="unknown", send=BOT_STATUS.with_(), answer=nobody, header=("content-language", None))
    yield Row(what="known", send=known, answer=somebody, header=("content-language", "en"))
    yield from BOT_STATUS.no_documents("telegram_user_id")
    yield from BOT_STATUS.bad_users()
    yield from BOT_STATUS.without_token()
    yield BOT_STATUS.broken(telegram_user_id=USER)


ROWS: Final[Mapping[str, tuple[Call, Callable[[], Iterator[Row]]]]] = {
    "activateAccess": (ACTIVATE, lambda: iter([*activate_rows(ACTIVATE), ACTIVATE.limited()])),
    "activateAccessForBot": (BOT_ACTIVATE, lambda: iter([*activate_rows(BOT_ACTIVATE), *BOT_ACTIVATE.without_token()])),
    "getAccessStatus": (BOT_STATUS, bot_status_rows),
}
