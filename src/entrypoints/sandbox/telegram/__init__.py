"""Telegram on loopback: a Bot API that an unmodified bot library talks to, and a chat page for the person.

It speaks Telegram's protocol only; it must never import the product's adapters or its core's use cases.
"""

from entrypoints.sandbox.telegram.errors import PersonRefusal
from entrypoints.sandbox.telegram.sandbox import TelegramSandbox

__all__ = ["PersonRefusal", "TelegramSandbox"]
