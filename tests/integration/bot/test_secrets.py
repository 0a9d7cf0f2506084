"""What was said in confidence is in no log, at any level, not even before secrets are masked on the way out."""

import logging

import pytest

from .api_stub import ACTIVATE, CONFIRM, INTERNAL_TOKEN, REQUEST, problem
from .conftest import BOB, TOKEN, World, eventually

ADDRESS = "very.private.payer@shop.example"
CODES = ("918273", "645546", "808182")
CAPABILITY = "Q" * 31 + "z" * 31


async def test_nothing_said_in_confidence_is_logged(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A whole conversation with everything going wrong on the way; the log is searched for the very values."""
    caplog.set_level(logging.DEBUG)
    async with world.polling_bot():
        for answer in (problem(404, "activation_token_invalid"), problem(500, "internal_error")):
            world.api.will(ACTIVATE, answer)
            await world.say(f"/start {CAPABILITY}")
        await world.say("/restore")
        world.api.will(REQUEST, problem(400, "validation_failed", fields=("email",)), problem(500, "internal_error"))
        for _ in range(3):
            await world.say(ADDRESS)
        world.api.will(CONFIRM, problem(500, "internal_error"), problem(400, "otp_invalid"))
        for code in CODES[:2]:
            await world.say(code)
        world.api.meanwhile = lambda: setattr(world.troubles, "telegram_down", True)
        await world.telegram.say(BOB, CODES[2])  # the answer to it finds Telegram down
        await eventually(lambda: "TelegramServerError" in caplog.text)
        world.api.meanwhile = lambda: None
        world.troubles.telegram_down = False
        await world.say(f"/start {CAPABILITY}")
    logged = caplog.text + "".join(capfd.readouterr())
    assert "bot.api_unavailable" in logged
    for secret in (ADDRESS, ADDRESS.partition("@")[0], *CODES, CAPABILITY, TOKEN, INTERNAL_TOKEN):
        assert secret not in logged
