"""After a whole run of the product as a process, neither its log, its figures nor its database holds a secret of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import httpx
import pytest
from msgspec import json

from adapters.db.migrate import migrate
from entrypoints.sandbox.mailbox import Mailbox
from entrypoints.sandbox.world import OutsideWorld
from paywall_core.access_token import AccessTokens
from tests.integration.leaks.search import InPlay, postgresql_texts, sqlite_texts
from tests.product_process import free_origin, product_process

ANNA, BOB = 1001, 1002
PAYER, CHATTER, RETURNER = "anna.payer@shop.example", "bob.chatter@mail.example", "carl.returner@post.example"
SMTP_LOGIN: Final = ("mail-user-of-tests", "smtp-password-of-tests-8f3a")
FORGED: Final = "F" * 31 + "g" * 31
SECRET_SETTINGS: Final = (
    "BOT_TOKEN",
    "BOT_WEBHOOK_SECRET",
    "INTERNAL_API_TOKEN",
    "META_ACCESS_TOKEN",
    "SMTP_PASSWORD",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "TOKEN_SECRET",
)
_CODE_SUBJECT: Final = "Your code to get back in"


@pytest.fixture
async def world() -> AsyncIterator[OutsideWorld]:
    """The outside world."""
    async with OutsideWorld.start() as world:
        yield world


class Run:
    """What people do, and everything secret that they were shown."""

    def __init__(
        self, *, world: OutsideWorld, mailbox: Mailbox, browser: httpx.AsyncClient, environ: dict[str, str]
    ) -> None:
        self.world, self.mailbox, self.browser = world, mailbox, browser
        self.shop = environ["APP_PUBLIC_BASE_URL"]
        self.in_play = InPlay(
            settings={name: environ[name] for name in SECRET_SETTINGS},
            tokens={FORGED},
            addresses={PAYER, CHATTER, RETURNER},
        )

    async def buy(self, email: str, *, chat: int | None = None) -> str:
        """Pay on the pages; gives the link's token from the success page."""
        form = {"plan": "one_time_basic", "email": email, "clickid": f"click-{email[0]}", "locale": "en"}
        if chat is not None:
            form["telegram_chat_id"] = str(chat)
        checkout = await self.browser.post(f"{self.shop}/pay", data=form)
        page = await self.browser.post(str(checkout.url), data={"choice": "card"})
        async with asyncio.timeout(20):
            while 'data-kind="ready"' not in page.text:
                await asyncio.sleep(0.1)
                page = await self.browser.get(str(page.url))
        await self.mailbox.wait_for(to=email)
        return self.token_in(page.text)

    def token_in(self, page: str) -> str:
        """The token of the link on a page."""
        self.in_play.read(page)
        return str(re.findall(r"start=([\w-]{62})\b", page)[0])

    async def start(self, person: int, token: str, answer: str) -> None:
        """START in Telegram, and what the bot says."""
        sent = await self.world.telegram.start(person, token)
        await self.world.telegram.wait_for_message(
            person, containing=answer, after_message_id=sent.message_id, timeout_seconds=15
        )

    async def say(self, person: int, text: str, answer: str) -> None:
        """Write to the bot, and what it says."""
        sent = await self.world.telegram.say(person, text)
        await self.world.telegram.wait_for_message(
            person, containing=answer, after_message_id=sent.message_id, timeout_seconds=15
        )

    async def code(self, email: str) -> str:
        """The one-time code that was mailed."""
        mail = await self.mailbox.wait_for(to=email, subject_contains=_CODE_SUBJECT, timeout_seconds=15)
        return self.in_play.read_code(mail.text)

    async def restore_page(self, **form: str) -> httpx.Response:
        """A form of the restore page."""
        return await self.browser.post(f"{self.shop}/pay/restore", data={"locale": "en", **form})

    async def api(self, path: str, body: Mapping[str, object], **headers: str) -> httpx.Response:
        """A call."""
        return await self.browser.post(f"{self.shop}{path}", json=body, headers=headers)


def wrong(code: str) -> str:
    """Another code of six digits."""
    return f"{(int(code) + 1) % 10**6:06d}"


