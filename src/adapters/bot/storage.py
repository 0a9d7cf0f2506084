"""What is remembered of a conversation between two messages: in this process, or in Redis for several bot processes.

Ours (`/restore`) and those of the operator's own handlers are kept apart: neither can overwrite the other, and only
ours are forgotten after an hour. A Redis that is away closes no gate: whoever asks how far a conversation is hears
"there is none"; whoever wants to remember something gets `StorageAway`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from weakref import WeakValueDictionary

import structlog
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseEventIsolation, BaseStorage, DefaultKeyBuilder, StateType, StorageKey
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisEventIsolation, RedisStorage
from msgspec import Struct, field, structs
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

StorageAway = RedisError
"""Redis did not answer."""

TTL_SECONDS: Final = 3600
"""A conversation of ours that nobody goes on with is forgotten after this time, and the address in it."""

_REDIS_TIMEOUT_SECONDS: Final = 2.0
_LONGEST_TURN_SECONDS: Final = 60.0  # a turn of a process that died is given up
_log = structlog.stdlib.get_logger("paywall.bot")


class ConversationStorage(Struct, frozen=True, kw_only=True):
    """Where conversations are kept; close it at the end.

    Attributes:
        ours: the service's own conversations.
        paid: those of the handlers behind the gate, as long as they want.
        turns: lets one update of a person into our handlers at a time.
    """

    ours: BaseStorage
    paid: BaseStorage
    turns: BaseEventIsolation

    async def close(self) -> None:
        """Close the connections."""
        await self.ours.close()
        await self.paid.close()
        await self.turns.close()


def create_storage(redis_url: str | None) -> ConversationStorage:
    """In Redis, or (None) in this process alone. Connects at the first use.

    Raises:
        ValueError: the URL is none that Redis knows.
    """
    if redis_url is None:
        return ConversationStorage(ours=ExpiringStorage(), paid=MemoryStorage(), turns=LocalTurns())
    redis = Redis.from_url(
        redis_url,
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),  # a connection that Redis has closed meanwhile is replaced unnoticed
    )
    ours = DefaultKeyBuilder(prefix="paywall:restore", with_bot_id=True, with_destiny=True)
    paid = DefaultKeyBuilder(
        prefix="paywall:paid", with_bot_id=True, with_business_connection_id=True, with_destiny=True
    )
    return ConversationStorage(
        ours=SharedStorage(redis, key_builder=ours, state_ttl=TTL_SECONDS, data_ttl=TTL_SECONDS),
        paid=SharedStorage(redis, key_builder=paid),
        turns=SharedTurns(redis, key_builder=ours),
    )


class SharedStorage(RedisStorage):
    """Aiogram's Redis storage that says "no conversation" while Redis is away."""

    async def get_state(self, key: StorageKey) -> str | None:
        """How far the conversation is."""
        try:
            return await super().get_state(key)
        except RedisError as error:
            _log.warning("bot.redis_away", reason=type(error).__name__)
            return None


class SharedTurns(RedisEventIsolation):
    """A lock in Redis. Where Redis is away, or a turn takes too long, updates are handled side by side."""

    @asynccontextmanager
    async def lock(self, key: StorageKey) -> AsyncGenerator[None, None]:
        """Hold the turn."""
        lock = self.redis.lock(self.key_builder.build(key, "lock"), timeout=_LONGEST_TURN_SECONDS)
        held = await _done(lock.acquire())
        try:
            yield
        finally:
            if held:
                await _done(lock.release())


async def _done(step: Awaitable[object]) -> bool:
    """Whether Redis did it."""
    try:
        await step
    except RedisError as error:
        _log.warning("bot.turn_not_kept", reason=type(error).__name__)
        return False
    return True


class LocalTurns(BaseEventIsolation):
    """A lock in this process; it lives as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[StorageKey, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def lock(self, key: StorageKey) -> AsyncGenerator[None, None]:
        """Hold the turn."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            yield

    async def close(self) -> None:
        """Nothing is open."""


class _Kept(Struct, frozen=True, kw_only=True):
    until: float = 0.0
    state: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class ExpiringStorage(BaseStorage):
    """Aiogram's memory storage that forgets: a conversation nobody goes on with must not be there for ever.

    Args:
        now: a clock that only goes forward, in seconds.
    """

    def __init__(self, *, ttl_seconds: float = TTL_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        self._ttl_seconds = ttl_seconds
        self._now = now
        self._kept: dict[StorageKey, _Kept] = {}  # the one to be forgotten next comes first

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """How far the conversation is."""
        self._keep(key, structs.replace(self._find(key), state=state.state if isinstance(state, State) else state))

    async def get_state(self, key: StorageKey) -> str | None:
        """How far the conversation is, None where there is none."""
        return self._find(key).state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """What has been said."""
        self._keep(key, structs.replace(self._find(key), data=dict(data)))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """What has been said."""
        return dict(self._find(key).data)

    async def close(self) -> None:
        """Nothing is open."""

    def _find(self, key: StorageKey) -> _Kept:
        kept = self._kept.get(key, _Kept())
        return kept if self._now() < kept.until else _Kept()

    def _keep(self, key: StorageKey, kept: _Kept) -> None:
        self._kept.pop(key, None)
        now = self._now()
        while self._kept and next(iter(self._kept.values())).until <= now:
            del self._kept[next(iter(self._kept))]
        if kept.state is not None or kept.data:
            self._kept[key] = structs.replace(kept, until=now + self._ttl_seconds)

    def __len__(self) -> int:
        return len(self._kept)
