"""The doctor at Telegram: the token, the bot's name, and where its updates go. Over HTTP, nothing secret is told."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar, Response, route
from litestar.params import FromPath

from adapters.bot.checkup import TelegramCheckup
from entrypoints.sandbox.telegram import TelegramSandbox
from entrypoints.sandbox.troubles import Troubles
from entrypoints.server import serving
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.testing import FakeClock
from tests.integration.tracking.far_side import FarSide

TOKEN = "123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
SECRET = "webhook-secret-of-the-tests"
USERNAME = "paywall_sandbox_bot"
BASE = "https://pay.example.com"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED
ME = {"id": 123456, "is_bot": True, "first_name": "Paywall", "username": USERNAME}


def checkup(api_base: str | None, **changes: Any) -> TelegramCheckup:
    """One whose settings are good, with some of them changed."""
    settings: dict[str, Any] = {
        "token": TOKEN,
        "username": USERNAME,
        "mode": "polling",
        "webhook_secret": SECRET,
        "public_base_url": BASE,
        "clock": FakeClock(NOW),
        **changes,
    }
    return TelegramCheckup(api_base=api_base, **settings)


async def examined(api_base: str | None, **changes: Any) -> dict[str, Finding]:
    """What the doctor finds, by subject."""
    return {finding.subject: finding for finding in await checkup(api_base, **changes).check()}


def verdicts(found: dict[str, Finding]) -> dict[str, Verdict]:
    """Of each subject."""
    return {subject: finding.verdict for subject, finding in found.items()}


@pytest.fixture
async def api_base() -> AsyncIterator[str]:
    """The sandbox's Telegram."""
    telegram = TelegramSandbox(
        bot_token=TOKEN, bot_username=USERNAME, troubles=Troubles(), clock=FakeClock(NOW), delay_seconds=lambda _: 0.02
    )
    app = Litestar([telegram.router], openapi_config=None, logging_config=None)
    async with serving(app, host="127.0.0.1", port=0) as origin, telegram.running():
        yield f"{origin}/telegram"


