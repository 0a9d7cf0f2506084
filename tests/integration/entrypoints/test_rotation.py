"""Secrets are replaced by the very commands of docs/security.md, before a real API: nobody is kept out on the way."""

import asyncio
import hmac
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from adapters.bot.api_client import ApiUnavailable, PaywallApi
from adapters.db.migrate import migrate
from entrypoints.processes import run_api
from entrypoints.sandbox.world import OutsideWorld
from entrypoints.settings import Role, Settings, load_settings, read_environment
from paywall_core.access_token import AccessTokens
from paywall_core.errors import ActivationTokenInvalid
from paywall_core.one_time_code import OneTimeCodes
from tests.docs.pages import DOCS, read
from tests.product_process import free_origin

ANNA, BOB, CARL, DORA = 1001, 1002, 1003, 1004
MARKED: Final = {
    block.mark.removeprefix("run: "): block.text
    for block in read(DOCS / "security.md").blocks
    if block.mark.startswith("run: ")
}


def make(move: str, file: Path, **given: str) -> None:
    """A move of the page, in a shell beside the file."""
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run(  # noqa: S603  - the project's own page
        [bash, "-euc", MARKED["moves"] + MARKED[move]],
        env={"PATH": os.environ["PATH"], **given},
        cwd=file.parent,
        check=True,
    )


class Shop:
    """A shop whose settings are in a file, as an operator has them.

    Attributes:
        file: `paywall.env`.
        world: the outside.
    """

    def __init__(self, file: Path, world: OutsideWorld, url: str, client: httpx.AsyncClient) -> None:
        self.file, self.world, self._url, self._client = file, world, url, client

    @property
    def settings(self) -> Settings:
        """What a process that starts now reads."""
        return load_settings(read_environment({}, self.file), Role.SERVE)

    def make(self, move: str, **given: str) -> None:
        """A move of the page."""
        make(move, self.file, **given)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Settings]:
        """An API that has just been started, on today's settings; gives them."""
        stop, up, settings = asyncio.Event(), asyncio.Event(), self.settings
        running = asyncio.create_task(run_api(settings, stop, lambda _: up.set()))
        try:
            waiting = asyncio.create_task(up.wait())
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            async with self.world.webhooks_to(self._url):
                yield settings
        finally:
            stop.set()
            await running

    async def call(self, path: str, body: Mapping[str, object], **headers: str) -> httpx.Response:
        """A call of the API."""
        return await self._client.post(f"{self._url}{path}", json=body, headers=headers)

    async def buy(self, email: str) -> str:
        """Pay; gives the checkout's session once the order is paid."""
        asked = {"plan": "one_time_basic", "mode": "one_time", "email": email, "clickid": ""}
        session = str((await self.call("/api/payment/checkout-session", asked)).json()["session_id"])
        self.world.stripe.engine.checkout.pay(session)
        async with asyncio.timeout(60):
            while (await self.status(session))["fulfillment_status"] != "fulfilled":
                await asyncio.sleep(0.05)
        return session

    async def status(self, session: str) -> Any:
        """How a checkout stands."""
        answer = await self._client.get(f"{self._url}/api/payment/session-status", params={"session_id": session})
        return answer.raise_for_status().json()

    async def token(self, session: str) -> str:
        """The token of the link that the success page shows."""
        return str((await self.status(session))["activation_link"]).rpartition("=")[2]

    async def redeem(self, token: str, user: int) -> int:
        """Press the link; gives the answer's status."""
        asked = {"activation_token": token, "telegram_user_id": user}
        return (await self.call("/api/access/activate", asked)).status_code

    async def bot_hears(self, settings: Settings, user: int) -> bool | None:
        """What a bot that was started on these settings is told of somebody; None: it is refused."""
        api = PaywallApi(base_url=self._url, internal_token=settings.internal_tokens[0])
        try:
            return (await api.access_status(user)).is_paid
        except ApiUnavailable:
            return None
        finally:
            await api.close()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """On SQLite, with one value of each secret."""
    url, file = free_origin(), tmp_path / "paywall.env"
    async with OutsideWorld.start() as world, httpx.AsyncClient(trust_env=False) as client:
        environ = {
            **world.product_environment(product_url=url),
            "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/paywall.db",
            **{f"RATE_LIMIT_{name}": "off" for name in ("CHECKOUT", "STATUS", "ACTIVATION", "RESTORE")},
        }
        file.write_text("".join(f"{name}={value}\n" for name, value in environ.items()), encoding="utf-8")
        await migrate(environ["DATABASE_URL"])
        yield Shop(file, world, url, client)


def is_signed_by(secret: bytes, token: str) -> bool:
    """Whether one secret alone takes a first link."""
    tokens = AccessTokens([secret])
    try:
        tokens.verify(tokens.parse(token), 1)
    except ActivationTokenInvalid:
        return False
    return True