async def restore_from_the_page(run: Run, old: str) -> None:
    """Asked for while mail is down; answered wrongly, rightly and again."""
    run.world.troubles.smtp_down = True
    assert 'data-kind="code"' in (await run.restore_page(email=PAYER)).text
    assert (await run.restore_page(email=PAYER)).status_code == 429
    await asyncio.sleep(0.5)  # time for a delivery that fails; nothing depends on it
    run.world.troubles.smtp_down = False
    code = await run.code(PAYER)
    assert (await run.restore_page(email=PAYER, code=wrong(code))).status_code == 400
    restored = await run.restore_page(email=PAYER, code=code)
    assert 'data-kind="restored"' in restored.text
    assert (await run.restore_page(email=PAYER, code=code)).status_code == 400
    await run.start(ANNA, old, "недействительна")
    await run.start(BOB, run.token_in(restored.text), "Welcome!")


async def restore_from_the_chat(run: Run, person: int) -> None:
    """A wrong code first."""
    await run.say(person, "/restore", "")
    await run.say(person, CHATTER, "")
    code = await run.code(CHATTER)
    await run.say(person, wrong(code), "")
    await run.say(person, code, "Welcome back!")


async def misuse(run: Run, token: str) -> None:
    """Forged and misplaced secrets, sent to wherever they might be written down."""
    await run.start(ANNA, FORGED, "")
    attempts: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("/api/access/activate", {"activation_token": FORGED, "telegram_user_id": ANNA}),
        ("/api/access/activate", {"activation_token": token, "telegram_user_id": 7}),
        ("/api/access/activate", {"activation_token": token, "telegram_user_id": 8}),
        ("/api/auth/restore/confirm", {"email": PAYER, "otp": "000000"}),
        ("/api/bot/access/status", {"telegram_user_id": ANNA}),
        ("/api/stripe/webhook", {"id": "evt_forged", "note": token}),
        ("/api/payment/checkout-session", {"email": PAYER, "plan": token}),
    )
    for path, body in attempts:
        assert (await run.api(path, body)).status_code in (200, 400, 401, 404, 409), path
    assert (await run.browser.get(f"{run.shop}/nothing/{token}?email={PAYER}")).status_code == 404
    forged = await run.browser.post(f"{run.shop}/tg/webhook/{run.in_play.settings['BOT_WEBHOOK_SECRET']}", content=b"{")
    assert forged.status_code in (400, 401, 403, 404)


async def track(run: Run) -> None:
    """Both trackers, and both down for a while."""
    run.world.troubles.trackers_down = True
    answer = await run.api("/api/tracking/mobi-slon-event", {"status": "start_quiz", "clickid": "click-of-run"})
    assert answer.status_code == 200
    lead = await run.browser.get(f"{run.shop}/api/tracking/meta-event?status=Lead&fbclid=IwAR-Run")
    assert lead.status_code == 200
    await asyncio.sleep(0.5)  # as above
    run.world.troubles.trackers_down = False
    await run.world.trackers.wait_for(subject="click-of-run", timeout_seconds=30)
    await run.world.trackers.wait_for(name="Lead", timeout_seconds=30)


async def refund(run: Run, email: str, person: int) -> None:
    """The gate closes."""
    payments = {one["email"]: one["payment_intent"] for one in run.world.stripe.snapshot()["sessions"]}
    run.world.stripe.engine.refund(payments[email])
    async with asyncio.timeout(20):
        while True:
            answer = await run.api(
                "/api/bot/access/status",
                {"telegram_user_id": person},
                **{"X-Internal-Token": run.in_play.settings["INTERNAL_API_TOKEN"]},
            )
            if answer.json()["access_status"] == "revoked":
                return
            await asyncio.sleep(0.1)