async def register(api_base: str, url: str) -> None:
    """Set a webhook, as a bot does; nothing is sent there while nobody writes to the bot."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{api_base}/bot{TOKEN}/setWebhook", data={"url": url, "secret_token": SECRET})
    assert answer.json()["ok"], answer.text


@asynccontextmanager
async def answering(*, status: int = 200, body: bytes | None = None, **webhook: Any) -> AsyncIterator[str]:
    """A Bot API with one answer for all, or with good ones whose webhook is as told."""
    results: dict[str, Any] = {"getMe": ME, "getWebhookInfo": {"url": "", "pending_update_count": 0, **webhook}}

    @route("/{bot:str}/{method:str}", http_method=["GET", "POST"], status_code=200)
    async def call(bot: FromPath[str], method: FromPath[str]) -> Response[bytes]:
        content = json.dumps({"ok": True, "result": results[method]}).encode() if body is None else body
        return Response(content, status_code=status, media_type="application/json")

    async with serving(Litestar([call], logging_config=None), host="127.0.0.1", port=0) as origin:
        yield origin


async def test_polling_bot_is_well(api_base: str) -> None:
    """Token, name and mode fit; names are compared as Telegram does, without case."""
    found = await examined(api_base, username="Paywall_Sandbox_Bot")
    assert verdicts(found) == {"BOT_TOKEN": OK, "BOT_USERNAME": OK, "BOT_MODE": OK, "Telegram's updates": OK}


async def test_webhook_bot_is_well(api_base: str) -> None:
    """Telegram sends to our address and no other."""
    await register(api_base, f"{BASE}/tg/webhook/{SECRET}")
    found = await examined(api_base, mode="webhook")
    assert verdicts(found) == {"BOT_TOKEN": OK, "BOT_USERNAME": OK, "BOT_MODE": OK, "Telegram's updates": OK}


async def test_wrong_token_is_found(api_base: str) -> None:
    """Telegram's 401; nothing else is asked."""
    found = await examined(api_base, token="123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    assert verdicts(found) == {"BOT_TOKEN": FAILED}
    assert "(401)" in found["BOT_TOKEN"].detail


async def test_another_bots_name_is_found(api_base: str) -> None:
    """Both names are said."""
    found = await examined(api_base, username="another_bot")
    assert found["BOT_USERNAME"].verdict is FAILED
    assert "@another_bot" in found["BOT_USERNAME"].detail
    assert f"@{USERNAME}" in found["BOT_USERNAME"].detail


async def test_webhook_beside_polling_is_a_warning(api_base: str) -> None:
    """Our bot takes it away at its start; whose it is, is for a human to know."""
    await register(api_base, f"https://other.example.com/hook/{SECRET}")
    found = await examined(api_base)
    assert found["BOT_MODE"].verdict is WARNING
    assert "https://other.example.com:" in found["BOT_MODE"].detail


async def test_webhook_that_is_not_registered_is_a_warning(api_base: str) -> None:
    """The bot does it when it starts."""
    found = await examined(api_base, mode="webhook")
    assert found["BOT_MODE"].verdict is WARNING
    assert "none is registered" in found["BOT_MODE"].detail


async def test_updates_that_go_elsewhere_are_found(api_base: str) -> None:
    """Another program has them."""
    await register(api_base, f"https://other.example.com/tg/webhook/{SECRET}")
    found = await examined(api_base, mode="webhook")
    assert found["BOT_MODE"].verdict is FAILED
    assert "https://other.example.com" in found["BOT_MODE"].detail
    assert f"{BASE}/tg/webhook/…" in found["BOT_MODE"].detail


async def test_another_webhook_secret_is_found(api_base: str) -> None:
    """Ours would refuse what Telegram sends."""
    await register(api_base, f"{BASE}/tg/webhook/an-older-secret-of-ours")
    found = await examined(api_base, mode="webhook")
    assert found["BOT_WEBHOOK_SECRET"].verdict is FAILED
    assert "older" not in found["BOT_WEBHOOK_SECRET"].detail
    missing = await examined(api_base, mode="webhook", webhook_secret=None)
    assert missing["BOT_WEBHOOK_SECRET"].verdict is FAILED


@pytest.mark.parametrize(
    ("base", "good"),
    [
        ("https://pay.example.com", True),
        ("https://pay.example.com:8443", True),
        ("http://pay.example.com", False),
        ("https://pay.example.com:9000", False),
        ("https://pay.example.com:90000", False),
    ],
)
def test_telegram_itself_sends_only_to_https_and_four_ports(base: str, good: bool) -> None:
    """As its documents say; another Bot API may be less strict."""
    real = checkup(None, mode="webhook", public_base_url=base)._as_webhook(f"{base}/tg/webhook/{SECRET}")
    assert (real.verdict, real.subject) == ((OK, "BOT_MODE") if good else (FAILED, "APP_PUBLIC_BASE_URL"))
    local = checkup("http://bot-api.local", mode="webhook", public_base_url=base)
    assert local._as_webhook(f"{base}/tg/webhook/{SECRET}").verdict is OK


@pytest.mark.parametrize(
    ("webhook", "verdict", "words"),
    [
        ({"pending_update_count": 19}, OK, "19 waiting"),
        ({"pending_update_count": 20}, WARNING, "20 waiting: does the bot run?"),
        ({"age": timedelta(hours=23)}, WARNING, "on 2026-11-23 at 13:00 UTC: Connection refused"),
        ({"last_error_date": 10**18, "last_error_message": "late"}, WARNING, "on 9999-12-31 at 23:59 UTC: late"),
        ({"age": timedelta(days=2)}, OK, "on 2026-11-22 at 12:00 UTC: Connection refused"),
    ],
)
async def test_deliveries_that_fail_are_a_warning(webhook: dict[str, Any], verdict: Verdict, words: str) -> None:
    """Many that wait, or one that failed within a day."""
    age = webhook.pop("age", None)
    if age is not None:
        webhook |= {"last_error_date": int((NOW - age).timestamp()), "last_error_message": "Connection\n refused"}
    async with answering(**webhook) as base:
        found = await examined(base)
    assert found["Telegram's updates"].verdict is verdict
    assert words in found["Telegram's updates"].detail


@pytest.mark.parametrize(
    ("status", "body", "subject", "words"),
    [
        (404, b"<html>", "BOT_TOKEN", "is TELEGRAM_API_BASE not a Bot API?"),
        (200, b"<html>", "TELEGRAM_API_BASE", "getMe with 200, but not as Telegram does"),
        (200, b'{"ok":true,"result":7}', "TELEGRAM_API_BASE", "not as Telegram does"),
        (502, b"\xff", "TELEGRAM_API_BASE", "getMe with 502"),
        (200, b"[" * 100_000, "TELEGRAM_API_BASE", "not as Telegram does"),
    ],
)
async def test_address_that_is_no_bot_api_is_found(status: int, body: bytes, subject: str, words: str) -> None:
    """Whatever it says."""
    async with answering(status=status, body=body) as base:
        found = await examined(base)
    assert verdicts(found) == {subject: FAILED}
    assert words in found[subject].detail


async def test_telegram_that_is_away_is_found() -> None:
    """Nobody listens, or there is no such address at all."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = taken.getsockname()[1]
        found = await examined(f"http://127.0.0.1:{port}")
    assert verdicts(found) == {"TELEGRAM_API_BASE": FAILED}
    assert f"http://127.0.0.1:{port} is out of reach" in found["TELEGRAM_API_BASE"].detail
    assert verdicts(await examined("http://a:b")) == {"TELEGRAM_API_BASE": FAILED}
    assert verdicts(await examined("http://127.0.0.1:99999")) == {"TELEGRAM_API_BASE": FAILED}


async def test_silent_telegram_costs_a_bounded_time() -> None:
    """It takes the question and says nothing."""
    async with asyncio.timeout(30), FarSide.start() as far_side:
        far_side.says_nothing()
        found = await examined(far_side.origin, timeout_seconds=0.3)
        await far_side.hung_up.wait()
    assert verdicts(found) == {"TELEGRAM_API_BASE": FAILED}
    assert "did not answer within 0.3 s" in found["TELEGRAM_API_BASE"].detail


async def test_no_secret_is_told(api_base: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a finding, not in a log, even when Telegram repeats the address that holds it."""
    caplog.set_level(logging.DEBUG)
    found = [*(await examined(api_base)).values(), *(await examined(api_base, username="another_bot")).values()]
    await register(api_base, f"{BASE}/tg/webhook/{SECRET}")
    caplog.clear()  # `register` is not ours, and its client logs addresses
    for changes in ({}, {"mode": "webhook"}, {"mode": "webhook", "webhook_secret": "another-secret-of-ours"}):
        found += (await examined(api_base, **changes)).values()
    told: dict[str, Any] = {
        "last_error_date": int(NOW.timestamp()),
        "last_error_message": f"no {BASE}/tg/webhook/{SECRET} {TOKEN}",
    }
    async with answering(url=f"https://u:p4ssw0rd@x.example/{SECRET}", **told) as base:
        for mode in ("polling", "webhook"):
            found += (await examined(base, mode=mode)).values()
    found += (await examined(f"http://127.0.0.1:1/{SECRET}")).values()
    ours = [record for record in caplog.records if record.name != "uvicorn.access"]  # the far side runs here too
    text = "\n".join([finding.detail for finding in found] + [logging.Formatter().format(record) for record in ours])
    assert {finding.verdict for finding in found} == {OK, WARNING, FAILED}
    assert {"httpcore.http11", "httpcore.connection"} <= {record.name for record in ours}
    assert [secret for secret in (SECRET, TOKEN, TOKEN.partition(":")[2], "p4ssw0rd") if secret in text] == []
