"""Those that ask at the same moment share a transaction, and each has an outcome of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

_Asked = TypeVar("_Asked")
_Outcome = TypeVar("_Outcome")

DEFAULT_LANES: Final = 2
"""Transactions at once: while one waits for its commit, the next one gathers and works."""

WORTH_A_LANE: Final = 16
"""So many that wait begin a further transaction; fewer wait for the one before them, and share more."""

MOST_TOGETHER: Final = 64
"""A transaction holds its orders for as long as it lasts, and it lasts longer with each that is in it."""


class Together(Generic[_Asked, _Outcome]):
    """Does what is asked at the same moment by a common transaction.

    Whoever comes alone is not kept waiting. Those that come while a transaction is under way wait, and then go
    together: no two that may be about the same thing, and each is answered after its own commit. What cannot be done
    together is done one by one, so that what cannot be done at all fails alone. One loop's tasks may share it.

    Args:
        several: does several by one transaction, or raises and has done nothing. What each came to, in their order; an
            exception among the answers is that one's alone.
        subjects_of: whatever two that may be about the same thing have in common.
        one: does one; by default `several`, with that alone.
        lanes: transactions under way at once, at most. A database with one writer wants one.
        enough: so many that wait begin another one before the one under way is done.
        most: in one of them, at most.
        in_turn: whoever comes alone goes in the next turn of the event loop, with all that come in this one. Else it
            goes at once, and they wait for it.
    """

    def __init__(
        self,
        several: Callable[[Sequence[_Asked]], Awaitable[Sequence[_Outcome | Exception]]],
        *,
        subjects_of: Callable[[_Asked], Collection[object]],
        one: Callable[[_Asked], Awaitable[_Outcome]] | None = None,
        lanes: int = DEFAULT_LANES,
        enough: int = WORTH_A_LANE,
        most: int = MOST_TOGETHER,
        in_turn: bool = False,
    ) -> None:
        self._several = several
        self._subjects_of = subjects_of
        self._one = one or self._alone
        self._lanes = lanes
        self._enough = enough
        self._most = most
        self._in_turn = in_turn
        self._busy = 0
        self._waiting: list[tuple[_Asked, asyncio.Future[_Outcome]]] = []
        self._groups: set[asyncio.Task[None]] = set()

    async def __call__(self, asked: _Asked) -> _Outcome:
        """Do it. Raises what `one` raises."""
        if not self._busy and not self._in_turn:
            self._busy = 1
            try:
                return await self._one(asked)
            finally:
                self._done()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[_Outcome] = loop.create_future()
        self._waiting.append((asked, outcome))
        if not self._busy:
            self._busy = 1
            loop.call_soon(self._done)
        elif self._busy < self._lanes and len(self._waiting) >= self._enough:
            self._begin()
        return await outcome

    async def do_all(self, asked: Sequence[_Asked]) -> Sequence[_Outcome | Exception]:
        """Do several by one transaction, or else each by its own; what each came to.

        Args:
            asked: no two of which may be about the same thing (`subjects_of`).
        """
        try:
            return await self._several(asked)
        except Exception as error:  # noqa: BLE001  - whose fault it was, and whether it was anybody's, is found out alone
            if len(asked) == 1:
                return [error]
        alone = await asyncio.gather(*map(self._one, asked), return_exceptions=True)
        return [_told(outcome) for outcome in alone]

    async def _alone(self, asked: _Asked) -> _Outcome:
        (outcome,) = await self._several([asked])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _done(self) -> None:
        """A lane is free: whoever has gathered goes."""
        self._busy -= 1
        if not self._busy or len(self._waiting) >= self._enough:
            self._begin()

    def _begin(self) -> None:
        group = self._gather()
        if not group:
            return
        self._busy += 1
        task = asyncio.create_task(self._run(group))
        self._groups.add(task)
        task.add_done_callback(self._groups.discard)

    def _gather(self) -> "_Group[_Asked, _Outcome]":
        """The longest waiting, and all that have nothing to do with them. Who has gone meanwhile is passed over."""
        group: list[tuple[_Asked, asyncio.Future[_Outcome]]] = []
        left: list[tuple[_Asked, asyncio.Future[_Outcome]]] = []
        taken: set[object] = set()
        waiting = iter(self._waiting)
        for one in waiting:
            asked, outcome = one
            if outcome.done():
                continue
            subjects = self._subjects_of(asked)
            if not taken.isdisjoint(subjects):
                left.append(one)
                continue
            group.append(one)
            taken.update(subjects)
            if len(group) == self._most:
                break
        self._waiting = [*left, *waiting]
        return group

    async def _run(self, group: "_Group[_Asked, _Outcome]") -> None:
        try:
            outcomes = await self.do_all([asked for asked, _ in group])
            for (_, waiting), outcome in zip(group, outcomes, strict=True):
                if waiting.done():  # whoever asked has gone; it is done all the same
                    continue
                if isinstance(outcome, Exception):
                    waiting.set_exception(outcome)
                else:
                    waiting.set_result(outcome)
        finally:
            for _, waiting in group:
                waiting.cancel()  # of those that have their answer nothing becomes of this: the process ends
            self._done()


_Group: TypeAlias = Sequence[tuple[_Asked, asyncio.Future[_Outcome]]]


def _told(outcome: _Outcome | BaseException) -> _Outcome | Exception:
    """What one came to; the end of the process is nobody's outcome."""
    if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
        raise outcome
    return outcome
