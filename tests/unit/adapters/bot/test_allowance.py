"""How many codes one person may ask for in an hour."""

from dataclasses import replace

from aiogram.fsm.context import FSMContext
from aiogram.fsm.storage.base import StorageKey

from adapters.bot.allowance import CODES_PER_HOUR, take_one
from adapters.bot.storage import ExpiringStorage

KEY = StorageKey(bot_id=1, chat_id=5, user_id=5)


async def test_allowance_comes_back_as_the_hour_passes() -> None:
    """Each ask is forgotten after an hour of its own; an ask in vain costs nothing; another person has their own."""
    state = FSMContext(storage=ExpiringStorage(), key=KEY)
    for second in range(CODES_PER_HOUR):
        assert await take_one(state, 1000.0 + second) == 0
    assert await take_one(state, 1100.5) == 3500
    await state.clear()
    assert await take_one(state, 4599.5) == 1
    assert await take_one(state, 4600.0) == 0
    assert await take_one(state, 4600.0) == 1
    other = FSMContext(storage=state.storage, key=replace(state.key, chat_id=6, user_id=6))
    assert await take_one(other, 4600.0) == 0


async def test_clock_that_was_set_back_locks_nobody_out() -> None:
    """What is in the future does not count."""
    state = FSMContext(storage=ExpiringStorage(), key=KEY)
    for _ in range(CODES_PER_HOUR):
        assert await take_one(state, 9000.0) == 0
    assert await take_one(state, 10.0) == 0
