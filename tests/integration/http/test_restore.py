"""The way in was lost: a code that cannot be guessed, the same words for everybody, and a link that moves."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import httpx
import pytest

from paywall_core.restore_challenge import MAX_TRIES

from .service import INTERNAL, Service, check_problem, token_of

EMAIL: Final = "anna@example.com"
STRANGER: Final = "stranger@example.com"
DOORS: Final = {"site": ("/api/auth/restore", {}), "bot": ("/api/bot/restore", INTERNAL)}


def said(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All that a caller can tell two answers apart by."""
    return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k != "date"}


async def request(service: Service, email: str = EMAIL) -> None:
    """Ask for a code."""
    answer = await service.post("/api/auth/restore/request", {"email": email})
    assert answer.status_code == 200, answer.text


async def confirm(service: Service, otp: str, *, email: str = EMAIL, user: int | None = None) -> httpx.Response:
    """Answer with a code."""
    return await service.post("/api/auth/restore/confirm", {"email": email, "otp": otp, "telegram_user_id": user})


def wrong(code: str, count: int) -> list[str]:
    """Codes that are not this one."""
    return [f"{(int(code) + n) % 10**6:06d}" for n in range(1, count + 1)]


async def is_in(service: Service, user: int) -> bool:
    """Whether a Telegram user has access."""
    answer = await service.post("/api/bot/access/status", {"telegram_user_id": user}, INTERNAL)
    return bool(answer.json()["is_paid"])


async def redeem(service: Service, link: str | None, user: int) -> httpx.Response:
    """Press the button."""
    body = {"activation_token": token_of(link), "telegram_user_id": user}
    return await service.post("/api/access/activate", body)


@pytest.mark.parametrize("door", DOORS)
async def test_known_and_unknown_addresses_are_answered_alike(service: Service, door: str) -> None:
    """Body, status and headers, at every step: nobody learns here who has paid."""
    await service.buy()
    path, headers = DOORS[door]
    wrong_code = {"otp": "000000", "telegram_user_id": 5}
    for step, extra, times in (("request", {}, 2), ("confirm", wrong_code, MAX_TRIES + 1)):
        for _ in range(times):
            known = await service.post(f"{path}/{step}", {"email": EMAIL, **extra}, dict(headers))
            unknown = await service.post(f"{path}/{step}", {"email": STRANGER, **extra}, dict(headers))
            assert said(known) == said(unknown)
    before = await service.challenge(EMAIL), await service.challenge(STRANGER)
    assert all(challenge is not None and challenge.tries == MAX_TRIES for challenge in before)


async def test_codes_tried_one_after_another_are_compared_five_times(service: Service) -> None:
    """The right one after them does not count any more; a new challenge starts anew, and the old code is worthless."""
    await service.buy()
    await request(service)
    code = await service.code()
    for guess in wrong(code, 30):
        check_problem(await confirm(service, guess), 400, "otp_invalid")
    check_problem(await confirm(service, code), 400, "otp_invalid")
    assert service.world.codes.compared == MAX_TRIES
    service.clock.advance(timedelta(seconds=60))
    await request(service)
    check_problem(await confirm(service, code), 400, "otp_invalid")
    assert (await confirm(service, await service.code())).status_code == 200


async def test_fifty_codes_at_once_are_compared_five_times(service: Service) -> None:
    """However many come in at the same moment: a try is counted before it is compared."""
    await service.buy()
    await request(service)
    code = await service.code()
    answers = await asyncio.gather(*(confirm(service, guess) for guess in wrong(code, 50)))
    assert {answer.status_code for answer in answers} == {400}
    assert service.world.codes.compared == MAX_TRIES
    check_problem(await confirm(service, code), 400, "otp_invalid")


async def test_right_code_given_fifty_times_at_once_restores_once(service: Service) -> None:
    """One link is given out, and the token has moved by one."""
    await service.buy()
    await request(service)
    code = await service.code()
    answers = await asyncio.gather(*(confirm(service, code) for _ in range(50)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    assert {answer.json()["code"] for answer in answers if answer not in good} == {"otp_invalid"}
    assert service.world.codes.compared <= MAX_TRIES
    ((order, _),) = await service.database.recent_orders(5)
    assert order.facts.token_version == 2
    assert (await redeem(service, good[0].json()["activation_link"], 5)).status_code == 200


async def test_old_link_is_dead_at_once_and_the_account_keeps_access_until_the_new_one_is_redeemed(
    service: Service,
) -> None:
    """Nobody is put out by a code that somebody else asked for, and two accounts are never in by one payment."""
    started = await service.buy()
    old = await service.link(started)
    assert (await redeem(service, old, 5)).status_code == 200
    await request(service)
    restored = (await confirm(service, await service.code())).json()
    check_problem(await redeem(service, old, 6), 404, "activation_token_invalid")
    check_problem(await redeem(service, old, 5), 404, "activation_token_invalid")
    assert (await is_in(service, 5), await is_in(service, 6)) == (True, False)
    assert (await redeem(service, restored["activation_link"], 6)).status_code == 200
    assert (await is_in(service, 5), await is_in(service, 6)) == (False, True)
    check_problem(await redeem(service, restored["activation_link"], 5), 409, "activation_token_used")


@pytest.mark.parametrize("door", DOORS)
async def test_user_who_is_named_is_in_at_once(service: Service, door: str) -> None:
    """No link is given then, and the account that was in before is out."""
    started = await service.buy()
    assert (await redeem(service, await service.link(started), 5)).status_code == 200
    await request(service)
    path, headers = DOORS[door]
    body = {"email": EMAIL, "otp": await service.code(), "telegram_user_id": "6"}
    answer = await service.post(f"{path}/confirm", body, dict(headers))
    assert answer.json() == {"status": "restored", "activation_link": None, "access_granted": True}
    assert answer.headers["content-language"] == "en"
    assert (await is_in(service, 5), await is_in(service, 6)) == (False, True)


async def test_address_is_the_same_however_it_is_written(service: Service) -> None:
    """Case and white space do not count, at any step."""
    await service.buy(email="Anna@Example.com")
    await request(service, " ANNA@example.com ")
    restored = await confirm(service, f" {await service.code(EMAIL)}\n", email="anna@EXAMPLE.com")
    assert restored.status_code == 200


async def test_codes_of_one_address_are_rare(service: Service) -> None:
    """One in sixty seconds and five in an hour, however many addresses ask and whichever door they use."""
    for _ in range(5):
        await request(service)
        check_problem(await service.post("/api/auth/restore/request", {"email": EMAIL}), 429, "rate_limited")
        service.clock.advance(timedelta(minutes=1))
    answer = await service.post("/api/bot/restore/request", {"email": EMAIL}, INTERNAL)
    check_problem(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) == 55 * 60
    assert (await service.post("/api/auth/restore/request", {"email": STRANGER})).status_code == 200
    service.clock.advance(timedelta(minutes=55))
    await request(service)


async def test_fifty_requests_at_once_are_one_challenge(service: Service) -> None:
    """One is taken, the others are too soon."""
    body = {"email": EMAIL}
    answers: list[Any] = await asyncio.gather(*(service.post("/api/auth/restore/request", body) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [429] * 49


async def test_what_was_refunded_cannot_be_restored(service: Service) -> None:
    """The address is proven, and still nothing stands behind it; the code is spent all the same."""
    await service.refund(await service.buy())
    await request(service)
    code = await service.code()
    check_problem(await confirm(service, code), 403, "no_restorable_order")
    check_problem(await confirm(service, code), 400, "otp_invalid")
