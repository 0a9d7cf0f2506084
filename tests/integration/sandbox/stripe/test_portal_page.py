"""The customer portal's pages as a browser without JavaScript sees them."""

import re
from typing import Any

import httpx
import pytest
import stripe as official

from entrypoints.sandbox.stripe import StripeSandbox
from tests.integration.sandbox.stripe.conftest import Clock, event_types, session_params

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

BUYER = "buyer@example.com"


async def configured(client: official.StripeClient, **features: Any) -> str:
    """A login page's path; by default its portal lets customers cancel and see invoices."""
    wanted: Any = features or {"subscription_cancel": {"enabled": True}, "invoice_history": {"enabled": True}}
    made = await client.v1.billing_portal.configurations.create_async(
        {"features": wanted, "login_page": {"enabled": True}}
    )
    url = made.login_page.url
    assert url is not None
    return httpx.URL(url).path


async def subscribed(sandbox: StripeSandbox, client: official.StripeClient, email: str = BUYER) -> str:
    """A paid subscription's id."""
    session = await client.v1.checkout.sessions.create_async(session_params("subscription", customer_email=email))
    return str(sandbox.engine.pay(session.id)["subscription"])


async def asked(browser: httpx.AsyncClient, page: str, email: str = BUYER) -> httpx.Response:
    """The page that asks for the code."""
    answer = await browser.post(page, data={"email": email})
    assert answer.status_code == 303
    return await browser.get(answer.headers["location"])


async def logged_in(browser: httpx.AsyncClient, page: str, email: str = BUYER) -> httpx.Response:
    """The portal, after the code that the sandbox shows."""
    code_page = await asked(browser, page, email)
    answer = await browser.post(code_page.url, data={"code": shown_code(code_page)})
    assert answer.status_code == 303
    return await browser.get(answer.headers["location"])


def shown_code(page: httpx.Response) -> str:
    """The code on a page."""
    found = re.search(r'id="code">(\d{6})<', page.text)
    assert found, page.text
    return found[1]


def words(page: httpx.Response) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", page.text, flags=re.DOTALL).split())


async def test_login_page_has_the_address_filled_in(client: official.StripeClient, browser: httpx.AsyncClient) -> None:
    """By `prefilled_email`, escaped; it can still be changed."""
    page = await browser.get(await configured(client), params={"prefilled_email": 'a+b"@example.com'})
    assert page.status_code == 200
    assert 'value="a+b&#34;@example.com"' in page.text
    assert " readonly>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_code_leads_to_the_subscriptions(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """Name, price, state, the day of the renewal, and the invoices; in any case of the address."""
    await subscribed(sandbox, client)
    portal = await logged_in(browser, await configured(client), email="BUYER@example.com")
    assert portal.status_code == 200
    for word in ("Monthly access", "€9.00", "per month", "Active", "Renews on", "Cancel the subscription", "Paid"):
        assert word in words(portal), word


async def test_cancelling_plans_the_end_and_can_be_taken_back(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """The subscription moves in the engine, and says so in an event; it is good until its paid end."""
    sub_id = await subscribed(sandbox, client)
    portal = await logged_in(browser, await configured(client))
    answer = await browser.post(portal.url, data={"subscription": sub_id, "action": "cancel"})
    assert answer.status_code == 303
    sub = sandbox.engine.world.get("subscription", sub_id)
    assert (sub["status"], sub["cancel_at_period_end"]) == ("active", True)
    event = sandbox.engine.world.all("event")[-1]
    assert (event["type"], bool(event["request"]["idempotency_key"])) == ("customer.subscription.updated", True)
    ending = await browser.get(portal.url)
    assert "Ends on" in words(ending)
    assert "Cancel the subscription" not in words(ending)
    await browser.post(portal.url, data={"subscription": sub_id, "action": "keep"})
    assert sub["cancel_at_period_end"] is False
    sandbox.engine.cancel(sub_id)
    ended = words(await browser.get(portal.url))
    assert "Ended on" in ended
    assert "Cancel the subscription" not in ended


async def test_portal_that_cancels_at_once_ends_it(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """As it is configured."""
    sub_id = await subscribed(sandbox, client)
    page = await configured(client, subscription_cancel={"enabled": True, "mode": "immediately"})
    portal = await logged_in(browser, page)
    assert "Invoices" not in words(portal)
    await browser.post(portal.url, data={"subscription": sub_id, "action": "cancel"})
    assert sandbox.engine.world.get("subscription", sub_id)["status"] == "canceled"
    assert event_types(sandbox)[-1] == "customer.subscription.deleted"


async def test_nobody_cancels_what_is_not_theirs_or_not_offered(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """Somebody else's, an unknown one, or any where the portal has no such button."""
    mine = await subscribed(sandbox, client)
    other = await subscribed(sandbox, client, email="other@example.com")
    portal = await logged_in(browser, await configured(client))
    for sub_id in (other, "sub_unknown", ""):
        refused = await browser.post(portal.url, data={"subscription": sub_id, "action": "cancel"})
        assert (refused.status_code, "not possible" in words(refused)) == (403, True)
    without = await logged_in(browser, await configured(client, invoice_history={"enabled": True}))
    assert "Cancel the subscription" not in words(without)
    refused = await browser.post(without.url, data={"subscription": mine, "action": "cancel"})
    assert refused.status_code == 403
    assert not any(sub["cancel_at_period_end"] for sub in sandbox.engine.world.all("subscription"))


