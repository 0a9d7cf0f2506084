"""Who somebody is on Telegram."""

from typing import Final

MAX_TELEGRAM_ID: Final = 2**53 - 1
"""The largest whole number that all readers of JSON keep exactly. Telegram promises 52 bits at most: one bit less."""
