"""The checks as functions of bytes: how `fuzz/` drives them, and how a crash that it found is played again."""

import asyncio
from collections.abc import Callable
from typing import Final

from entrypoints.settings import Role

from .telegram_side import TelegramSide
from .worlds import Api, check_settings

GOOD_SETTINGS: Final = {
    "APP_PUBLIC_BASE_URL": "https://pay.example.com/",
    "INTERNAL_API_TOKEN": "an-internal-token-of-tests",
    "TOKEN_SECRET": "a-newer-token-secret, an-older-token-secret",
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1,whsec_2",
    "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
    "STRIPE_PRICE_SUB_MONTHLY": "price_2",
    "BOT_USERNAME": "@paywall_bot",
}


def checks(runner: asyncio.Runner) -> dict[str, Callable[[bytes], None]]:
    """By the target's name."""
    api, paid, telegram = Api(runner), Api(runner), TelegramSide(runner, Api(runner))
    genuine = paid.pay()
    order_id = api.started["order_id"].encode()

    def webhook(data: bytes) -> None:
        # Seeds name the order by a word that can be written before there is one.
        api.signed(data.replace(b"ORDER", order_id).replace(b"SESSION", api.started["session_id"].encode()))

    def signature(data: bytes) -> None:
        header = bytes(byte for byte in data if byte not in b"\r\n\x00")
        api.unsigned(b"{}", header)

    def token(data: bytes) -> None:
        text = data.decode("utf-8", "replace").replace("GENUINE", genuine)
        paid.activate(text, genuine=genuine)

    def settings(data: bytes) -> None:
        # As an environment gives its bytes: whatever is no UTF-8 becomes a surrogate.
        lines = data.decode("utf-8", "surrogateescape").split("\n")
        pairs = (line.split("=", maxsplit=1) for line in lines if "=" in line)
        check_settings({**GOOD_SETTINGS, **{name.strip(): value for name, value in pairs}}, Role.SERVE)

    def tracking(data: bytes) -> None:
        query = data.decode("latin-1")
        api.tracked("/api/tracking/mobi-slon-event?" + "".join(c for c in query if c.isprintable() and c != "#"))
        api.tracked(
            "/api/tracking/mobi-slon-event", method="POST", content=data, headers={"content-type": "application/json"}
        )

    def start(data: bytes) -> None:
        telegram.start("/start " + data.decode("utf-8", "replace"))

    def updates(data: bytes) -> None:
        telegram.push(data)

    def polling(data: bytes) -> None:
        telegram.poll(data)

    return {
        "webhook": webhook,
        "signature": signature,
        "token": token,
        "settings": settings,
        "tracking": tracking,
        "start": start,
        "updates": updates,
        "polling": polling,
    }
