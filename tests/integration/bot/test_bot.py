"""The bot against the real API on real databases: each state of the gate, and access that moves to another account."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.bot.dispatcher import load_router

from ..http.conftest import service  # noqa: F401, TID252  - the API's fixture is the bot's too
from ..http.service import INTERNAL, Service, token_of  # noqa: TID252  - as above
from .conftest import ANNA, BOB, PAGES, World, labels

ADDRESS = "anna@example.com"


@pytest.fixture
async def real(world: World, service: Service) -> AsyncIterator[World]:  # noqa: F811  - the fixture
    """Telegram, and a bot that polls it, with the real API behind it."""
    world.api.base_url = str(service.client.base_url).rstrip("/")
    assert INTERNAL["X-Internal-Token"] == "an internal token"
    async with world.polling_bot():
        yield world


@pytest.mark.parametrize(
    ("user", "order_locale", "label", "words"),
    [
        (
            ANNA,
            "ru",
            "Оплатить доступ",
            {
                "stranger": "Этот бот — для участников",
                "pending": "Оплата ещё не поступила",
                "token_issued": "Оплата получена",
                "active": "У вас есть доступ",
                "until": "до 31 января 2026",
                "expired": "Оплаченное время закончилось",
            },
        ),
        (
            BOB,
            "en",
            "Pay for access",
            {
                "stranger": "This bot is for paying members",
                "pending": "has not arrived yet",
                "token_issued": "You have paid",
                "active": "You have access",
                "until": "until January 31, 2026",
                "expired": "Your paid time is over",
            },
        ),
    ],
)
async def test_gate_through_a_whole_life(
    *,
    real: World,
    service: Service,  # noqa: F811  - the fixture
    user: int,
    order_locale: str,
    label: str,
    words: dict[str, str],
) -> None:
    """No order, pending, token issued, active, expired: the button in every closed state, and only there."""

    async def closed(word: str) -> None:
        for text in ("hello", "/start", "/status"):
            answer = await real.say(text, user=user)
            assert word in answer.text
            assert labels(answer) == [label]
            url = f"{PAGES}/pay?telegram_chat_id={user}&locale={order_locale}"
            assert await real.telegram.press(user, label) == url

    await closed(words["stranger"])
    started = await service.checkout(telegram_chat_id=str(user), locale=order_locale)
    await closed(words["pending"])
    await service.webhook(service.paid(started))
    await closed(words["token_issued"])
    token = token_of(await service.link(started))
    assert words["until"] in (await real.say(f"/start {token}", user=user)).text
    for text in ("hello", "/start", "/status"):
        answer = await real.say(text, user=user)
        assert words["active"] in answer.text
        assert labels(answer) == []
    service.clock.advance(timedelta(days=30))
    await closed(words["expired"])


async def test_order_s_language_goes_before_that_of_telegram(
    real: World,
    service: Service,  # noqa: F811  - the fixture
) -> None:
    """At the gate, at the commands and at the welcome: Bob has his Telegram in English and bought in Russian."""
    started = await service.checkout(telegram_chat_id=str(BOB), locale="ru")
    for text in ("hello", "/status", "/start"):
        answer = await real.say(text)
        assert "Оплата ещё не поступила" in answer.text
        assert labels(answer) == ["Оплатить доступ"]
    assert "Что я умею" in (await real.say("/help")).text
    await service.webhook(service.paid(started))
    assert "Добро пожаловать" in (await real.say("/start " + token_of(await service.link(started)))).text
    assert "У вас есть доступ" in (await real.say("hello")).text


async def test_access_is_restored_on_another_account(
    real: World,
    service: Service,  # noqa: F811  - the fixture
) -> None:
    """The account that had it keeps it until the code was right, and loses it then; its old link is worthless."""
    started = await service.buy(locale="en")
    token = token_of(await service.link(started))
    assert "Welcome!" in (await real.say(f"/start {token}", user=ANNA)).text
    assert "already used" in (await real.say(f"/start {token}")).text
    await real.say("/restore")
    assert "is on its way" in (await real.say("Anna@Example.com")).text
    code = await service.code(ADDRESS)
    wrong = "000000" if code != "000000" else "000001"
    assert "does not fit" in (await real.say(wrong)).text
    assert "You have access" in (await real.say("hello", user=ANNA)).text
    assert (await real.say(code)).text == "Welcome back! Your access is active."
    assert "You have access" in (await real.say("hello")).text
    assert labels(await real.say("hello", user=ANNA)) == ["Оплатить доступ"]
    assert "недействительна" in (await real.say(f"/start {token}", user=ANNA)).text


async def test_unknown_address_hears_the_same_as_a_known_one(
    real: World,
    service: Service,  # noqa: F811  - the fixture
) -> None:
    """Word for word, at every step; the fifth wrong code is the last."""
    await service.buy()
    heard = []
    for address, user in ((ADDRESS, BOB), ("nobody@example.com", BOB)):
        answers = [await real.say("/restore", user=user), await real.say(address, user=user)]
        answers += [await real.press("Send a new code", user=user)]
        answers += [await real.say("000000" if n % 2 else "000001", user=user) for n in range(5)]
        heard.append([(answer.text, labels(answer)) for answer in answers])
    assert heard[0] == heard[1]
    assert "in 60 seconds" in heard[0][2][0]
    assert "does not work any more" in heard[0][-1][0]


async def test_address_that_paid_for_nothing_that_stands_is_told_so(
    real: World,
    service: Service,  # noqa: F811  - the fixture
) -> None:
    """The money went back; the address is proven all the same."""
    started = await service.buy()
    await service.refund(started)
    await real.say("/restore")
    await real.say(ADDRESS)
    answer = await real.say(await service.code(ADDRESS))
    assert "no access is paid for with it" in answer.text
    assert labels(answer) == ["Pay for access", "Cancel"]


async def test_address_is_checked_by_the_api(real: World) -> None:
    """What is no address is asked for again."""
    await real.say("/restore")
    for text in ("anna", "anna@", "anna@example"):
        assert "name@example.com" in (await real.say(text)).text


@pytest.mark.parametrize("token", ["x", "x" * 62])
async def test_bad_token_is_told_so(real: World, token: str) -> None:
    """With the button, and nobody let in."""
    answer = await real.say(f"/start {token}")
    assert "not valid" in answer.text
    assert labels(answer) == ["Pay for access"]


async def test_silent_api_lets_nobody_in(world: World) -> None:
    """A polite word, never access and never a traceback; what needs no API works."""
    world.api.base_url = "http://127.0.0.1:9"
    async with world.polling_bot():
        for text in ("hello", "/start", "/status", "/start " + "x" * 62):
            assert "try again" in (await world.say(text)).text
        assert "/status" in (await world.say("/help")).text


async def test_operator_s_own_pay_address_is_used_as_it_is(world: World) -> None:
    """`BOT_PAY_URL` to the letter."""
    pay = "https://quiz.example.com/?a=1"
    async with world.polling_bot(pay_url=pay):
        assert labels(await world.say("hello")) == ["Pay for access"]
        assert await world.telegram.press(BOB, "Pay for access") == pay


@pytest.mark.parametrize("path", ["nothing", "no.such.module:router", "json:nothing", "json:loads", ":x"])
def test_router_that_cannot_be_mounted_is_a_clear_error(path: str) -> None:
    """`BOT_ROUTER=package.module:router`."""
    with pytest.raises(ValueError, match=r"package\.module|aiogram"):
        load_router(path)
