"""The customer portal's login page: found, made once, and opened by somebody who has bought something."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from adapters.stripe.client import StripePaymentGateway
from adapters.stripe.portal import StripeCustomerPortal
from entrypoints.sandbox.stripe import SandboxPrice, StripeSandbox
from entrypoints.server import serving
from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.facts import Mode
from paywall_core.ports.payments import CheckoutRequest
from paywall_core.testing import FakeClock
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from tests.integration.sandbox.stripe.spec import problems

KEY = "sk_test_0123456789"
BUYER = "buyer+1@example.com"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KIND = "billing_portal.configuration"

Connect = Callable[[], StripeCustomerPortal]


@pytest.fixture
async def stripe() -> AsyncIterator[StripeSandbox]:
    """The sandbox's Stripe on a port."""
    prices = (
        SandboxPrice(id="price_once", product_name="Basic", amount_minor=1900, currency="eur"),
        SandboxPrice(id="price_monthly", product_name="Monthly", amount_minor=900, currency="eur", interval="month"),
    )
    stripe = StripeSandbox(secret_key=KEY, webhook_secret="whsec_1", prices=prices)
    app = Litestar([stripe.router], openapi_config=None)
    async with serving(app, host="127.0.0.1", port=0, date_header=False) as origin:
        stripe.origin = origin
        yield stripe


@pytest.fixture
def clock() -> FakeClock:
    """The adapters' clock."""
    return FakeClock(NOW)


@pytest.fixture
async def connect(stripe: StripeSandbox, clock: FakeClock) -> AsyncIterator[Connect]:
    """Makes adapters, each as another process would have one."""
    made: list[StripeCustomerPortal] = []

    def connect() -> StripeCustomerPortal:
        made.append(StripeCustomerPortal(api_key=KEY, api_base=f"{stripe.origin}/stripe", clock=clock))
        return made[-1]

    yield connect
    for one in made:
        await one.close()


@pytest.fixture
async def buy(stripe: StripeSandbox, clock: FakeClock) -> AsyncIterator[Callable[[Mode], Any]]:
    """Buys through our gateway, as a customer of ours does."""
    gateway = StripePaymentGateway(
        api_key=KEY,
        api_base=f"{stripe.origin}/stripe",
        prices={"one_time_basic": "price_once", "sub_monthly": "price_monthly"},
        public_base_url="https://pay.example.com",
        clock=clock,
    )

    async def buy(mode: Mode) -> None:
        plan = "one_time_basic" if mode is Mode.ONE_TIME else "sub_monthly"
        request = CheckoutRequest(order_id=UUID(int=1), plan=plan, mode=mode, email=BUYER, locale="en")
        stripe.engine.pay((await gateway.open_checkout(request)).session_id)

    yield buy
    await gateway.close()


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """The customer's."""
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as browser:
        yield browser


async def log_in(browser: httpx.AsyncClient, address: str) -> httpx.Response:
    """The portal, by the code that the sandbox shows."""
    login = await browser.get(address)
    prefilled = re.search(r'name="email" value="([^"]*)"', login.text)
    assert prefilled, login.text
    code_page = await browser.post(login.url, data={"email": prefilled[1]})
    code = re.search(r'id="code">(\d{6})<', code_page.text)
    assert code, code_page.text
    return await browser.post(code_page.url, data={"code": code[1]})


async def test_login_page_is_made_once_for_all_processes(stripe: StripeSandbox, connect: Connect) -> None:
    """Even if they ask at the same moment, and for later ones too; it is as Stripe describes such a thing."""
    processes = [connect() for _ in range(5)]
    pages = await asyncio.gather(*(one.login_page() for one in processes))
    assert {*pages, await connect().login_page()} == {pages[0]}
    (made,) = stripe.engine.world.all(KIND)
    assert made["login_page"] == {"enabled": True, "url": pages[0]}
    assert problems(made) == []


async def test_operators_own_page_is_taken(stripe: StripeSandbox, connect: Connect, clock: FakeClock) -> None:
    """Once it is switched on in the dashboard; within the hour, and ours stays as it is."""
    auth = (KEY, "")
    url = f"{stripe.origin}/stripe/v1/billing_portal/configurations"
    async with httpx.AsyncClient(auth=auth, trust_env=False) as dashboard:
        default = (await dashboard.post(url, data={"features[invoice_history][enabled]": "true"})).json()
        portal = connect()
        ours = await portal.login_page()
        changed = (await dashboard.post(f"{url}/{default['id']}", data={"login_page[enabled]": "true"})).json()
    assert await portal.login_page() == ours
    clock.advance(timedelta(hours=1))
    assert await portal.login_page() == changed["login_page"]["url"] != ours
    assert len(stripe.engine.world.all(KIND)) == 2


async def test_page_that_was_switched_off_is_switched_on(
    stripe: StripeSandbox, connect: Connect, browser: httpx.AsyncClient
) -> None:
    """Its address is a new one, and leads somewhere."""
    before = await connect().login_page()
    (made,) = stripe.engine.world.all(KIND)
    form = {"active": "false", "login_page[enabled]": "false"}
    address = f"{stripe.origin}/stripe/v1/billing_portal/configurations/{made['id']}"
    await browser.post(address, data=form, auth=(KEY, ""))
    after = await connect().login_page()
    assert ((await browser.get(before)).status_code, (await browser.get(after)).status_code) == (404, 200)
    assert len(stripe.engine.world.all(KIND)) == 1


async def test_subscriber_logs_in_and_cancels(
    stripe: StripeSandbox, connect: Connect, browser: httpx.AsyncClient, buy: Callable[[Mode], Any]
) -> None:
    """From our answer to the end of the paid period: the portal that we made lets a customer do it."""
    await buy(Mode.SUBSCRIPTION)
    portal = await log_in(browser, await OpenCustomerPortal(portal=connect())(BUYER))
    (sub,) = stripe.engine.world.all("subscription")
    assert "Monthly" in portal.text
    await browser.post(portal.url, data={"subscription": sub["id"], "action": "cancel"})
    assert (sub["status"], sub["cancel_at_period_end"]) == ("active", True)
    event = stripe.engine.world.all("event")[-1]
    assert (event["type"], event["data"]["object"]["cancel_at_period_end"]) == ("customer.subscription.updated", True)


async def test_one_time_buyer_can_log_in_too(
    connect: Connect, browser: httpx.AsyncClient, buy: Callable[[Mode], Any]
) -> None:
    """Our checkout makes a customer of every buyer."""
    await buy(Mode.ONE_TIME)
    portal = await log_in(browser, await OpenCustomerPortal(portal=connect())(BUYER))
    assert portal.status_code == 200
    assert BUYER in portal.text


async def test_answer_is_the_same_for_an_address_that_bought_nothing(
    connect: Connect, buy: Callable[[Mode], Any]
) -> None:
    """But for the address that the caller gave."""
    await buy(Mode.SUBSCRIPTION)
    open_portal = OpenCustomerPortal(portal=connect())
    known, unknown = await open_portal(BUYER), await open_portal("nobody@example.com")
    assert known.replace("buyer%2B1", "nobody") == unknown


async def test_outage_is_told_until_the_page_is_known(stripe: StripeSandbox, connect: Connect) -> None:
    """Nothing was known before; afterwards it does not matter."""
    portal = connect()
    stripe.troubles.stripe_down = True
    with pytest.raises(PaymentProviderUnavailable, match="APIError 503"):
        await portal.login_page()
    stripe.troubles.stripe_down = False
    page = await portal.login_page()
    stripe.troubles.stripe_down = True
    assert await portal.login_page() == page
