"""Questions that are asked at the same moment share one statement.

Whoever asks while nothing is under way is answered at once, alone. While statements are under way, further questions
gather, and go together in the next one. Nobody joins a statement that has begun: it may have looked already, and who
asks after a commit must see it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

_LANES: Final = 2
_MOST: Final = 200


class Coalescer(Generic[_K, _V]):
    """Asks for many at once.

    Args:
        ask: answers several questions, each of them once; those without an answer are left out.
        lanes: statements under way at once.
        most: questions in one statement.
    """

    def __init__(
        self, ask: Callable[[Sequence[_K]], Awaitable[Mapping[_K, _V]]], *, lanes: int = _LANES, most: int = _MOST
    ) -> None:
        self._ask = ask
        self._free = lanes
        self._most = most
        self._waiting: dict[_K, asyncio.Future[_V | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, question: _K) -> _V | None:
        """The answer, or None. Whatever goes wrong with the statement, all who asked in it are told."""
        if self._free and not self._waiting:
            self._free -= 1
            try:
                return (await self._ask([question])).get(question)
            finally:
                self._next()
        answer = self._waiting.get(question)
        if answer is None:
            answer = self._waiting[question] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(answer)  # others may wait for the same answer

    def _next(self) -> None:
        """A lane is free: whoever has gathered goes."""
        if not self._waiting:
            self._free += 1
            return
        questions = list(self._waiting)[: self._most]
        task = asyncio.create_task(self._answer({question: self._waiting.pop(question) for question in questions}))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, answers: Mapping[_K, asyncio.Future[_V | None]]) -> None:
        try:
            found = await self._ask(list(answers))
        except BaseException as error:
            for answer in answers.values():
                answer.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                answer.exception()  # retrieved: whoever asked may have gone
            if not isinstance(error, Exception):
                raise
        else:
            for question, answer in answers.items():
                answer.set_result(found.get(question))
        finally:
            self._next()