async def test_one_time_buyer_can_log_in(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """Because the checkout made a customer; there is nothing to cancel."""
    session = await client.v1.checkout.sessions.create_async(session_params("payment"))
    sandbox.engine.pay(session.id)
    portal = await logged_in(browser, await configured(client))
    assert "You have no subscriptions." in words(portal)


async def test_newest_customer_with_a_live_subscription_is_chosen(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """One address may have many customers: as at Stripe, a later one-time purchase does not hide the subscription."""
    page = await configured(client)
    old = await subscribed(sandbox, client)
    sandbox.engine.cancel(old)
    await subscribed(sandbox, client)
    session = await client.v1.checkout.sessions.create_async(session_params("payment"))
    sandbox.engine.pay(session.id)
    assert "Cancel the subscription" in words(await logged_in(browser, page))


async def test_unknown_address_gets_the_same_answer_and_no_code(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """Stripe does not tell; the sandbox's note does, and no code is good."""
    await subscribed(sandbox, client)
    page = await configured(client)
    known, unknown = await asked(browser, page), await asked(browser, page, email="nobody@example.com")
    said = [words(one).split("A sandbox:")[0].replace("nobody@", "buyer@") for one in (known, unknown)]
    assert said[0] == said[1]
    assert 'id="code"' not in unknown.text
    assert (await browser.post(unknown.url, data={"code": shown_code(known)})).status_code == 400


async def test_code_is_good_once_for_ten_minutes_and_five_tries(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient, clock: Clock
) -> None:
    """After that the login has to begin again."""
    await subscribed(sandbox, client)
    page = await configured(client)
    used = await asked(browser, page)
    await browser.post(used.url, data={"code": shown_code(used)})
    assert (await browser.post(used.url, data={"code": shown_code(used)})).status_code == 404
    guessed = await asked(browser, page)
    wrong = f"{(int(shown_code(guessed)) + 1) % 10**6:06d}"
    tries = [(await browser.post(guessed.url, data={"code": wrong})).status_code for _ in range(5)]
    assert tries == [400] * 4 + [404]
    assert (await browser.post(guessed.url, data={"code": shown_code(guessed)})).status_code == 404
    old = await asked(browser, page)
    clock.pass_(minutes=10)
    assert (await browser.post(old.url, data={"code": shown_code(old)})).status_code == 404


async def test_page_that_is_off_unknown_or_down_says_so(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """Each in words, on every step."""
    await subscribed(sandbox, client)
    page = await configured(client)
    code_page = await asked(browser, page)
    portal = await logged_in(browser, page)
    assert (await browser.post(page, data={"email": "nothing"})).status_code == 400
    for path in ("/stripe/portal/login/x", "/stripe/portal/code/x", "/stripe/portal/session/x"):
        assert [(await browser.get(path)).status_code, (await browser.post(path)).status_code] == [404, 404]
    sandbox.troubles.stripe_down = True
    for path in (page, str(code_page.url), str(portal.url)):
        assert [(await browser.get(path)).status_code, (await browser.post(path)).status_code] == [503, 503]
    sandbox.troubles.stripe_down = False
    configuration = sandbox.engine.world.all("billing_portal.configuration")[0]["id"]
    await client.v1.billing_portal.configurations.update_async(configuration, {"login_page": {"enabled": False}})
    assert (await browser.get(page)).status_code == 404


async def test_russian_pages_have_no_english_left(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """Every word has its translation."""
    await subscribed(sandbox, client)
    browser.headers["Accept-Language"] = "ru-RU,ru;q=0.9"
    page = await configured(client)
    pages = [await browser.get(page), await asked(browser, page), await logged_in(browser, page)]
    pages.append(await asked(browser, page, email="nobody@example.com"))
    allowed = {"Monthly", "access", "Stripe", "buyer", "nobody", "example", "com"}
    for shown in pages:
        text = words(shown).replace(sandbox.engine.world.all("invoice")[0]["number"], "")
        assert set(re.findall(r"[A-Za-z]{2,}", text)) <= allowed
        assert '<html lang="ru">' in shown.text
