"""Messages that we send by ourselves: into a chat of the sandbox's Telegram, and past one that refuses."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from msgspec import structs

from adapters.bot.messenger import TelegramAccessMessenger
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage

from .conftest import ANNA, BOB, TOKEN, World, labels
from .telegram_stub import TelegramStub

LINK = "https://t.me/paywall_bot?start=capability"
MESSAGE = AccessMessage(key="k", order_id=UUID(int=1), plan="p", locale="en", to=str(BOB), activation_link=LINK)


@pytest.fixture
async def messenger(world: World) -> AsyncIterator[TelegramAccessMessenger]:
    """The messenger on the sandbox's Telegram."""
    made = TelegramAccessMessenger(token=TOKEN, api_base=world.telegram_base)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("locale", "text", "button"),
    [
        ("en", "Your payment is here. Press the button to activate access.", "Activate access"),
        ("ru", "Оплата получена. Нажмите кнопку, чтобы активировать доступ.", "Активировать доступ"),
    ],
)
async def test_button_in_the_chat_lets_the_person_in(
    world: World, messenger: TelegramAccessMessenger, locale: str, text: str, button: str
) -> None:
    """It comes in the order's language, and leads to the bot with the token."""
    async with world.polling_bot():
        await world.say("/start")
        await messenger.send_access(structs.replace(MESSAGE, locale=locale))
        message = await world.telegram.wait_for_message(BOB, containing=text)
        assert labels(message) == [button]
        assert await world.telegram.press(BOB, button) == f"/t.me/paywall_bot?start=capability&as={BOB}"
        await world.telegram.start(BOB, "capability")
        await world.telegram.wait_for_message(BOB, containing="Welcome!")


async def test_chat_that_cannot_be_written_to_is_final(world: World, messenger: TelegramAccessMessenger) -> None:
    """Nobody there, or the bot was blocked."""
    await world.telegram.block(ANNA)
    for chat in (str(ANNA), str(BOB), "424242"):  # blocked, never started, unknown
        with pytest.raises(DeliveryFailed) as raised:
            await messenger.send_access(structs.replace(MESSAGE, to=chat))
        assert raised.value.permanent


@pytest.mark.parametrize(
    ("status", "body", "permanent", "retry_after"),
    [
        (403, '{"ok": false, "description": "Forbidden: bot was blocked by the user"}', True, None),
        (400, '{"ok": false, "description": "Bad Request: chat not found"}', True, None),
        (429, '{"ok": false, "description": "Too Many", "parameters": {"retry_after": 7}}', False, 7),
        (401, '{"ok": false, "description": "Unauthorized"}', False, None),
        (500, '{"ok": false, "description": "Internal"}', False, None),
        (502, "<html>bad gateway", False, None),
    ],
)
async def test_refusals_of_the_message_decide_about_a_retry(
    *, telegram: TelegramStub, status: int, body: str, permanent: bool, retry_after: float | None
) -> None:
    """Only a chat that cannot be reached is final; the reason holds neither the link nor the bot's token."""
    telegram.answer = (status, body)
    messenger = TelegramAccessMessenger(token=TOKEN, api_base=telegram.base)
    try:
        with pytest.raises(DeliveryFailed) as raised:
            await messenger.send_access(MESSAGE)
    finally:
        await messenger.close()
    assert raised.value.permanent is permanent
    assert raised.value.retry_after_seconds == retry_after
    assert "capability" not in raised.value.reason
    assert TOKEN not in raised.value.reason