async def test_token_secret_is_replaced_and_nobody_who_paid_is_kept_out(shop: Shop, tmp_path: Path) -> None:
    """Links and codes of before open until the last move; whoever is in stays in; who missed it gets a new link."""
    async with shop.open() as before:
        early, late = await shop.token(await shop.buy("anna@example.com")), await shop.buy("bob@example.com")
        missed = await shop.token(late)
        assert await shop.redeem(await shop.token(await shop.buy("carl@example.com")), CARL) == 200
    shop.make("token-secret-1")
    async with shop.open() as both:
        old, new = both.token_secrets
        assert (old,) == before.token_secrets
        assert is_signed_by(old, await shop.token(late)), "an API that is not restarted yet takes what this one signs"
        assert (await shop.call("/api/auth/restore/request", {"email": "carl@example.com"})).status_code == 200
        code = OneTimeCodes([old]).derive(await challenge(tmp_path / "paywall.db"))
    shop.make("token-secret-2")
    async with shop.open() as turned:
        assert turned.token_secrets == (new, old)
        assert await shop.redeem(early, ANNA) == 200
        confirmed = {"email": "carl@example.com", "otp": code, "telegram_user_id": CARL}
        assert (await shop.call("/api/auth/restore/confirm", confirmed)).json()["access_granted"] is True
        fresh = await shop.token(await shop.buy("dora@example.com"))
        assert is_signed_by(new, fresh)
        assert not is_signed_by(old, fresh)
    shop.make("token-secret-3")
    async with shop.open() as after:
        assert after.token_secrets == (new,)
        assert await shop.redeem(fresh, DORA) == 200
        assert await shop.redeem(missed, BOB) == 404
        assert await shop.redeem(await shop.token(late), BOB) == 200
        assert [await shop.bot_hears(after, user) for user in (ANNA, BOB, CARL, DORA)] == [True] * 4


async def challenge(database: Path) -> Any:
    """The id of the one restore that is under way."""
    with sqlite3.connect(database) as connection:
        ((found,),) = connection.execute("SELECT id FROM restore_challenges").fetchall()
    return UUID(found)


async def test_internal_token_is_replaced_and_the_bot_is_answered_all_the_while(shop: Shop) -> None:
    """Before and after the bot's own restart, which comes last in each; at the end the old one is refused."""
    async with shop.open() as before:
        assert await shop.redeem(await shop.token(await shop.buy("anna@example.com")), ANNA) == 200
        assert await shop.bot_hears(before, ANNA) is True
    bots = [before]
    for move in ("internal-token-1", "internal-token-2", "internal-token-3"):
        shop.make(move)
        async with shop.open() as now:
            assert await shop.bot_hears(bots[-1], ANNA) is True, "the bot has yet to be restarted"
            assert await shop.bot_hears(now, ANNA) is True
            bots.append(now)
            refused = await shop.bot_hears(before, ANNA) is None
    assert refused
    assert now.internal_tokens == (bots[1].internal_tokens[1],)


def signature(body: bytes, *secrets: str) -> str:
    """The header, signed with each of these as Stripe does while a secret is rolled."""
    at = int(time.time())
    signed = [hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={one}" for one in signed)])


async def test_webhook_secret_is_replaced_and_no_payment_is_missed(shop: Shop) -> None:
    """Stripe signs by the old one, by both, and by the new one; the old one alone is refused at the end."""
    old, new = shop.world.keys.stripe_webhook_secret, "whsec_the_new_one_of_tests"
    body = b'{"id": "evt_1", "object": "event", "type": "price.created", "created": 1, "data": {"object": {}}}'

    async def answers(*secrets: str) -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"{shop.settings.public_base_url}/api/stripe/webhook"
            headers = {"Stripe-Signature": signature(body, *secrets)}
            return (await client.post(url, content=body, headers=headers)).status_code

    shop.make("webhook-secret-1", new_whsec=new)
    async with shop.open():
        await shop.buy("anna@example.com")
        assert [await answers(old), await answers(old, new), await answers(new)] == [200, 200, 200]
    known = shop.world.stripe.engine.world.endpoint_secrets
    known.update(dict.fromkeys(known, new))
    shop.make("webhook-secret-2")
    async with shop.open() as after:
        assert after.stripe.webhook_secrets == (new,)
        await shop.buy("bob@example.com")
        assert [await answers(old), await answers(old, new), await answers(new)] == [400, 200, 200]


@pytest.mark.parametrize(
    ("move", "name", "given"),
    [
        ("stripe-key", "STRIPE_SECRET_KEY", {"new_key": "rk_test_of_tests"}),
        ("bot-token", "BOT_TOKEN", {"new_token": "123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefgh"}),
        ("bot-webhook-secret", "BOT_WEBHOOK_SECRET", {}),
    ],
)
async def test_what_has_one_value_is_put_in_its_place(shop: Shop, move: str, name: str, given: dict[str, str]) -> None:
    """That line changes, and no other; the settings are good."""
    before = read_environment({}, shop.file)
    shop.make(move, **given)
    after = read_environment({}, shop.file)
    assert {one for one in before if before[one] != after[one]} == {name}
    assert after[name] in given.values() or not given
    assert after.keys() == before.keys()
    assert shop.settings.bot.token == after["BOT_TOKEN"]


def test_the_moves_replace_all_that_was_there_before(tmp_path: Path) -> None:
    """Also where an earlier replacement was never brought to its end."""
    file = tmp_path / "paywall.env"
    file.write_text("A=1\nTOKEN_SECRET=newer-secret-of-tests,older-secret-of-tests\nB=2\n", encoding="utf-8")
    for move in ("token-secret-1", "token-secret-2", "token-secret-3"):
        make(move, file)
    first, secret, last = file.read_text(encoding="utf-8").splitlines()
    assert (first, last) == ("A=1", "B=2")
    assert secret.startswith("TOKEN_SECRET=")
    assert not {"newer-secret-of-tests", "older-secret-of-tests", ""} & set(secret.partition("=")[2].split(","))


def test_every_move_of_the_page_is_made_here() -> None:
    """A move that no test makes is not proven."""
    made = Path(__file__).read_text(encoding="utf-8")
    assert [move for move in MARKED if f'"{move}"' not in made] == []
