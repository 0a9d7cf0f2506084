"""How often one client may ask, for each group of calls; counted by Litestar's own middleware in one of its stores.

In memory the count is this process's own, in Redis it is shared. A shared store that is away takes nothing down: until
it is back, each process counts for itself. Whoever has paid is not kept out by a counter.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Literal, TypeVar

import anyio
import structlog
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.middleware.rate_limit import RateLimitConfig, RateLimitMiddleware
from litestar.stores.base import Store
from litestar.stores.memory import MemoryStore
from litestar.types import ASGIApp, Middleware
from msgspec import Struct
from redis.exceptions import RedisError

from adapters.http.client_address import Address, Network, bucket, client_address

_T = TypeVar("_T")

STORE: Final = "rate_limit"
"""The name under which the application knows the store."""

_SWEEP_SECONDS: Final = 60.0
_STORE_SECONDS: Final = 0.5  # a store that takes longer is as good as away
_PAUSE_SECONDS: Final = 5.0
_log = structlog.stdlib.get_logger("paywall.http")


class Rate(Struct, frozen=True, kw_only=True):
    """So many requests in a second, a minute, an hour or a day, counted from the first of them."""

    requests: int
    unit: Literal["second", "minute", "hour", "day"]


class RateLimits(Struct, frozen=True, kw_only=True):
    """The limit of each group of calls, for one client address; None: no limit.

    Attributes:
        checkout: starting one, by the call or the form of `/pay`.
        status: a session's status, by the call or the success page.
        activation: redeeming a token.
        restore: restoring access and the customer portal, by the calls or the forms of `/pay/restore`.
        tracking: events for the trackers.
    """

    checkout: Rate | None
    status: Rate | None
    activation: Rate | None
    restore: Rate | None
    tracking: Rate | None


class Callers:
    """Knows who is calling.

    Args:
        trusted_proxies: whose `X-Forwarded-For` is believed.
    """

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted = tuple(trusted_proxies)

    def address(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Address | None:
        """The client's address, where it has one."""
        peer = connection.client
        return client_address(
            None if peer is None else peer.host, connection.headers.getall("x-forwarded-for", []), self._trusted
        )


class Limiter:
    """Makes the middleware of each group. The calls of one group are counted together."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    def group(self, name: str, rate: Rate | None) -> list[Middleware]:
        """The middleware for every call of a group; none without a limit."""
        if rate is None:
            return []

        def counted_as(request: Request[Any, Any, Any]) -> str:
            return f"{name}:{bucket(self._callers.address(request))}"

        config = RateLimitConfig(rate_limit=(rate.unit, rate.requests), identifier_for_request=counted_as, store=STORE)
        lock = self._locks[name]

        def counting(app: ASGIApp) -> ASGIApp:  # a function: Litestar copies anything else deeply, the lock with it
            return _GroupMiddleware(app, config, lock)

        return [counting]


class _GroupMiddleware(RateLimitMiddleware):
    """Litestar's, with one lock for the whole group: each handler has one of these, which reads, decides and writes."""

    def __init__(self, app: ASGIApp, config: RateLimitConfig, lock: anyio.Lock) -> None:
        super().__init__(app, config)
        self._lock = lock


class SurvivingStore(Store):
    """A shared store, and one in memory for as long as the shared one does not answer.

    Args:
        shared: where all processes count together; a `MemoryStore` serves too.
        clock: seconds, for how long a store that was away is left alone.
    """

    def __init__(self, shared: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._own = shared if isinstance(shared, MemoryStore) else MemoryStore()
        self._clock = clock
        self._away_until = float("-inf")

    async def set(self, key: str, value: str | bytes, expires_in: int | timedelta | None = None) -> None:
        """Set a value."""
        await self._ask(lambda store: store.set(key, value, expires_in))

    async def get(self, key: str, renew_for: int | timedelta | None = None) -> bytes | None:
        """Get a value, or None."""
        return await self._ask(lambda store: store.get(key, renew_for))

    async def delete(self, key: str) -> None:
        """Delete a value."""
        await self._ask(lambda store: store.delete(key))

    async def delete_all(self) -> None:
        """Delete all values."""
        await self._ask(lambda store: store.delete_all())

    async def exists(self, key: str) -> bool:
        """Whether there is a value."""
        return await self._ask(lambda store: store.exists(key))

    async def expires_in(self, key: str) -> int | None:
        """Seconds that a value has left, or None."""
        return await self._ask(lambda store: store.expires_in(key))

    async def __aenter__(self) -> None:
        """Open the shared store. Litestar does so when the application starts."""
        await self._shared.__aenter__()
        self._sweeper = asyncio.create_task(self._sweep())

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Close it."""
        self._sweeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._sweeper
        await self._shared.__aexit__(exc_type, exc_val, exc_tb)

    async def _sweep(self) -> None:
        """Forget what has expired; a memory store by itself forgets only what it is asked for."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self._own.delete_expired()

    async def _ask(self, question: Callable[[Store], Awaitable[_T]]) -> _T:
        if self._shared is not self._own and self._clock() >= self._away_until:
            try:
                async with asyncio.timeout(_STORE_SECONDS):
                    return await question(self._shared)
            except (RedisError, OSError) as error:  # a timeout is an OSError
                self._away_until = self._clock() + _PAUSE_SECONDS
                _log.warning("rate_limits.store_away", reason=type(error).__name__)
        return await question(self._own)
