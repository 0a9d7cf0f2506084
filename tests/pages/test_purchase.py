"""A person buys, in a real browser: our pages, a Stripe on loopback with its checkout, a real mail server, SQLite.

Everything between is the product itself: `paywall serve`'s own code, its real adapters, real HTTP and SMTP.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from litestar import Litestar
from playwright.async_api import Browser, Page, async_playwright

from entrypoints.processes import run_serve
from entrypoints.sandbox.stripe.catalogue import SandboxPrice
from entrypoints.sandbox.stripe.sandbox import StripeSandbox
from entrypoints.server import serving
from entrypoints.settings import Role, load_settings

INTERNAL = {"X-Internal-Token": "an-internal-token-of-tests"}
WORDS = {
    "ru": {"ready": "Спасибо, оплата получена!", "subject": "Ваш доступ готов"},
    "en": {"ready": "Thank you, your payment is here!", "subject": "Your access is ready"},
}


class Mailbox:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802  - aiosmtpd's
        """Keep the mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    async def wait(self) -> EmailMessage:
        """The one mail."""
        async with asyncio.timeout(20):
            while not self.mails:
                await asyncio.sleep(0.05)
        (mail,) = self.mails
        return mail


class Market:
    """The product, the outside world, and a browser."""

    def __init__(self, *, origin: str, stripe: StripeSandbox, mailbox: Mailbox, browser: Browser) -> None:
        self.origin = origin
        self.stripe = stripe
        self.mailbox = mailbox
        self.browser = browser

    async def open(self, path: str, *, javascript: bool = True) -> Page:
        """A fresh phone at one of our pages."""
        context = await self.browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=javascript)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        await page.goto(self.origin + path)
        return page

    async def call(self, path: str, body: dict[str, object]) -> httpx.Response:
        """One of the bot's calls."""
        async with httpx.AsyncClient() as client:
            return await client.post(self.origin + path, json=body, headers=INTERNAL)


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    """All of it, running."""
    stripe = StripeSandbox(
        secret_key="sk_test_1",
        webhook_secret="whsec_1",
        prices=(
            SandboxPrice(id="price_1", product_name="Basic", amount_minor=1500, currency="eur"),
            SandboxPrice(id="price_2", product_name="Monthly", amount_minor=900, currency="eur", interval="month"),
        ),
    )
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        smtp = await loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0)
        await stack.enter_async_context(smtp)
        stripe.origin = await stack.enter_async_context(serving(Litestar([stripe.router]), host="127.0.0.1", port=0))
        probe = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        settings = load_settings(
            {
                "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}",
                "HTTP_PORT": str(port),
                "APP_PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
                "INTERNAL_API_TOKEN": INTERNAL["X-Internal-Token"],
                "TOKEN_SECRET": "a-token-secret-of-tests",
                "STRIPE_SECRET_KEY": "sk_test_1",
                "STRIPE_WEBHOOK_SECRET": "whsec_1",
                "STRIPE_API_BASE": f"{stripe.origin}/stripe",
                "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
                "STRIPE_PRICE_SUB_MONTHLY": "price_2",
                "BOT_USERNAME": "paywall_bot",
                "SMTP_HOST": "127.0.0.1",
                "SMTP_PORT": str(smtp.sockets[0].getsockname()[1]),
                "SMTP_STARTTLS": "false",
                "SMTP_FROM": "Paywall <access@pay.example.com>",
            },
            Role.SERVE,
        )
        product = asyncio.create_task(run_serve(settings, stop, started.set_result))
        await asyncio.wait({product, started}, return_when=asyncio.FIRST_COMPLETED)
        origin = f"http://127.0.0.1:{port}"
        await stack.enter_async_context(stripe.webhooks_to(f"{origin}/api/stripe/webhook"))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-background-networking"]
        )
        yield Market(origin=origin, stripe=stripe, mailbox=mailbox, browser=browser)
        await browser.close()
        stop.set()
        await product


async def to_checkout(page: Page, plan: str, email: str = "anna@example.com") -> None:
    """Choose a plan, write the address, go on to the hosted page."""
    await page.get_by_test_id(f"plan-{plan}").click()
    await page.get_by_test_id("email").fill(email)
    await page.get_by_test_id("pay").click()
    await page.wait_for_url("**/stripe/pay/**")


