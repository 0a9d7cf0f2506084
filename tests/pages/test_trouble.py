"""The same purchase while the world misbehaves, and what comes after it: each by a button of the sandbox's console."""

import asyncio

import pytest

from tests.pages.conftest import NewPhone, Outbox
from tests.pages.walk import ANNA, BOB, WORDS, Console, Phone, picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def walk_in(phone: Phone) -> None:
    """From the success page through the mail into the chat, as Bob."""
    words = WORDS["en"]
    await phone.sees("ready")
    await phone.open_mail(words.mail_subject)
    await phone.press_in_mail(words.mail_button)
    await phone.press_start(BOB)
    await phone.hears(words.welcome)
    assert words.inside in await phone.say("Hello!")


async def tried(outbox: Outbox, key: str) -> None:
    """Wait until a delivery was tried, and is owed still."""
    async with asyncio.timeout(20):
        while (await outbox(key))[1] == 0:
            await asyncio.sleep(0.05)
    assert (await outbox(key))[0] == "pending"


async def done(outbox: Outbox, key: str) -> None:
    """Wait until a delivery has gone out."""
    async with asyncio.timeout(20):
        while (await outbox(key))[0] != "delivered":
            await asyncio.sleep(0.05)


async def test_lost_webhook_keeps_nobody_waiting(phone: Phone, console: Console) -> None:
    """The success page asks Stripe itself; the webhook that comes after all changes nothing."""
    await console.switch("webhooks-lost")
    await phone.buy()
    await walk_in(phone)
    await console.sees_event("checkout.session.completed", "lost")
    assert not await console.page.get_by_test_id("event").filter(has_text="200").count()
    order = await console.sees_order(phone.email, "active")
    await console.press("deliver")
    await console.sees_event("checkout.session.completed", "200")
    await console.sees_order(phone.email, "active")
    assert "token redeemed" in await order.inner_text()
    assert len(phone.sandbox.world.mailbox.messages()) == 1


@pytest.mark.parametrize(
    ("trouble", "plan"),
    [
        ("doubled", "one_time_basic"),
        ("late", "sub_monthly"),
        ("out_of_order", "one_time_basic"),
        ("out_of_order", "sub_monthly"),
    ],
)
async def test_webhooks_come_as_they_like(phone: Phone, console: Console, trouble: str, plan: str) -> None:
    """Twice, late, in reverse: the customer is in, with one mail and one postback."""
    world = phone.sandbox.world
    await console.switch(f"webhooks-{trouble}")
    await phone.buy(plan)
    await walk_in(phone)
    events = {event["id"] for event in world.stripe.snapshot()["events"]}
    async with asyncio.timeout(20):
        while not all(event["deliveries"] for event in world.stripe.snapshot()["events"]):
            await asyncio.sleep(0.05)
    shown = [event for event in world.stripe.snapshot()["events"] if event["id"] in events]
    outcomes = [attempt["status"] for event in shown for attempt in event["deliveries"]]
    assert set(outcomes) == {200}
    assert len(outcomes) == len(events) * (2 if trouble == "doubled" else 1)
    await console.sees_order(phone.email, "active")
    await world.trackers.wait_for(name="pay_success")
    assert (len(world.mailbox.messages()), len(world.trackers.received())) == (1, 1)


async def test_mail_that_was_down_arrives_once(phone: Phone, console: Console, outbox: Outbox) -> None:
    """The success page has the link meanwhile; the mail comes when the server is back."""
    await console.switch("smtp_down")
    await phone.buy()
    await phone.sees("ready")
    await tried(outbox, "access_email:")
    assert not phone.sandbox.world.mailbox.messages()
    await console.switch("smtp_down", on=False)
    await walk_in(phone)
    await done(outbox, "access_email:")
    assert len(phone.sandbox.world.mailbox.messages()) == 1


async def test_tracker_that_was_down_hears_of_the_sale_once(phone: Phone, console: Console, outbox: Outbox) -> None:
    """Nobody waits for it."""
    trackers = phone.sandbox.world.trackers
    await console.switch("trackers_down")
    await phone.buy()
    await walk_in(phone)
    await tried(outbox, "mobi_slon:")
    assert not trackers.received()
    await console.switch("trackers_down", on=False)
    await done(outbox, "mobi_slon:")
    assert [(hit.name, hit.subject) for hit in trackers.received()] == [("pay_success", "click-1")]


async def test_telegram_that_was_down_gets_the_button_once(phone: Phone, console: Console, outbox: Outbox) -> None:
    """The chat that asked has it as soon as Telegram is back."""
    words = WORDS["en"]
    await phone.open_chat(BOB)
    await phone.press_start_in_chat()
    await phone.press_under(await phone.hears(words.closed), words.pay_button)
    await console.switch("telegram_down")
    await phone.choose("one_time_basic")
    await phone.pay()
    await phone.sees("ready")
    await tried(outbox, "activation_message:")
    await phone.open_chat(BOB)
    assert await phone.heard.count() == 1
    await console.switch("telegram_down", on=False)
    await phone.press_under(await phone.hears(words.paid), words.activate_button)
    await phone.press_start(BOB)
    await phone.hears(words.welcome)
    assert await phone.heard.filter(has_text=words.paid).count() == 1


