"""Aiogram takes seconds to import: only a process that runs the bot, or sends a message, waits for it."""

import subprocess
import sys

PROGRAM = """
import sys
import adapters.bot.api_client, adapters.bot.messenger
adapters.bot.messenger.TelegramMessenger(token="1:T", api_base=None, pay_url=None, public_base_url="")
print(sorted({name.split(".")[0] for name in sys.modules} & {"aiogram", "aiohttp", "pydantic", "redis", "litestar"}))
"""


def test_api_client_and_messenger_load_no_bot() -> None:
    """What every role imports is light."""
    ran = subprocess.run(  # noqa: S603  - our own interpreter and program
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
