"""The hosted page as a browser without JavaScript sees it."""

import re

import httpx
import pytest
import stripe as official

from entrypoints.sandbox.stripe import StripeSandbox
from tests.integration.sandbox.stripe.conftest import Clock, event_types, session_params

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def _opened(client: official.StripeClient, mode: str = "payment", **more: object) -> str:
    session = await client.v1.checkout.sessions.create_async(session_params(mode, **more))
    return f"/stripe/pay/{session.id}"


@pytest.mark.parametrize(
    ("mode", "locale", "words"),
    [
        ("payment", "ru", ("19,00", "Basic access", "Оплатить", "buyer@example.com", "Назад")),
        ("payment", "en", ("€19.00", "Basic access", "Pay €19.00", "buyer@example.com", "Back")),
        ("subscription", "ru", ("9,00", "в месяц", "Подписаться")),
        ("subscription", "en", ("€9.00", "per month", "Subscribe to Monthly access")),
    ],
)
async def test_page_shows_what_is_bought(
    client: official.StripeClient, browser: httpx.AsyncClient, mode: str, locale: str, words: tuple[str, ...]
) -> None:
    """In the session's language, whatever the browser's."""
    page = await browser.get(await _opened(client, mode, locale=locale), headers={"Accept-Language": "de"})
    assert page.status_code == 200
    assert [word for word in words if word not in page.text] == []
    assert f'<html lang="{locale}">' in page.text
    assert "script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(("accepts", "locale"), [("ru-RU,ru;q=0.9", "ru"), ("de,en;q=0.5", "en"), ("", "en")])
async def test_page_without_a_locale_follows_the_browser(
    client: official.StripeClient, browser: httpx.AsyncClient, accepts: str, locale: str
) -> None:
    """As Stripe does with `auto`."""
    page = await browser.get(await _opened(client, locale="auto"), headers={"Accept-Language": accepts})
    assert f'<html lang="{locale}">' in page.text


async def test_russian_page_has_no_english_left(client: official.StripeClient, browser: httpx.AsyncClient) -> None:
    """Every word has its translation."""
    page = await browser.get(await _opened(client, "subscription"))
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", page.text, flags=re.DOTALL)
    assert set(re.findall(r"[A-Za-z]{2,}", text)) <= {"Monthly", "access", "SEPA"}


async def test_good_card_leads_back_to_the_shop(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """303 to the success page with the session's id."""
    path = await _opened(client)
    answer = await browser.post(path, data={"choice": "card", "email": "buyer@example.com"})
    session_id = path.rsplit("/", 1)[1]
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/success?session_id={session_id}&locale=ru"
    assert sandbox.engine.world.get("checkout.session", session_id)["payment_status"] == "paid"


async def test_declined_card_can_be_followed_by_a_good_one(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """The page says so, the session stays open, the same intent is paid at last."""
    path = await _opened(client)
    declined = await browser.post(path, data={"choice": "declined"})
    assert declined.status_code == 402
    assert "Карта отклонена" in declined.text
    session = sandbox.engine.world.all("checkout.session")[0]
    assert (session["status"], session["payment_intent"]) == ("open", None)
    assert (await browser.post(path, data={"choice": "card"})).status_code == 303
    (intent,) = sandbox.engine.world.all("payment_intent")
    assert (intent["status"], intent["last_payment_error"]) == ("succeeded", None)
    assert event_types(sandbox).count("payment_intent.payment_failed") == 1


async def test_declined_subscription_makes_nothing(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """No customer, no subscription, no invoice."""
    declined = await browser.post(await _opened(client, "subscription"), data={"choice": "declined"})
    assert declined.status_code == 402
    assert event_types(sandbox) == []


async def test_delayed_method_leads_back_unpaid(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """The customer goes on; the money comes later."""
    answer = await browser.post(await _opened(client), data={"choice": "delayed"})
    assert answer.status_code == 303
    session = sandbox.engine.world.all("checkout.session")[0]
    assert (session["status"], session["payment_status"]) == ("complete", "unpaid")


async def test_email_is_asked_for_when_the_shop_did_not_give_it(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """Without one the page comes again; with one it is the customer's."""
    params = session_params()
    del params["customer_email"]
    session = await client.v1.checkout.sessions.create_async(params)
    path = f"/stripe/pay/{session.id}"
    assert (await browser.post(path, data={"choice": "card", "email": " "})).status_code == 400
    assert (await browser.post(path, data={"choice": "card", "email": "typed@example.com"})).status_code == 303
    details = sandbox.engine.world.all("checkout.session")[0]["customer_details"]
    assert details["email"] == "typed@example.com"


async def test_paid_page_cannot_be_paid_again(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient
) -> None:
    """A second press of the button is not a second charge."""
    path = await _opened(client)
    await browser.post(path, data={"choice": "card"})
    again = await browser.post(path, data={"choice": "card"})
    assert again.status_code == 200
    assert "завершён" in again.text
    assert len(sandbox.engine.world.all("charge")) == 1


async def test_expired_unknown_and_unavailable_pages_say_so(
    sandbox: StripeSandbox, client: official.StripeClient, browser: httpx.AsyncClient, clock: Clock
) -> None:
    """Each in words, with its own status; an expired one shows the way back."""
    path = await _opened(client)
    clock.pass_(days=1)
    expired = await browser.get(path)
    assert (expired.status_code, "https://shop.example/cancel" in expired.text) == (410, True)
    unknown = await browser.get("/stripe/pay/cs_test_nothing")
    assert unknown.status_code == 404
    sandbox.troubles.stripe_down = True
    for answer in (await browser.get(path), await browser.post(path, data={"choice": "card"})):
        assert (answer.status_code, "недоступна" in answer.text) == (503, True)


@pytest.mark.parametrize(("without_card", "words"), [(False, "4242 4242"), (True, "No card is needed now.")])
async def test_trial_is_free_and_says_what_comes_then(
    sandbox: StripeSandbox,
    client: official.StripeClient,
    browser: httpx.AsyncClient,
    *,
    without_card: bool,
    words: str,
) -> None:
    """The price, the days, and a card only where one is asked for; the form that the page shows is enough."""
    session = await client.v1.checkout.sessions.create_async(session_params("subscription", locale="en"))
    sandbox.engine.offer_trial(session.id, days=7, without_card=without_card)
    html = (await browser.get(f"/stripe/pay/{session.id}")).text
    assert "7 days free" in html
    assert "€9.00 per month" in html
    assert words in html
    assert ("4242" in html) is not without_card
    await browser.post(f"/stripe/pay/{session.id}", data={"choice": "card"})
    (sub,) = sandbox.engine.world.all("subscription")
    assert (sub["status"], sub["default_payment_method"] is None) == ("trialing", without_card)
