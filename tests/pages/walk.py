"""What the people of the page tests do: a customer with a phone, and somebody at the sandbox's console.

Each method is one thing that a person does or sees, on the real pages, in the browser. Nothing here calls the product.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from playwright.async_api import Locator, Page

from entrypoints.sandbox.run import RunningSandbox

PICTURES: Final = "PAYWALL_SCREENSHOTS"
"""Environment variable: the directory that gets the pictures of the docs; unset, none are taken."""


class Words(Struct, frozen=True, kw_only=True):
    """What the customer reads in one language; beginnings are enough. `greeting` is what they write themselves."""

    greeting: str
    ready: str
    mail_subject: str
    mail_button: str
    pay_button: str
    activate_button: str
    paid: str
    welcome: str
    inside: str
    closed: str
    withdrawn: str
    used: str
    invalid: str
    new_link: str
    code_subject: str
    code_refused: str
    ask_address: str
    code_sent: str
    code_wrong: str
    cancelled: str
    welcome_back: str
    ends: str


WORDS: Final[Mapping[str, Words]] = {
    "ru": Words(
        greeting="Привет!",
        ready="Спасибо, оплата получена!",
        mail_subject="Ваш доступ готов",
        mail_button="Открыть в Telegram",
        pay_button="Оплатить доступ",
        activate_button="Активировать доступ",
        paid="Оплата получена.",
        welcome="Добро пожаловать!",
        inside="У вас есть доступ.",
        closed="Этот бот — для участников с оплаченным доступом.",
        withdrawn="Доступ отозван",
        used="Эта ссылка уже использована",
        invalid="Эта ссылка недействительна.",
        new_link="Вот ваша новая ссылка",
        code_subject="Код для восстановления доступа",
        code_refused="Код неверный, уже использован или устарел.",
        ask_address="Вернём ваш доступ.",
        code_sent="Если доступ оплачен с этим адресом,",
        code_wrong="Код не подошёл",
        cancelled="Хорошо, ничего не изменилось.",
        welcome_back="С возвращением!",
        ends="Закончится",
    ),
    "en": Words(
        greeting="Hello!",
        ready="Thank you, your payment is here!",
        mail_subject="Your access is ready",
        mail_button="Open in Telegram",
        pay_button="Pay for access",
        activate_button="Activate access",
        paid="Your payment is here.",
        welcome="Welcome!",
        inside="You have access.",
        closed="This bot is for paying members.",
        withdrawn="Your access was withdrawn",
        used="This link was already used",
        invalid="This link is not valid.",
        new_link="Here is your new link",
        code_subject="Your code to get back in",
        code_refused="This code is wrong, used or too old.",
        ask_address="Let us get your access back.",
        code_sent="If access was paid for with this address,",
        code_wrong="This code does not fit",
        cancelled="All right, nothing has changed.",
        welcome_back="Welcome back!",
        ends="Ends on",
    ),
}


class Telegrammer(Struct, frozen=True, kw_only=True):
    """Somebody of the sandbox's Telegram; the app's language is `locale`."""

    id: int
    locale: str


ANNA: Final = Telegrammer(id=1001, locale="ru")
BOB: Final = Telegrammer(id=1002, locale="en")
SPEAKERS: Final = {person.locale: person for person in (ANNA, BOB)}


async def picture(page: Page, name: str) -> None:
    """Keep how a page looks, when pictures are wanted. Each name belongs to one test."""
    directory = os.environ.get(PICTURES)
    if directory:
        await page.screenshot(path=Path(directory) / f"{name}.png", animations="disabled")


class Phone:
    """A customer's phone: the shop's pages, the mail program, and Telegram.

    Attributes:
        page: the one window.
        email: the customer's address.
        album: end of the names of this customer's pictures; empty: none are kept.
        complaints: what the browser's console said.
    """

    def __init__(self, sandbox: RunningSandbox, page: Page, email: str) -> None:
        self.sandbox, self.page, self.email = sandbox, page, email
        self.album = ""
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open_pay(self, locale: str) -> None:
        """Our page, as a link of an advertisement opens it."""
        await self.page.goto(f"{self.sandbox.product_url}/pay?locale={locale}&clickid=click-1")

    async def choose(self, plan: str) -> None:
        """Choose a plan, write the address, go on to the hosted page."""
        await self.page.get_by_test_id(f"plan-{plan}").click()
        await self.page.get_by_test_id("email").fill(self.email)
        await self.keep_picture("pay")
        await self.page.get_by_test_id("pay").click()
        await self.page.wait_for_url("**/stripe/pay/**")

    async def pay(self, choice: str = "card") -> None:
        """Pay on the hosted page: `card`, `declined` or `delayed`."""
        await self.page.locator(f"input[name=choice][value={choice}]").check()
        await self.page.locator("#pay").click()

    async def buy(self, plan: str = "one_time_basic", *, locale: str = "en", choice: str = "card") -> None:
        """From our page to the success page."""
        await self.open_pay(locale)
        await self.choose(plan)
        await self.pay(choice)

    async def sees(self, *kinds: str) -> str:
        """The success page is of one of these kinds, now or soon; gives its headline."""
        await self.page.locator(", ".join(f"[data-kind={kind}]" for kind in kinds)).wait_for()
        return await self.page.locator("h1").inner_text()

    async def link(self) -> str:
        """Where the success page's button leads."""
        return await self.page.get_by_test_id("telegram-button").get_attribute("href") or ""

    async def open_mail(self, subject: str) -> None:
        """The mail program: wait for the mail in the list, and open it."""
        await self.page.goto(f"{self.sandbox.world.origin}/mail")
        await self.page.get_by_test_id("mail-row").filter(has_text=self.email).filter(has_text=subject).click()
        await self.page.get_by_test_id("mail-subject").filter(has_text=subject).wait_for()

    async def read_code(self, subject: str) -> str:
        """The one-time code of the newest such mail, read in another tab: the page that asks for it stays open."""
        tab = await self.page.context.new_page()
        try:
            await tab.goto(f"{self.sandbox.world.origin}/mail")
            await tab.get_by_test_id("mail-row").filter(has_text=self.email).filter(has_text=subject).first.click()
            await tab.get_by_test_id("mail-subject").filter(has_text=subject).wait_for()
            code = await tab.frame_locator("[data-testid=mail-html]").locator(".code").inner_text()
            if self.album:
                await picture(tab, f"code-mail-{self.album}")
        finally:
            await tab.close()
        return code.strip()

    async def lose_the_link(self, locale: str) -> None:
        """From the pay page to the one that asks for the address."""
        await self.open_pay(locale)
        await self.page.get_by_test_id("restore-link").click()
        await self.sees("ask")

    async def ask_for_code(self, email: str) -> str:
        """On that page: an address, and the next page's text."""
        await self.page.get_by_test_id("email").fill(email)
        await self.page.get_by_test_id("send-code").click()
        await self.sees("code")
        return await self.page.get_by_test_id("status").inner_text()

    async def answer_code(self, code: str) -> None:
        """On the page that asks for it."""
        await self.page.get_by_test_id("code").fill(code)
        await self.page.get_by_test_id("confirm").click()

    async def press_in_mail(self, button: str) -> None:
        """The mail's button, which leads to Telegram."""
        mail = self.page.frame_locator("[data-testid=mail-html]")
        await mail.get_by_role("link", name=button).click()
        await self.page.wait_for_url("**/t.me/**")

    async def press_start(self, person: Telegrammer) -> None:
        """On the page of t.me: as whom, and START."""
        await self.page.get_by_test_id(f"user-choice-{person.id}").click()
        await self.page.get_by_test_id("start-button").click()
        await self.page.wait_for_url(f"**/telegram/chat/{person.id}")

    async def open_chat(self, person: Telegrammer) -> None:
        """The bot's chat."""
        await self.page.goto(f"{self.sandbox.world.origin}/telegram/chat/{person.id}")

    async def press_start_in_chat(self) -> None:
        """The big button of a chat that has not begun."""
        await self.page.locator("#composer").get_by_test_id("start-button").click()

    async def say(self, text: str) -> str:
        """Write to the bot; gives its answer."""
        before = await self.heard.count()
        await self.page.get_by_test_id("chat-input").fill(text)
        await self.page.get_by_test_id("chat-send").click()
        answer = self.heard.nth(before)
        await answer.wait_for()
        return await answer.get_by_test_id("message-text").inner_text()

    async def hears(self, words: str) -> Locator:
        """The bot's newest message with these words, now or soon."""
        message = self.heard.filter(has_text=words).last
        await message.wait_for()
        return message

    async def press_under(self, message: Locator, button: str) -> None:
        """A button under a message."""
        await message.get_by_test_id("keyboard-button").filter(has_text=button).click()

    @property
    def heard(self) -> Locator:
        """Everything that the bot has said in the open chat."""
        return self.page.locator("[data-testid=message][data-from=bot]")

    async def keep_picture(self, name: str) -> None:
        """How the phone looks now, for the docs."""
        if self.album:
            await picture(self.page, f"{name}-{self.album}")


class Console:
    """Somebody at the sandbox's console, in a browser of their own."""

    def __init__(self, sandbox: RunningSandbox, page: Page) -> None:
        self.sandbox, self.page = sandbox, page

    async def press(self, button: str, *, of: str = "") -> None:
        """A button by its test id; `of` is the address of the purchase that it stands at, where there are several."""
        place = self.page.get_by_test_id("purchase").filter(has_text=of) if of else self.page
        await place.get_by_test_id(button).first.click()

    async def switch(self, button: str, *, on: bool = True) -> None:
        """A switch for trouble, pressed until it shows what it should."""
        await self.press(button)
        await self.page.locator(f"[data-testid={button}][aria-pressed={'true' if on else 'false'}]").wait_for()

    async def sees_order(self, email: str, state: str) -> Locator:
        """An order in a state, now or soon."""
        order = self.page.locator(f"[data-testid=order][data-state={state}]").filter(has_text=email)
        await order.wait_for()
        return order

    async def sees_event(self, type_: str, mark: str) -> None:
        """Stripe's event with a delivery of this outcome, now or soon."""
        event = self.page.get_by_test_id("event").filter(has=self.page.locator(".type", has_text=type_))
        await event.filter(has_text=mark).first.wait_for()
