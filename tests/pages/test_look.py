"""How the pages look: no page is wider than the screen that it is on."""

import pytest
from playwright.async_api import Page

from tests.pages.conftest import NewPhone
from tests.pages.walk import ANNA, WORDS

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def too_wide(page: Page, address: str) -> str:
    """The address, if its page has to be moved sideways to be read; else nothing."""
    await page.goto(address)
    wide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return address if wide else ""


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_no_page_is_wider_than_its_screen(new_phone: NewPhone, width: int) -> None:
    """After a purchase, so that there is something on each."""
    phone = await new_phone("a.customer.with.a.rather.long.address@mail.example.com")
    shop, world = phone.sandbox.product_url, phone.sandbox.world
    await phone.page.set_viewport_size({"width": width, "height": 800})
    await phone.open_pay("ru")
    await phone.choose("sub_monthly")
    checkout = phone.page.url
    await phone.page.goto(checkout)
    await phone.pay("declined")
    await phone.page.locator("#problem").wait_for()
    await phone.pay()
    await phone.sees("ready")
    success, link = phone.page.url, await phone.link()
    await phone.open_mail(WORDS["ru"].mail_subject)
    await phone.page.goto(link)
    await phone.press_start(ANNA)
    await phone.hears(WORDS["ru"].welcome)
    shops = [f"{shop}/pay?locale=ru", f"{shop}/pay?locale=en", success, f"{shop}/pay/cancel", checkout]
    shops += [f"{shop}/pay/restore?locale=ru", f"{shop}/pay/restore?locale=en"]
    worlds = ["", "telegram", f"telegram/chat/{ANNA.id}", "mail", "mail/1", "mail/1?view=source", "trackers"]
    addresses = [*shops, link, *(f"{world.origin}/{path}" for path in worlds)]
    assert [address for address in addresses if await too_wide(phone.page, address)] == []