async def pay(page: Page, choice: str) -> None:
    """Pay on the hosted page."""
    await page.locator(f"input[name=choice][value={choice}]").check()
    await page.locator("#pay").click()


@pytest.mark.parametrize("plan", ["one_time_basic", "sub_monthly"])
@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_customer_pays_gets_the_link_and_is_let_in(market: Market, plan: str, locale: str) -> None:
    """From `/pay` to the open gate, with the e-mail read; no error in the browser's console."""
    page = await market.open(f"/pay?locale={locale}")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await to_checkout(page, plan)
    await pay(page, "card")
    await page.locator("[data-kind=ready]").wait_for()
    assert WORDS[locale]["ready"] in await page.locator("h1").inner_text()
    link = await page.get_by_test_id("telegram-button").get_attribute("href")
    mail = await market.mailbox.wait()
    assert (mail["To"], mail["Subject"]) == ("anna@example.com", WORDS[locale]["subject"])
    text = mail.get_body(("plain",))
    assert text is not None
    assert link in text.get_content()
    token = re.fullmatch(r"https://t\.me/paywall_bot\?start=([A-Za-z0-9_-]{62})", link or "")
    assert token is not None
    body: dict[str, object] = {"activation_token": token[1], "telegram_user_id": 5}
    assert (await market.call("/api/bot/access/activate", body)).json()["access_granted"]
    gate = (await market.call("/api/bot/access/status", {"telegram_user_id": 5})).json()
    assert (gate["is_paid"], gate["plan"]) == (True, plan)
    await page.reload()
    await page.locator("[data-kind=active]").wait_for()
    assert complaints == []


async def test_declined_card_can_be_followed_by_a_good_one(market: Market) -> None:
    """The session stays open; nobody is let in by the declined one."""
    page = await market.open("/pay?locale=en")
    await to_checkout(page, "one_time_basic")
    await pay(page, "declined")
    await page.locator("#problem").wait_for()
    assert not market.mailbox.mails
    await pay(page, "card")
    await page.locator("[data-kind=ready]").wait_for()


@pytest.mark.parametrize("succeeds", [True, False])
async def test_delayed_payment_waits_and_then_tells(market: Market, *, succeeds: bool) -> None:
    """The page says that it waits; when the bank has spoken, it shows the link, or the way to try again."""
    page = await market.open("/pay?locale=en")
    await to_checkout(page, "one_time_basic")
    await pay(page, "delayed")
    await page.locator("[data-kind=waiting]").wait_for()
    assert not market.mailbox.mails
    (session,) = market.stripe.snapshot()["sessions"]
    market.stripe.engine.checkout.settle_delayed(session["id"], succeeds=succeeds)
    await page.locator("[data-kind=ready]" if succeeds else "[data-kind=failed]").wait_for()
    if succeeds:
        await market.mailbox.wait()


async def test_whole_way_without_javascript(market: Market) -> None:
    """Plain forms and redirects."""
    page = await market.open("/pay?locale=en", javascript=False)
    await to_checkout(page, "sub_monthly")
    await pay(page, "card")
    await page.locator("[data-kind=ready], [data-kind=waiting]").wait_for()
    await market.mailbox.wait()
    await page.reload()
    assert await page.get_by_test_id("telegram-button").get_attribute("href")


async def test_lost_webhook_keeps_nobody_waiting(market: Market) -> None:
    """The success page asks Stripe itself."""
    market.stripe.webhooks.hold()
    page = await market.open("/pay?locale=en")
    await to_checkout(page, "one_time_basic")
    await pay(page, "card")
    await page.locator("[data-kind=ready]").wait_for()
    await market.mailbox.wait()
    market.stripe.webhooks.release()
    await market.stripe.webhooks.idle()
    await asyncio.sleep(0.5)
    assert len(market.mailbox.mails) == 1


async def test_turning_back_leads_to_the_cancel_page(market: Market) -> None:
    """Nothing was charged, and the plan is kept."""
    page = await market.open("/pay?locale=en")
    await to_checkout(page, "sub_monthly")
    await page.locator("#back").click()
    await page.locator("[data-kind=cancelled]").wait_for()
    await page.locator("a.button").click()
    assert await page.locator("input[value=sub_monthly]").is_checked()
