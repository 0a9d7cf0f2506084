"""The store that survives the one it shares with other processes."""

import asyncio
from datetime import timedelta

import pytest
from litestar.stores.base import Store
from litestar.stores.memory import MemoryStore
from redis.exceptions import ConnectionError as RedisConnectionError

from adapters.http import rate_limits
from adapters.http.rate_limits import SurvivingStore


class Flaky(MemoryStore):
    """A shared store that may be away or slow."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.slow = False
        self.asked = 0
        self.open = 0

    async def get(self, key: str, renew_for: int | timedelta | None = None) -> bytes | None:
        """Answer, fail or hang."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        if self.slow:
            await asyncio.Event().wait()
        return await super().get(key, renew_for)

    async def set(self, key: str, value: str | bytes, expires_in: int | timedelta | None = None) -> None:
        """Take it, or fail."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        await super().set(key, value, expires_in)

    async def __aenter__(self) -> None:
        """Open."""
        self.open += 1

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        self.open -= 1


class Hidden(Store):
    """A store of another kind than the memory's, so that it counts as a shared one."""

    def __init__(self, inner: Flaky) -> None:
        self._inner = inner

    async def set(self, key: str, value: str | bytes, expires_in: int | timedelta | None = None) -> None:
        """Pass on."""
        await self._inner.set(key, value, expires_in)

    async def get(self, key: str, renew_for: int | timedelta | None = None) -> bytes | None:
        """Pass on."""
        return await self._inner.get(key, renew_for)

    async def delete(self, key: str) -> None:
        """Pass on."""
        await self._inner.delete(key)

    async def delete_all(self) -> None:
        """Pass on."""
        await self._inner.delete_all()

    async def exists(self, key: str) -> bool:
        """Pass on."""
        return await self._inner.exists(key)

    async def expires_in(self, key: str) -> int | None:
        """Pass on."""
        return await self._inner.expires_in(key)

    async def __aenter__(self) -> None:
        """Pass on."""
        await self._inner.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        """Pass on."""
        await self._inner.__aexit__(*error)


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


async def test_shared_store_is_the_one_that_is_asked() -> None:
    """For everything that a store can do."""
    shared = Flaky()
    store = SurvivingStore(Hidden(shared), clock=Seconds())
    await store.set("a", "1", 60)
    assert (await store.get("a"), await shared.get("a")) == (b"1", b"1")
    assert await store.exists("a")
    assert await store.expires_in("a") in (59, 60)
    await store.delete("a")
    assert not await store.exists("a")
    await store.set("b", "1")
    await store.delete_all()
    assert not await shared.exists("b")


@pytest.mark.parametrize("failure", [RedisConnectionError("no"), OSError("no"), TimeoutError()])
async def test_store_that_is_away_is_left_alone_for_a_while(failure: Exception) -> None:
    """Requests do not wait for it one after another; when it is back, it is asked again."""
    shared, clock = Flaky(), Seconds()
    store = SurvivingStore(Hidden(shared), clock=clock)
    await store.set("a", "shared")
    shared.failure = failure
    assert await store.get("a") is None
    await store.set("a", "own")
    assert await store.get("a") == b"own"
    assert shared.asked == 2
    clock.now += 4.9
    assert await store.get("a") == b"own"
    shared.failure = None
    clock.now += 0.2
    assert await store.get("a") == b"shared"


async def test_store_that_does_not_answer_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging connection must not hang the service."""
    monkeypatch.setattr(rate_limits, "_STORE_SECONDS", 0.01)
    shared = Flaky()
    store = SurvivingStore(Hidden(shared), clock=Seconds())
    shared.slow = True
    assert await store.get("a") is None
    assert await store.get("a") is None
    assert shared.asked == 1


async def test_mistake_is_no_absence() -> None:
    """An error that is not the connection's is seen."""
    shared = Flaky()
    store = SurvivingStore(Hidden(shared), clock=Seconds())
    shared.failure = ValueError("a mistake")
    with pytest.raises(ValueError, match="a mistake"):
        await store.get("a")


async def test_store_is_open_while_the_application_is() -> None:
    """And closed afterwards."""
    shared = Flaky()
    async with SurvivingStore(Hidden(shared), clock=Seconds()):
        assert shared.open == 1
    assert shared.open == 0


async def test_what_has_expired_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself: nobody may ever ask for it again, and every client that comes by leaves something."""
    monkeypatch.setattr(rate_limits, "_SWEEP_SECONDS", 0.001)
    memory = MemoryStore()
    async with SurvivingStore(memory):
        await memory.set("old", "1", timedelta(microseconds=1))
        await memory.set("new", "1", 60)
        async with asyncio.timeout(30):
            while "old" in memory._store:
                await asyncio.sleep(0.001)
    assert "new" in memory._store
