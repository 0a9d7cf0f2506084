"""Conversations kept in the process: as long as they are under way, and no longer."""

import asyncio
import gc

import pytest
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import StorageKey
from aiogram.fsm.storage.memory import MemoryStorage

from adapters.bot.storage import ExpiringStorage, LocalTurns, create_storage

STEP = State("step", group_name="Talk")


def key(user: int = 5) -> StorageKey:
    """A person's private chat."""
    return StorageKey(bot_id=1, chat_id=user, user_id=user)


class Clock:
    """A clock that is moved by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


async def test_what_was_said_is_remembered_until_it_expires() -> None:
    """Each step gives it another hour."""
    clock = Clock()
    storage = ExpiringStorage(ttl_seconds=60, now=clock)
    await storage.set_state(key(), STEP)
    clock.seconds = 50
    await storage.set_data(key(), {"a": 1})
    clock.seconds = 100
    assert (await storage.get_state(key()), await storage.get_data(key())) == ("Talk:step", {"a": 1})
    clock.seconds = 110
    assert (await storage.get_state(key()), await storage.get_data(key())) == (None, {})


async def test_what_was_said_is_a_copy() -> None:
    """As it would be in Redis."""
    storage = ExpiringStorage()
    said = {"a": 1}
    await storage.set_data(key(), said)
    said["a"] = 2
    (await storage.get_data(key()))["a"] = 3
    assert await storage.get_data(key()) == {"a": 1}


async def test_ended_and_expired_conversations_take_no_room() -> None:
    """Whoever only writes to the bot leaves nothing; the rest goes as others come."""
    clock = Clock()
    storage = ExpiringStorage(ttl_seconds=60, now=clock)
    assert await storage.get_state(key(1)) is None
    await storage.set_state(key(1), STEP)
    await storage.set_state(key(1), None)
    assert len(storage) == 0
    for user in range(100):
        clock.seconds = float(user)
        await storage.set_state(key(user), STEP)
    assert len(storage) == 60
    clock.seconds = 1000
    await storage.set_state(key(1), STEP)
    assert len(storage) == 1


async def test_one_person_takes_turns_and_others_do_not_wait() -> None:
    """In the order of their coming; nothing is kept of a turn that is over."""
    turns = LocalTurns()
    log: list[str] = []

    async def turn(user: int, name: str, until: asyncio.Event | None = None) -> None:
        async with turns.lock(key(user)):
            log.append(f"{name} in")
            if until is not None:
                await until.wait()
            log.append(f"{name} out")

    go_on = asyncio.Event()
    first = asyncio.create_task(turn(1, "first", go_on))
    await asyncio.sleep(0)
    second = asyncio.create_task(turn(1, "second"))
    await turn(2, "other")
    assert log == ["first in", "other in", "other out"]
    go_on.set()
    await asyncio.gather(first, second)
    assert log[3:] == ["first out", "second in", "second out"]
    del first, second
    gc.collect()
    assert len(turns._locks) == 0


async def test_turn_that_fails_is_over() -> None:
    """The next one is let in."""
    turns = LocalTurns()
    with pytest.raises(RuntimeError):
        async with turns.lock(key()):
            raise RuntimeError("a bug")
    async with asyncio.timeout(1), turns.lock(key()):
        pass


async def test_without_redis_everything_is_kept_here() -> None:
    """Ours expires, the operator's is aiogram's default."""
    storage = create_storage(None)
    assert isinstance(storage.ours, ExpiringStorage)
    assert isinstance(storage.paid, MemoryStorage)
    await storage.close()
