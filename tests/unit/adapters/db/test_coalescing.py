"""Who asks at the same moment shares a statement; nobody is answered from one that began before."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from adapters.db.coalescing import Coalescer


class Questions:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.gates: list[asyncio.Future[None]] = []

    async def __call__(self, questions: Sequence[str]) -> Mapping[str, str]:
        """All but the unknown."""
        self.asked.append(list(questions))
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate
        return {question: question.upper() for question in questions if question != "unknown"}

    async def release(self, number: int, error: Exception | None = None) -> None:
        """Let a statement come to its end."""
        if error is None:
            self.gates[number].set_result(None)
        else:
            self.gates[number].set_exception(error)
        await some_turns()


async def some_turns() -> None:
    """Let everybody go on who can: a time, however short, may be over before anybody has had a turn."""
    for _ in range(20):
        await asyncio.sleep(0)


async def start(coalescer: Coalescer[str, str], *questions: str) -> list[asyncio.Task[str | None]]:
    """Ask all of them at once."""

    async def ask(question: str) -> str | None:
        return await coalescer(question)

    tasks = [asyncio.create_task(ask(question)) for question in questions]
    await some_turns()
    return tasks


async def test_who_comes_alone_is_asked_for_alone() -> None:
    """And in the next turn of the loop."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=1)
    for question, answer in (("a", "A"), ("unknown", None)):
        (task,) = await start(coalescer, question)
        await questions.release(len(questions.gates) - 1)
        assert await task == answer
    assert questions.asked == [["a"], ["unknown"]]


async def test_who_comes_in_the_same_turn_goes_together() -> None:
    """Though a lane is free for each of them; the same question is asked once, each has an answer of its own."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=3)
    tasks = await start(coalescer, "a", "b", "unknown", "b", "c")
    assert questions.asked == [["a", "b", "unknown", "c"]]
    await questions.release(0)
    assert await asyncio.gather(*tasks) == ["A", "B", None, "B", "C"]


async def test_who_comes_meanwhile_goes_together() -> None:
    """However many turns it is that they wait."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=1)
    tasks = await start(coalescer, "a")
    tasks += await start(coalescer, "b", "unknown")
    tasks += await start(coalescer, "b", "c")
    assert questions.asked == [["a"]]
    await questions.release(0)
    assert questions.asked == [["a"], ["b", "unknown", "c"]]
    await questions.release(1)
    assert await asyncio.gather(*tasks) == ["A", "B", None, "B", "C"]


async def test_nobody_joins_a_statement_that_has_begun() -> None:
    """It may have looked before that which the question is about."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=1)
    tasks = await start(coalescer, "a")
    tasks += await start(coalescer, "a")
    await questions.release(0)
    assert questions.asked == [["a"], ["a"]]
    await questions.release(1)
    assert await asyncio.gather(*tasks) == ["A", "A"]


async def test_statements_under_way_are_limited() -> None:
    """Two at once, and no more than so many questions in one."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=2, most=2)
    tasks = await start(coalescer, *"abcdefg")
    assert questions.asked == [["a", "b"], ["c", "d"]]
    await questions.release(1)
    assert questions.asked[2:] == [["e", "f"]]
    await questions.release(0)
    assert questions.asked[3:] == [["g"]]
    for number in (2, 3):
        await questions.release(number)
    assert await asyncio.gather(*tasks) == list("ABCDEFG")
    (last,) = await start(coalescer, "h")
    assert questions.asked[-1] == ["h"]
    await questions.release(4)
    assert await last == "H"


async def test_failed_statement_fails_those_who_asked_in_it() -> None:
    """And nobody else: the next one goes as if nothing had been."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=1)
    tasks = await start(coalescer, "a")
    tasks += await start(coalescer, "b", "c")
    await questions.release(0, OSError("away"))
    (late,) = await start(coalescer, "d")
    await questions.release(1, OSError("still away"))
    await questions.release(2)
    for task, said in zip(tasks, ("away", "still away", "still away"), strict=True):
        with pytest.raises(OSError, match=f"^{said}$"):
            await task
    assert await late == "D"


@pytest.mark.parametrize("error", [None, OSError("away")], ids=["answered", "failed"])
async def test_who_leaves_takes_nobody_along(error: OSError | None) -> None:
    """Whether alone in a statement, or one of several who wait for the same answer; it ends as for the others."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=1)
    (alone,) = await start(coalescer, "a")
    gone, stays = await start(coalescer, "b", "b")
    gone.cancel()
    alone.cancel()
    await questions.release(0)
    await questions.release(1, error)
    assert questions.asked == [["a"], ["b"]]
    assert alone.cancelled()
    assert gone.cancelled()
    if error is None:
        assert await stays == "B"
    else:
        with pytest.raises(OSError, match=r"^away$"):
            await stays


async def test_statement_that_is_cut_off_leaves_nobody_waiting() -> None:
    """As when the loop is being closed; whoever asks after all is asked for."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=1)
    (first,) = await start(coalescer, "a")
    (second,) = await start(coalescer, "b")
    (running,) = coalescer._busy
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await questions.release(1)
    assert await second == "B"
    (third,) = await start(coalescer, "c")
    await questions.release(2)
    assert await third == "C"


async def test_lanes_that_are_free_at_once_ask_nothing_twice_and_nothing_empty() -> None:
    """The first of them takes all who wait; the second has nothing to do, and is there for the next."""
    questions = Questions()
    coalescer = Coalescer(questions, lanes=2)
    tasks = [*await start(coalescer, "a"), *await start(coalescer, "b"), *await start(coalescer, "c", "d")]
    for gate in questions.gates:
        gate.set_result(None)
    await some_turns()
    assert questions.asked == [["a"], ["b"], ["c", "d"]]
    (late,) = await start(coalescer, "e")
    assert questions.asked[-1] == ["e"]
    for number in (2, 3):
        await questions.release(number)
    assert await asyncio.gather(*tasks, late) == list("ABCDE")