async def whole_run(run: Run) -> None:
    """Everything that secrets are used in."""
    third = run.world.telegram.add_user(first_name="Carl", language_code="en").id
    old = await run.buy(PAYER)
    await run.start(ANNA, old, "Welcome!")
    await restore_from_the_page(run, old)
    await run.start(third, "", "")
    await run.buy(CHATTER, chat=third)
    await run.world.telegram.wait_for_message(third, containing="Your payment is here", timeout_seconds=15)
    await restore_from_the_chat(run, third)
    unused = await run.buy(RETURNER)
    portal = await run.api("/api/payment/customer-portal", {"email": RETURNER})
    assert portal.status_code == 200
    await misuse(run, unused)
    await track(run)
    await refund(run, CHATTER, third)
    run.world.troubles.stripe_down = True
    assert (await run.restore_page(email=RETURNER, to="portal")).status_code < 600
    for mail in run.mailbox.messages():
        run.in_play.read(mail.text)
    for person in (ANNA, BOB, third):
        for message in run.world.telegram.messages(person):
            run.in_play.read(json.encode(message).decode())


def add_unseen_tokens(in_play: InPlay) -> None:
    """Those too that nobody was shown, because they were redeemed at once or never went out."""
    tokens = AccessTokens([in_play.settings["TOKEN_SECRET"].encode()])
    orders = {tokens.parse(token).order_id for token in in_play.tokens - {FORGED}}
    in_play.tokens.update(tokens.issue(order, version) for order in orders for version in range(1, 4))


@pytest.mark.parametrize(
    ("engine_name", "how"), [("sqlite", ("webhook", "INFO")), ("postgresql", ("polling", "DEBUG"))]
)
async def test_nothing_secret_stays_behind(
    world: OutsideWorld, empty_database_url: str, engine_name: str, how: tuple[str, str], tmp_path: Path
) -> None:
    """Bought, activated, restored from page and chat, refunded, tracked, misused: searched for the very values."""
    bot_mode, level = how
    await migrate(empty_database_url)
    mailbox = Mailbox(troubles=world.troubles, username=SMTP_LOGIN[0], password=SMTP_LOGIN[1])
    shop, log = free_origin(), tmp_path / "product.log"
    async with mailbox.receiving() as smtp_port, world.webhooks_to(shop):
        environ = {
            **world.product_environment(product_url=shop),
            "DATABASE_URL": empty_database_url,
            "BOT_MODE": bot_mode,
            "LOG_FORMAT": "json",
            "SMTP_PORT": str(smtp_port),
            "SMTP_USERNAME": SMTP_LOGIN[0],
            "SMTP_PASSWORD": SMTP_LOGIN[1],
        }
        async with (
            product_process(world, environ, log, level=level),
            httpx.AsyncClient(follow_redirects=True, trust_env=False, headers={"Accept-Language": "en"}) as browser,
        ):
            run = Run(world=world, mailbox=mailbox, browser=browser, environ=environ)
            await whole_run(run)
            token = {"Authorization": f"Bearer {environ['INTERNAL_API_TOKEN']}"}
            figures = (await browser.get(f"{shop}/metrics", headers=token)).text
            # While it runs, so that SQLite's write-ahead log is read too.
            texts = list(sqlite_texts(tmp_path / "paywall.db")) if engine_name == "sqlite" else []
        texts += await postgresql_texts(empty_database_url) if engine_name == "postgresql" else []
    in_play = run.in_play
    assert len(in_play.tokens) == 5  # forged, of three orders, and the one that the restore page gave
    add_unseen_tokens(in_play)
    assert len(in_play.codes) == 2
    assert any(PAYER in text for text in texts)  # it is the database that was in use
    logged = log.read_text()
    assert [json.decode(line)["event"] for line in logged.splitlines() if line.startswith("{")] != []
    for value in (*in_play.settings.values(), *in_play.tokens, *in_play.codes, *in_play.addresses):
        assert in_play.in_log(f"{logged}\n{value}\n") != []  # this search, in this log, would find it
    assert in_play.in_log(logged) == []
    assert 'route="/tg/webhook"' in figures or bot_mode == "polling"  # the path that was asked for ends in a secret
    assert 'paywall_bot_update_duration_seconds_count{outcome="handled"}' in figures
    assert in_play.in_log(figures) == []
    assert in_play.in_database(texts) == []
