"""The whole outside world on its two ports: what it tells the product, and what the console's page and buttons do."""

import smtplib
from asyncio import to_thread
from typing import Any

import httpx
import pytest
import stripe
from litestar import Litestar, Request, post

from entrypoints.sandbox.stripe import TestCard
from entrypoints.sandbox.troubles import WebhookTrouble
from entrypoints.sandbox.world import OutsideWorld
from entrypoints.server import serving
from entrypoints.settings import Role, load_settings
from tests.integration.sandbox.conftest import PRODUCT, open_session


async def test_environment_is_all_that_every_role_needs(world: OutsideWorld) -> None:
    """The settings load for each role, and lead here."""
    environ = world.product_environment(product_url=PRODUCT)
    for role in Role:
        settings = load_settings(environ, role)
    assert settings.stripe.api_base == f"{world.origin}/stripe"
    assert settings.bot.api_base == f"{world.origin}/telegram"
    assert settings.bot.link_base == f"{world.origin}/t.me"
    assert settings.smtp is not None
    assert settings.smtp.port == world.smtp_port
    assert settings.mobi_slon_url == (
        f"{world.origin}/trackers/mobi-slon/index.php?cnv_id={{clickid}}&payout=0&cnv_status={{status}}"
    )
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8123)


async def test_environment_is_refused_before_it_runs(world: OutsideWorld) -> None:
    """There is no address to give yet."""
    idle = OutsideWorld(
        troubles=world.troubles,
        stripe=world.stripe,
        telegram=world.telegram,
        mailbox=world.mailbox,
        trackers=world.trackers,
        keys=world.keys,
    )
    with pytest.raises(RuntimeError):
        idle.product_environment(product_url=PRODUCT)


async def test_every_part_answers(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """Console, mailbox, trackers, Stripe, Telegram and SMTP, each on its address."""
    for path in ("/", "/mail", "/trackers", "/mail/messages.json", "/console/static/sandbox.css"):
        assert (await browser.get(path)).status_code == 200, path
    me = await browser.get(f"/telegram/bot{world.keys.bot_token}/getMe")
    assert me.json()["result"]["username"] == "paywall_sandbox_bot"
    prices = await browser.get("/stripe/v1/prices", auth=(world.keys.stripe_secret_key, ""))
    assert len(prices.json()["data"]) == 2

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", world.smtp_port, timeout=5) as client:
            client.sendmail("a@example.com", ["anna@example.com"], "Subject: Hello\r\n\r\nText")

    await to_thread(send)
    assert "Hello" in (await browser.get("/")).text


async def test_world_stops_and_its_ports_are_free() -> None:
    """It can be started again on the same ports at once."""
    async with OutsideWorld.start() as world:
        ports = (int(world.origin.rpartition(":")[2]), world.smtp_port)
    async with OutsideWorld.start(http_port=ports[0], smtp_port=ports[1]) as again:
        assert again.smtp_port == ports[1]
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(again.origin)).status_code == 200


