"""Counting in memory, and the counter that survives the one it shares with other processes."""

import asyncio

import pytest

from adapters.http import rate_counters
from adapters.http.rate_counters import Count, MemoryCounter, RateCounter, SurvivingCounter


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Flaky(RateCounter):
    """A shared counter that may be away or slow."""

    def __init__(self) -> None:
        self.inner = MemoryCounter(clock=Seconds())
        self.failure: Exception | None = None
        self.slow = False
        self.asked = 0
        self.closed = False

    async def count(self, key: str, window_seconds: int) -> Count:
        """Answer, fail or hang."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        if self.slow:
            await asyncio.Event().wait()
        return await self.inner.count(key, window_seconds)

    async def close(self) -> None:
        """Close."""
        self.closed = True


async def test_window_begins_with_the_first_and_ends_by_itself() -> None:
    """Whatever happens in it; another key has a window of its own."""
    clock = Seconds()
    counter = MemoryCounter(clock=clock)
    assert await counter.count("a", 60) == Count(1, 60)
    clock.now = 59.5
    assert await counter.count("a", 60) == Count(2, 0.5)
    assert await counter.count("b", 60) == Count(1, 60)
    clock.now = 60
    assert await counter.count("a", 60) == Count(1, 60)


async def test_windows_that_are_over_are_forgotten() -> None:
    """By itself: nobody may ever come back, and every client that comes by leaves one."""
    clock = Seconds()
    counter = MemoryCounter(clock=clock)
    await counter.count("old", 1)
    await counter.count("open", 3600)
    clock.now = 61
    await counter.count("new", 1)
    assert set(counter._windows) == {"open", "new"}


async def test_shared_counter_is_the_one_that_is_asked() -> None:
    """As long as it answers."""
    shared = Flaky()
    counter = SurvivingCounter(shared, clock=Seconds())
    assert [(await counter.count("a", 60)).requests for _ in range(3)] == [1, 2, 3]
    assert (await shared.inner.count("a", 60)).requests == 4


@pytest.mark.parametrize("failure", [ConnectionError("no"), OSError("no"), TimeoutError()])
async def test_counter_that_is_away_is_left_alone_for_a_while(failure: Exception) -> None:
    """Requests do not wait for it one after another; when it is back, it is asked again."""
    shared, clock = Flaky(), Seconds()
    counter = SurvivingCounter(shared, clock=clock)
    shared.failure = failure
    assert [(await counter.count("a", 60)).requests for _ in range(3)] == [1, 2, 3]
    assert shared.asked == 1
    clock.now += 4.9
    assert (await counter.count("a", 60)).requests == 4
    shared.failure = None
    clock.now += 0.2
    assert (await counter.count("a", 60)).requests == 1
    assert shared.asked == 2


async def test_counter_that_does_not_answer_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging connection must not hang the service."""
    monkeypatch.setattr(rate_counters, "_SHARED_SECONDS", 0.01)
    shared = Flaky()
    counter = SurvivingCounter(shared, clock=Seconds())
    shared.slow = True
    assert [(await counter.count("a", 60)).requests for _ in range(2)] == [1, 2]
    assert shared.asked == 1


async def test_mistake_is_no_absence() -> None:
    """An error that is not the connection's is seen."""
    shared = Flaky()
    shared.failure = ValueError("a mistake")
    with pytest.raises(ValueError, match="a mistake"):
        await SurvivingCounter(shared, clock=Seconds()).count("a", 60)


async def test_shared_counter_is_closed_with_it() -> None:
    """Nothing stays open."""
    shared = Flaky()
    await SurvivingCounter(shared).close()
    assert shared.closed
