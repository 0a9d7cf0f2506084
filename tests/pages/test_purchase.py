"""A person buys, in a real browser: from our pay page over the hosted checkout and the mail to the open gate.

Everything is the sandbox that `paywall sandbox` starts; between its pages is the product itself.
"""

import pytest

from tests.pages.conftest import NewPhone
from tests.pages.walk import ANNA, BOB, SPEAKERS, WORDS, Console, Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def walk_in_by_mail(phone: Phone, plan: str, locale: str) -> None:
    """The whole way: pay, read the mail, press its button, START, and be inside."""
    words, person = WORDS[locale], SPEAKERS[locale]
    await phone.buy(plan, locale=locale)
    assert words.ready in await phone.sees("ready")
    await phone.keep_picture("success")
    success, link = phone.page.url, await phone.link()
    await phone.open_mail(words.mail_subject)
    await phone.keep_picture("mail")
    await phone.press_in_mail(words.mail_button)
    assert phone.page.url == link
    await phone.press_start(person)
    await phone.hears(words.welcome)
    assert words.inside in await phone.say(words.greeting)
    assert words.inside in await phone.say("/status")
    await phone.page.goto(success)
    await phone.sees("active")
    assert phone.complaints == []


@pytest.mark.parametrize("plan", ["one_time_basic", "sub_monthly"])
@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_customer_pays_reads_the_mail_and_is_let_in(phone: Phone, plan: str, locale: str) -> None:
    """Each plan in each language, without a word in the browser's console."""
    phone.album = locale if plan == "one_time_basic" else ""
    await walk_in_by_mail(phone, plan, locale)


@pytest.mark.parametrize("bot_mode", ["webhook"])
async def test_customer_is_let_in_where_updates_come_by_webhook(phone: Phone) -> None:
    """The same way, as in production."""
    await walk_in_by_mail(phone, "sub_monthly", "ru")


@pytest.mark.parametrize(("bot_mode", "locale"), [("polling", "ru"), ("webhook", "en")])
async def test_customer_who_begins_in_the_chat_is_led_back_to_it(phone: Phone, locale: str) -> None:
    """The pay button knows the chat; the activation button arrives there by itself."""
    words, person = WORDS[locale], SPEAKERS[locale]
    await phone.open_chat(person)
    await phone.press_start_in_chat()
    closed = await phone.hears(words.closed)
    await phone.press_under(closed, words.pay_button)
    await phone.choose("one_time_basic")
    await phone.pay()
    assert words.ready in await phone.sees("ready")
    await phone.open_chat(person)
    await phone.press_under(await phone.hears(words.paid), words.activate_button)
    await phone.press_start(person)
    await phone.hears(words.welcome)
    assert words.inside in await phone.say(words.greeting)
    phone.album = locale
    await phone.keep_picture("chat")


async def test_declined_card_can_be_followed_by_a_good_one(phone: Phone, console: Console) -> None:
    """The page says so and stays open; nobody is let in by the declined one."""
    await phone.buy(choice="declined")
    await phone.page.locator("#problem").wait_for()
    await console.sees_order(phone.email, "pending")
    assert not phone.sandbox.world.mailbox.messages()
    await phone.pay("card")
    await phone.sees("ready")
    await console.sees_order(phone.email, "token_issued")


@pytest.mark.parametrize("plan", ["one_time_basic", "sub_monthly"])
@pytest.mark.parametrize("succeeds", [True, False])
async def test_delayed_payment_waits_and_then_tells(
    phone: Phone, console: Console, plan: str, *, succeeds: bool
) -> None:
    """The page says that it waits; when the bank has spoken, it shows the link, or how to try again, as a mail does."""
    await phone.buy(plan, choice="delayed")
    await phone.sees("delayed")
    assert not phone.sandbox.world.mailbox.messages()
    await console.press("session-pay" if succeeds else "session-fail")
    await phone.sees("ready" if succeeds else "failed")
    if succeeds:
        await phone.open_mail(WORDS["en"].mail_subject)
    else:
        await console.sees_order(phone.email, "pending")
        await phone.open_mail("The payment did not go through")


async def test_whole_way_to_the_link_without_javascript(new_phone: NewPhone) -> None:
    """Plain forms and redirects; the mail and the chat work so as well."""
    phone, words = await new_phone(javascript=False), WORDS["en"]
    await phone.buy("sub_monthly")
    await phone.sees("ready", "waiting")
    await phone.sandbox.world.mailbox.wait_for(to=phone.email)
    await phone.page.reload()
    link = await phone.link()
    await phone.open_mail(words.mail_subject)
    await phone.press_in_mail(words.mail_button)
    assert phone.page.url == link
    await phone.press_start(BOB)
    await phone.hears(words.welcome)
    assert words.inside in await phone.say("/status")


async def test_turning_back_leads_to_the_cancel_page(phone: Phone) -> None:
    """Nothing was charged, and the plan is kept."""
    await phone.open_pay("en")
    await phone.choose("sub_monthly")
    await phone.page.locator("#back").click()
    await phone.sees("cancelled")
    await phone.page.locator("a.button").click()
    assert await phone.page.locator("input[value=sub_monthly]").is_checked()


async def test_second_person_with_the_same_link_is_refused(phone: Phone, new_phone: NewPhone) -> None:
    """Whoever presses first is in, welcomed in the order's language; the other one is told why not, and can pay."""
    await phone.buy()
    await phone.sees("ready")
    link = await phone.link()
    await phone.page.goto(link)
    await phone.press_start(ANNA)
    await phone.hears(WORDS["en"].welcome)
    other = await new_phone("bob@example.com")
    await other.page.goto(link)
    await other.press_start(BOB)
    refusal = await other.hears(WORDS["en"].used)
    assert WORDS["en"].closed in await other.say("Hello!")
    await other.press_under(refusal, WORDS["en"].pay_button)
    await other.page.get_by_test_id("email").wait_for()
    await phone.open_chat(ANNA)
    assert WORDS["en"].inside in await phone.say("Hello!")