async def test_stripe_that_is_down_is_told_on_the_page(phone: Phone, console: Console) -> None:
    """Nothing was charged, what was typed is kept, and the next try works."""
    await phone.open_pay("en")
    await console.switch("stripe_down")
    await phone.page.get_by_test_id("plan-sub_monthly").click()
    await phone.page.get_by_test_id("email").fill(phone.email)
    await phone.page.get_by_test_id("pay").click()
    assert "Nothing was charged" in await phone.page.get_by_test_id("error").inner_text()
    assert await phone.page.locator("input[value=sub_monthly]").is_checked()
    await console.switch("stripe_down", on=False)
    await phone.page.get_by_test_id("pay").click()
    await phone.page.wait_for_url("**/stripe/pay/**")
    await phone.pay()
    await walk_in(phone)


@pytest.mark.parametrize("plan", ["one_time_basic", "sub_monthly"])
async def test_refund_closes_the_gate(phone: Phone, console: Console, plan: str) -> None:
    """Half of it changes nothing; the whole does, and the chat says why and how to come back."""
    await phone.buy(plan)
    await walk_in(phone)
    await console.press("payment-refund-part")
    await phone.hears("Your access stays")
    assert WORDS["en"].inside in await phone.say("Still there?")
    await console.press("payment-refund")
    await console.sees_order(phone.email, "revoked")
    await phone.hears("This payment no longer gives access.")
    assert WORDS["en"].withdrawn in await phone.say("And now?")
    await phone.press_under(await phone.hears(WORDS["en"].withdrawn), WORDS["en"].pay_button)
    await phone.page.get_by_test_id("email").wait_for()


async def test_dispute_closes_the_gate_until_it_is_won(phone: Phone, console: Console) -> None:
    """Open it suspends, won it restores, and the chat tells of both."""
    await phone.buy()
    await walk_in(phone)
    await console.press("payment-dispute")
    await console.sees_order(phone.email, "revoked")
    await phone.hears("Your access is paused")
    assert WORDS["en"].withdrawn in await phone.say("Still there?")
    await console.press("dispute-won")
    await console.sees_order(phone.email, "active")
    await phone.hears("Your access is back")
    assert WORDS["en"].inside in await phone.say("And now?")


async def test_subscription_is_renewed_fails_and_is_cancelled(phone: Phone, console: Console) -> None:
    """A renewal reaches a month further; neither a failed one nor a cancellation shortens what was paid for."""
    await phone.buy("sub_monthly")
    await walk_in(phone)
    order = await console.sees_order(phone.email, "active")
    until = await order.get_by_test_id("until").inner_text()
    await console.press("subscription-renew")
    await console.page.get_by_test_id("until").filter(has_not_text=until).wait_for()
    further = await order.get_by_test_id("until").inner_text()
    await console.press("subscription-renewal-fails")
    await phone.hears("Your subscription could not be renewed")
    assert WORDS["en"].inside in await phone.say("Still there?")
    await console.press("subscription-retry-pays")
    await console.page.get_by_test_id("until").filter(has_not_text=further).wait_for()
    await console.press("subscription-cancel")
    await console.sees_event("customer.subscription.deleted", "200")
    await console.sees_order(phone.email, "active")
    assert WORDS["en"].inside in await phone.say("And now?")


async def test_console_shows_both_sides_at_once(phone: Phone, new_phone: NewPhone, console: Console) -> None:
    """Orders with their states, Stripe's objects and events, chats, mails and trackers, without a reload."""
    await phone.buy("sub_monthly", locale="ru")
    await phone.sees("ready")
    await phone.page.goto(await phone.link())
    await phone.press_start(ANNA)
    await phone.hears(WORDS["ru"].welcome)
    bob = await new_phone("bob@example.com")
    await bob.buy(choice="delayed")
    await bob.sees("delayed")
    carl = await new_phone("carl@example.com")
    await carl.buy()
    await carl.sees("ready")
    await console.press("payment-refund", of=carl.email)
    await console.page.get_by_test_id("mail-row").filter(has_text="We are refunding").wait_for()
    await console.switch("webhooks-late")
    await console.switch("smtp_down")
    for person, state in ((phone, "active"), (bob, "pending"), (carl, "revoked")):
        await console.sees_order(person.email, state)
    await console.page.get_by_test_id("chat-1001").filter(has_text=WORDS["ru"].welcome).wait_for()
    await console.page.get_by_test_id("mail-row").filter(has_text=WORDS["ru"].mail_subject).wait_for()
    await console.page.get_by_test_id("hits").filter(has_text="pay_success").wait_for()
    await console.page.get_by_test_id("session").filter(has_text="payment on its way").wait_for()
    await picture(console.page, "console")
    await console.page.goto(f"{phone.sandbox.world.origin}/mail")
    assert await console.page.get_by_test_id("mail-row").count() == 3  # two ways in, and a refund
