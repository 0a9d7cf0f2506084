"""Who somebody is on Telegram."""

from typing import Final

MAX_TELEGRAM_ID: Final = 2**53 - 1
"""Telegram promises at most 52 significant bits for a user's id."""