async def test_secrets_are_not_on_the_console(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """Nor in the `repr` of the keys."""
    html = (await browser.get("/")).text
    for secret in (world.keys.stripe_secret_key, world.keys.bot_token, world.keys.internal_api_token):
        assert secret not in html
        assert secret not in repr(world.keys)


async def test_console_shows_orders_newest_first(browser: httpx.AsyncClient) -> None:
    """Each with its state and the way there."""
    html = (await browser.get("/")).text
    assert html.index("bob@example.com") < html.index("anna@example.com")
    assert 'data-state="token_issued"' in html
    assert "payment succeeded" in html


async def test_console_says_when_orders_cannot_be_read(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """The rest of the page stands; other mistakes are not hidden."""

    async def away() -> list[dict[str, Any]]:
        raise ConnectionRefusedError

    world.show_orders(away)
    assert "cannot be read right now" in (await browser.get("/")).text
    world.show_orders(None)
    assert "not connected yet" in (await browser.get("/")).text


async def test_console_has_a_strict_policy(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """No inline script or style; its form may lead to the product and nowhere else."""
    async with world.webhooks_to(PRODUCT):
        answer = await browser.get("/")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert f"form-action 'self' {PRODUCT};" in policy
    assert f'action="{PRODUCT}/pay"' in answer.text
    assert "<style" not in answer.text
    assert "style=" not in answer.text


@pytest.mark.parametrize("value", list(WebhookTrouble))
async def test_webhook_button_sets_the_trouble(
    world: OutsideWorld, browser: httpx.AsyncClient, value: WebhookTrouble
) -> None:
    """And leads back to the page, which shows it pressed."""
    answer = await browser.post("/console/troubles", data={"webhooks": value})
    assert (answer.status_code, answer.url.path) == (200, "/")
    assert world.troubles.webhooks is value
    assert f'data-testid="webhooks-{value}" aria-pressed="true"' in answer.text


@pytest.mark.parametrize("name", ["stripe_down", "telegram_down", "smtp_down", "trackers_down"])
async def test_outage_button_switches_off_and_on(world: OutsideWorld, browser: httpx.AsyncClient, name: str) -> None:
    """The button's next press is the opposite."""
    html = (await browser.post("/console/troubles", data={name: "on"})).text
    assert getattr(world.troubles, name) is True
    assert f'name="{name}" value="off"' in html
    await browser.post("/console/troubles", data={name: "off"})
    assert getattr(world.troubles, name) is False


async def test_unknown_switch_is_refused(browser: httpx.AsyncClient) -> None:
    """Nothing else can be set."""
    assert (await browser.post("/console/troubles", data={"webhooks": "none-such"})).status_code == 400
    assert (await browser.post("/console/troubles", data={"__class__": "on"})).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/console/troubles", "/console/stripe/events/evt_1/deliver", "/console/stripe/payment/pi_1"]
)
async def test_buttons_refuse_other_sites(
    world: OutsideWorld, browser: httpx.AsyncClient, headers: dict[str, str], path: str
) -> None:
    """A form on another page changes nothing."""
    answer = await browser.post(path, data={"stripe_down": "on", "move": "pay"}, headers=headers)
    assert answer.status_code == 403
    assert not world.troubles.stripe_down


async def test_own_form_is_taken(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """With the headers that a browser sends."""
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": world.origin}
    assert (await browser.post("/console/troubles", data={"smtp_down": "on"}, headers=headers)).status_code == 200
    assert world.troubles.smtp_down


async def test_delayed_payment_is_settled_by_a_button(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """It pays or fails; a second press is told why it cannot."""
    sessions = [await open_session(world, browser, delayed=True) for _ in range(2)]
    for session_id in sessions:
        world.stripe.engine.pay_delayed(session_id)
    assert (await browser.get("/")).text.count('data-testid="session-pay"') == 2
    await browser.post(f"/console/stripe/session/{sessions[0]}", data={"move": "pay"})
    html = (await browser.post(f"/console/stripe/session/{sessions[1]}", data={"move": "fail"})).text
    assert "payment failed" in html
    assert ">paid<" in html
    again = await browser.post(f"/console/stripe/session/{sessions[0]}", data={"move": "pay"})
    assert again.status_code == 409
    assert 'data-testid="notice"' in again.text


async def test_open_session_is_expired_by_a_button(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """And has no more buttons then."""
    session_id = await open_session(world, browser)
    assert 'data-testid="session-expire"' in (await browser.get("/")).text
    html = (await browser.post(f"/console/stripe/session/{session_id}", data={"move": "expire"})).text
    assert 'data-testid="session-expire"' not in html
    assert (await browser.post(f"/console/stripe/session/{session_id}", data={"move": "fly"})).status_code == 404


async def test_lost_webhook_is_delivered_by_a_button(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """It reaches the product, signed, and the page shows that it did."""
    received: list[str] = []

    @post("/api/stripe/webhook", status_code=200)
    async def webhook(request: Request[Any, Any, Any]) -> dict[str, bool]:
        signature = request.headers["stripe-signature"]
        body = await request.body()
        event = stripe.Webhook.construct_event(body, signature, world.keys.stripe_webhook_secret)
        received.append(event.id)
        return {"received": True}

    async with serving(Litestar([webhook]), host="127.0.0.1", port=0) as product, world.webhooks_to(product):
        world.troubles.webhooks = WebhookTrouble.LOST
        world.stripe.engine.pay(await open_session(world, browser), card=TestCard.PAYS)
        html = (await browser.get("/")).text
        assert ">lost</span>" in html
        assert ">200</span>" not in html
        event_id = world.stripe.snapshot()["events"][0]["id"]
        html = (await browser.post(f"/console/stripe/events/{event_id}/deliver")).text
        assert ">200</span>" in html
    assert received == [event_id]
