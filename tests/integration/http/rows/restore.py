"""The way in was lost: a code by e-mail, and a new way in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.integration.http.service import INTERNAL, Service

from .table import Call, Row

USER: Final = 77


async def asked_code(service: Service) -> dict[str, Any]:
    """The right answer to a challenge of an address that has paid."""
    email = f"{uuid4().hex}@example.com"
    await service.buy(email=email, clickid="")
    assert (await service.post("/api/auth/restore/request", {"email": email})).status_code == 200
    return {"email": email, "otp": await service.code(email)}


async def asked_code_for_user(service: Service) -> dict[str, Any]:
    """The same, with the user who is to be let in."""
    return {**await asked_code(service), "telegram_user_id": USER}


async def new_address(_service: Service) -> dict[str, Any]:
    """An address that nobody has asked about."""
    return {"email": f"{uuid4().hex}@example.com"}


ADDRESS: Final = {"email": "anna@example.com"}
ANSWER: Final = {**ADDRESS, "otp": "123456", "telegram_user_id": USER}
REQUEST = Call(method="POST", path="/api/auth/restore/request", good=new_address, sample=ADDRESS)
BOT_REQUEST = replace(REQUEST, path="/api/bot/restore/request", headers=INTERNAL)
CONFIRM = Call(method="POST", path="/api/auth/restore/confirm", good=asked_code, sample=ANSWER)
BOT_CONFIRM = replace(CONFIRM, path="/api/bot/restore/confirm", good=asked_code_for_user, headers=INTERNAL)


def request_rows(call: Call, answer: Mapping[str, Any]) -> Iterator[Row]:
    """A known and an unknown address, and one that asks again at once."""

    async def known(service: Service) -> httpx.Response:
        email = f"{uuid4().hex}@example.com"
        await service.buy(email=email, clickid="")
        return await call.send(service, {"email": email})

    async def too_soon(service: Service) -> httpx.Response:
        address = await new_address(service)
        assert (await call.send(service, address)).status_code == 200
        service.clock.advance(timedelta(seconds=19.5))
        return await call.send(service, {"email": f" {address['email'].upper()} "})

    yield Row(what="unknown", send=call.with_(), answer=answer)
    yield Row(what="known", send=known, answer=answer)
    yield from call.no_documents("email")
    yield from call.bad_texts("email")
    yield Row(what="no address", send=call.bent(email="anna"), code="validation_failed", fields=("email",))
    yield Row(what="too soon", send=too_soon, code="rate_limited", header=("retry-after", "41"))
    yield call.broken(email="anna@example.com")


def confirm_rows(call: Call) -> Iterator[Row]:
    """Right, wrong, used, too old, unknown: one problem for all but the first."""

    async def used(service: Service) -> httpx.Response:
        good = await call.good(service)
        assert (await call.send(service, good)).status_code == 200
        return await call.send(service, good)

    async def too_old(service: Service) -> httpx.Response:
        good = await call.good(service)
        service.clock.advance(timedelta(minutes=10))
        return await call.send(service, good)

    async def nothing_paid(service: Service) -> httpx.Response:
        address = await new_address(service)
        assert (await REQUEST.send(service, address)).status_code == 200
        answer = {**address, "otp": await service.code(address["email"]), "telegram_user_id": USER}
        return await call.send(service, answer)

    async def unknown(service: Service) -> httpx.Response:
        return await call.send(service, {**await new_address(service), "otp": "123456", "telegram_user_id": USER})

    at_once = {"status": "restored", "activation_link": None, "access_granted": True}
    yield Row(
        what="at once",
        send=call.with_(telegram_user_id=USER),
        answer=at_once,
        header=("content-language", "en"),
    )
    yield from call.no_documents("email", "otp", *(["telegram_user_id"] if call is BOT_CONFIRM else []))
    yield from call.bad_texts("email", "otp")
    yield from call.bad_users()
    yield from call.missing("email", "otp")
    yield Row(what="no address", send=call.bent(email="anna"), code="validation_failed", fields=("email",))
    for wrong in ("", "000", "abcdef", "٠" * 6, "1" * 60_000):
        yield Row(what=f"otp {wrong[:6]}", send=call.with_(otp=wrong), code="otp_invalid")
    yield Row(what="used", send=used, code="otp_invalid")
    yield Row(what="too old", send=too_old, code="otp_invalid")
    yield Row(what="unknown", send=unknown, code="otp_invalid")
    yield Row(what="nothing paid", send=nothing_paid, code="no_restorable_order")
    yield call.broken(email="anna@example.com", otp="123456", telegram_user_id=USER)


def public_confirm_rows() -> Iterator[Row]:
    """Without a user the link is given instead."""
    link = {"status": "restored", "activation_link": ..., "access_granted": False}
    yield Row(what="link", send=CONFIRM.with_(), answer=link)
    yield Row(what="null user", send=CONFIRM.with_(telegram_user_id=None), answer=link)
    yield from confirm_rows(CONFIRM)
    yield CONFIRM.limited()


def bot_confirm_rows() -> Iterator[Row]:
    """The bot always says for whom."""
    yield from confirm_rows(BOT_CONFIRM)
    yield from BOT_CONFIRM.missing("telegram_user_id")
    yield from BOT_CONFIRM.without_token()


ROWS: Final[Mapping[str, tuple[Call, Callable[[], Iterator[Row]]]]] = {
    "requestRestore": (
        REQUEST,
        lambda: iter([*request_rows(REQUEST, {"otp_delivery_sent": True}), REQUEST.limited()]),
    ),
    "requestRestoreForBot": (
        BOT_REQUEST,
        lambda: iter([*request_rows(BOT_REQUEST, {"status": "otp_logged"}), *BOT_REQUEST.without_token()]),
    ),
    "confirmRestore": (CONFIRM, public_confirm_rows),
    "confirmRestoreForBot": (BOT_CONFIRM, bot_confirm_rows),
}
