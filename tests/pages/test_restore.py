"""A person who has paid and lost the way in gets back: from the page, from the chat; and to Stripe's own portal."""

import pytest

from tests.pages.conftest import NewPhone
from tests.pages.walk import ANNA, BOB, SPEAKERS, WORDS, Console, Phone, Telegrammer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def wrong(code: str) -> str:
    """Another code of six digits."""
    return f"{(int(code) + 1) % 10**6:06d}"


def other(person: Telegrammer) -> Telegrammer:
    """The one of the two that this is not."""
    return BOB if person == ANNA else ANNA


async def walk_in(phone: Phone, locale: str, person: Telegrammer) -> str:
    """Buy in a language and press START as somebody; gives the link."""
    await phone.buy(locale=locale)
    await phone.sees("ready")
    link = await phone.link()
    await phone.page.goto(link)
    await phone.press_start(person)
    await phone.hears(WORDS[locale].welcome)
    return link


@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_restore_from_the_page_moves_access_to_whoever_presses_start(
    phone: Phone, new_phone: NewPhone, locale: str
) -> None:
    """Wrong code, right code, START by another account: it is in, the first one is out, and the old link is dead."""
    words, before, after = WORDS[locale], SPEAKERS[locale], other(SPEAKERS[locale])
    old_link = await walk_in(phone, locale, before)
    phone.album = locale
    await phone.lose_the_link(locale)
    await phone.keep_picture("restore-address")
    await phone.ask_for_code(phone.email)
    code = await phone.read_code(words.code_subject)
    await phone.answer_code(wrong(code))
    await phone.page.get_by_test_id("error").filter(has_text=words.code_refused).wait_for()
    await phone.keep_picture("restore-code")
    await phone.answer_code(code)
    assert words.new_link in await phone.sees("restored")
    await phone.keep_picture("restore-link")
    link = await phone.link()
    assert link != old_link
    old = await new_phone()
    await old.open_chat(before)
    assert words.inside in await old.say(words.greeting)
    await old.page.goto(old_link)
    await old.press_start(before)
    await old.hears(WORDS[before.locale].invalid)
    await phone.page.get_by_test_id("telegram-button").click()
    await phone.press_start(after)
    await phone.hears(words.welcome)
    assert words.inside in await phone.say(words.greeting)
    await old.open_chat(before)
    assert WORDS[before.locale].closed in await old.say(words.greeting)
    await old.page.goto(link)
    await old.press_start(before)
    await old.hears(WORDS[before.locale].used)


@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_unknown_address_sees_the_same_page_and_gets_no_mail(phone: Phone, locale: str) -> None:
    """Nobody learns who has paid."""
    await phone.buy(locale=locale)
    await phone.sees("ready")
    mailbox = phone.sandbox.world.mailbox
    await phone.lose_the_link(locale)
    unknown = "stranger@example.com"
    seen = await phone.ask_for_code(unknown)
    await phone.answer_code("000000")
    await phone.page.get_by_test_id("error").filter(has_text=WORDS[locale].code_refused).wait_for()
    await phone.lose_the_link(locale)
    assert (await phone.ask_for_code(phone.email)).replace(phone.email, unknown) == seen
    await phone.read_code(WORDS[locale].code_subject)  # asked for later, so the stranger's would be here too
    assert mailbox.messages(to=unknown) == []


@pytest.mark.parametrize(("bot_mode", "locale"), [("polling", "ru"), ("webhook", "en")])
async def test_restore_from_the_chat_lets_in_at_once(phone: Phone, new_phone: NewPhone, locale: str) -> None:
    """Changed their mind first, then a wrong code, then the right one: in; the account before is out."""
    words, before, after = WORDS[locale], other(SPEAKERS[locale]), SPEAKERS[locale]
    old_link = await walk_in(phone, locale, before)
    chat = await new_phone()
    await chat.open_chat(after)
    await chat.press_start_in_chat()
    await chat.hears(words.closed)
    assert words.ask_address in await chat.say("/restore")
    assert words.cancelled in await chat.say("/cancel")
    assert words.ask_address in await chat.say("/restore")
    assert words.code_sent in await chat.say(chat.email)
    code = await chat.read_code(words.code_subject)
    assert words.code_wrong in await chat.say(wrong(code))
    assert words.welcome_back in await chat.say(code)
    chat.album = locale
    await chat.keep_picture("restore-chat")
    assert code not in await chat.page.get_by_test_id("thread").inner_text()
    assert words.inside in await chat.say(words.greeting)
    await phone.open_chat(before)
    assert WORDS[before.locale].closed in await phone.say(words.greeting)
    await phone.page.goto(old_link)
    await phone.press_start(before)
    await phone.hears(WORDS[before.locale].invalid)


@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_restore_page_leads_to_the_portal_where_a_subscription_is_cancelled(
    new_phone: NewPhone, console: Console, locale: str
) -> None:
    """Stripe proves the address by a code of its own; the time that was paid for stays."""
    phone = await new_phone(language=locale)
    await phone.buy("sub_monthly", locale=locale)
    await phone.sees("ready")
    await phone.lose_the_link(locale)
    await phone.page.get_by_test_id("email").fill(phone.email)
    await phone.page.get_by_test_id("portal").click()
    await phone.page.wait_for_url(f"{phone.sandbox.world.origin}/**")
    assert await phone.page.locator("input[name=email]").input_value() == phone.email
    await phone.page.locator("#send").click()
    code = await phone.page.locator("#code").inner_text()
    await phone.page.locator("input[name=code]").fill(wrong(code))
    await phone.page.locator("#enter").click()
    await phone.page.locator(".problem").wait_for()
    await phone.page.locator("input[name=code]").fill(code)
    await phone.page.locator("#enter").click()
    subscription = phone.page.get_by_test_id("subscription")
    await subscription.locator("button[value=cancel]").click()
    await subscription.locator("button[value=keep]").wait_for()
    assert WORDS[locale].ends in await subscription.inner_text()
    phone.album = locale
    await phone.keep_picture("portal")
    await console.sees_event("customer.subscription.updated", "200")
    await console.sees_order(phone.email, "token_issued")
