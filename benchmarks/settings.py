"""What all servers of the benchmark are told alike, and what is on in ours: each setting that costs something."""

from typing import Final

from benchmarks.stripe_events import WEBHOOK_SECRET

INTERNAL_TOKEN: Final = "an-internal-token-of-the-benchmark"  # noqa: S105  - made up
TOKEN_SECRET: Final = "a-token-secret-of-the-benchmark"  # noqa: S105  - made up
BOT_USERNAME: Final = "paywall_bot"
POOL_SIZE: Final = 20
"""Connections that one process opens to PostgreSQL, at most: our product's own figure, and the references'."""

ONE_TIME_DAYS: Final = 30

# Counted as in production and never reached: each request is looked up, counted and let through.
_NEVER: Final = "999999999/day"
_LIMITS: Final = ("CHECKOUT", "STATUS", "ACTIVATION", "RESTORE", "TRACKING")


def environment(database_url: str, port: int, *, limits: bool = True) -> dict[str, str]:
    """The settings of one process."""
    return {
        "DATABASE_URL": database_url,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(port),
        "APP_PUBLIC_BASE_URL": "https://pay.example.com",
        "INTERNAL_API_TOKEN": INTERNAL_TOKEN,
        "TOKEN_SECRET": TOKEN_SECRET,
        "STRIPE_SECRET_KEY": "sk_live_of_the_benchmark",
        "STRIPE_API_BASE": "http://127.0.0.1:9",  # nobody is there; no call that is measured asks Stripe
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
        "STRIPE_PRICE_SUB_MONTHLY": "price_2",
        "ONE_TIME_BASIC_DAYS": str(ONE_TIME_DAYS),
        "BOT_USERNAME": BOT_USERNAME,
        "LOG_FORMAT": "json",
        **{f"RATE_LIMIT_{name}": _NEVER if limits else "off" for name in _LIMITS},
    }
