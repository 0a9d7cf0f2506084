"""Requests of several processes counted in a Redis. A module of its own: who counts alone does not load the driver."""

from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from adapters.http.rate_counters import Count, RateCounter

_PREFIX: Final = "PAYWALL:rate:"
_COUNT_ONE: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class RedisCounter(RateCounter):
    """Counts the requests of all processes that share a Redis; one script, so that no two count the same."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._count_one = redis.register_script(_COUNT_ONE)

    async def count(self, key: str, window_seconds: int) -> Count:
        """Count one more."""
        try:
            requests, left_ms = await self._count_one(keys=[_PREFIX + key], args=[window_seconds * 1000])
        except RedisError as error:
            raise ConnectionError(type(error).__name__) from error
        return Count(int(requests), max(0, int(left_ms)) / 1000)

    async def close(self) -> None:
        """Close its connections."""
        await self._redis.aclose()
