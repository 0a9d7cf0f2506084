"""Aiogram takes its time to import: only a process that runs the bot, or sends a message, waits for it."""

import subprocess
import sys

PROGRAM = """
import sys
import adapters.bot.api_client, adapters.bot.messenger
adapters.bot.messenger.TelegramMessenger(token="1:T", api_base=None, pay_url=None, public_base_url="")
print(sorted({name.split(".")[0] for name in sys.modules} & {"aiogram", "aiohttp", "pydantic", "redis", "litestar"}))
"""


WORKED_OUT = """
import gc
gc.disable()  # of what is made here nothing becomes garbage
import adapters.bot
import aiogram.methods, aiogram.types
described = [getattr(of, name) for of in (aiogram.types, aiogram.methods) for name in of.__all__]
described = [one for one in described if hasattr(one, "model_rebuild")]
print(sum(one.__pydantic_complete__ for one in described) < 10)
for one in described:
    one.model_rebuild()
print(len(described) > 500, all(one.__pydantic_complete__ for one in described))
"""


def _printed(program: str) -> str:
    ran = subprocess.run(  # noqa: S603  - our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return ran.stdout


def test_types_of_telegram_are_worked_out_when_they_are_used() -> None:
    """Not before; and then each of them can be."""
    assert _printed(WORKED_OUT) == "True\nTrue True\n"


BOT = """
import entrypoints.bot, aiogram.types
print(aiogram.types.Update.__pydantic_complete__)
"""


def test_bot_s_own_process_does_not_wait_for_them() -> None:
    """However early it names aiogram."""
    assert _printed(BOT) == "False\n"


def test_api_client_and_messenger_load_no_bot() -> None:
    """What every role imports is light."""
    assert _printed(PROGRAM) == "[]\n"
