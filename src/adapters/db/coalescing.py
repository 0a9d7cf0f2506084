"""Questions that are asked at the same moment share one statement.

Whoever asks while a lane is free goes in the next turn of the event loop, with all that ask in this one. While
statements are under way in all lanes, further questions gather, and go together in the next one. Nobody joins a
statement that has begun: it may have looked already, and who asks after a commit must see it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

_MOST: Final = 200


class Coalescer(Generic[_K, _V]):
    """Asks for many at once. One loop's tasks may share it.

    Args:
        ask: answers several questions, each of them once; those without an answer are left out.
        lanes: statements under way at once.
        most: questions in one statement.
    """

    def __init__(
        self, ask: Callable[[Sequence[_K]], Awaitable[Mapping[_K, _V]]], *, lanes: int, most: int = _MOST
    ) -> None:
        self._ask = ask
        self._free = lanes
        self._most = most
        self._is_beginning = False
        self._waiting: _Group[_K, _V] = {}
        self._busy: set[asyncio.Task[None]] = set()

    async def __call__(self, question: _K) -> _V | None:
        """The answer, or None. Whatever goes wrong with the statement, all who asked in it are told."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_V | None] = loop.create_future()
        # Each has a future of its own, also where the answer is the same: one that all waited for would have to be
        # shielded from each of them.
        waiting = self._waiting.get(question)
        if waiting is None:
            self._waiting[question] = [answer]
        else:
            waiting.append(answer)
        if self._free and not self._is_beginning:
            self._begin()
        return await answer

    def _begin(self) -> None:
        """Whoever has gathered by the next turn goes."""
        self._is_beginning = True
        self._free -= 1
        task = asyncio.create_task(self._answer_all())
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _answer_all(self) -> None:
        """One lane, as long as somebody waits."""
        self._is_beginning = False
        try:
            while group := self._gather():
                await self._answer(group)
        finally:
            self._free += 1
            if self._waiting and not self._is_beginning:  # the loop is being closed, and somebody asks after all
                self._begin()

    def _gather(self) -> "_Group[_K, _V]":
        if len(self._waiting) <= self._most:
            group, self._waiting = self._waiting, {}
            return group
        group = {question: self._waiting.pop(question) for question in list(self._waiting)[: self._most]}
        if self._free and not self._is_beginning:
            self._begin()
        return group

    async def _answer(self, group: "_Group[_K, _V]") -> None:
        answers = [(question, answer) for question, those in group.items() for answer in those]
        try:
            found = await self._ask(list(group))
        except Exception as error:  # noqa: BLE001  - told to all who asked
            for _, answer in answers:
                if not answer.done():  # whoever asked has gone
                    answer.set_exception(error)
        else:
            for question, answer in answers:
                if not answer.done():
                    answer.set_result(found.get(question))
        finally:
            for _, answer in answers:
                answer.cancel()  # of those that have their answer nothing becomes of this: the process ends


_Group: TypeAlias = dict[_K, list[asyncio.Future[_V | None]]]
