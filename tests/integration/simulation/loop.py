"""An event loop in which nothing happens by chance: time is a number, and who goes next is drawn from the seed.

asyncio promises no order among tasks that are ready at the same moment. Here that order is drawn, so that a seed is one
interleaving, and the same seed the same one again. Nobody waits for a clock: when nothing is ready, time moves to the
next timer. There are no sockets and no threads; whatever needs one does not belong into a simulation.

Every task belongs to an owner (a process of the simulated deployment). An owner can be killed: none of its tasks goes
on, except to unwind.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

OWNER: Final[ContextVar[str]] = ContextVar("owner", default="world")
"""Whose task runs: the name of a simulated process, or `world`."""

_TOO_MANY_TURNS: Final = 200_000  # a simulation that spins without end is a bug of its own


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs tasks in an order that `choice` draws.

    Attributes:
        turns: how many callbacks have run.
        races: how often tasks of different owners were ready at once, so that their order was drawn.
        unretrieved: what tasks left behind that nobody awaited.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, choice: random.Random) -> None:
        super().__init__()
        self._choice = choice
        self._seconds = 0.0
        self.turns = 0
        self.races = 0
        self.unretrieved: list[str] = []
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Seconds since the loop began, by its own clock."""
        return self._seconds

    def start(self, owner: str, work: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        """A task of this owner."""
        context = copy_context()
        context.run(OWNER.set, owner)
        return self.create_task(work, context=context)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; timers that ring meanwhile are ready afterwards."""
        self._seconds += seconds
        self._ring()

    def until(self, done: Callable[[], bool]) -> None:
        """Run until something holds.

        Raises:
            RuntimeError: nothing is left to run, and it does not hold.
        """
        asyncio.events._set_running_loop(self)
        try:
            while not done():
                self._turn()
        finally:
            asyncio.events._set_running_loop(None)

    def run_turns(self, number: int) -> None:
        """Run so many callbacks, or fewer when nothing is ready. No time passes."""
        last = self.turns + number
        self.until(lambda: self.turns >= last or not self._ready)

    def drain(self) -> None:
        """Run until nobody has anything to do, now or later."""
        self.until(lambda: not self._ready and all(timer.cancelled() for timer in self._scheduled))

    def finish(self, work: Coroutine[Any, Any, _T], owner: str = "world") -> _T:
        """Run until this is done, the others beside it, and give its result."""
        task = self.start(owner, work)
        self.until(task.done)
        return task.result()

    def _turn(self) -> None:
        """Run one callback: of those that are ready the one that is drawn; when none is, time moves on."""
        ready = self._ready
        if not ready:
            self._to_next_timer()
        owners = {_owner_of(handle) for handle in ready} if len(ready) > 1 else ()
        self.races += len(owners) > 1
        self.turns += 1
        if self.turns > _TOO_MANY_TURNS:
            raise RuntimeError("the simulation does not come to an end")
        place = self._choice.randrange(len(ready)) if len(owners) > 1 else 0
        handle = ready[place]
        del ready[place]
        if not handle._cancelled:
            handle._run()

    def _to_next_timer(self) -> None:
        timers = self._scheduled
        while timers and timers[0].cancelled():
            _forget(heapq.heappop(timers))
        if not timers:
            raise RuntimeError("everybody waits, and for nobody")
        self._seconds = max(self._seconds, timers[0].when())
        self._ring()

    def _ring(self) -> None:
        """Timers whose time has come are ready."""
        timers = self._scheduled
        while timers and timers[0].when() <= self._seconds:
            handle = heapq.heappop(timers)
            _forget(handle)
            self._ready.append(handle)

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector who would have to be woken."""

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a task left behind that nobody awaited."""
        self.unretrieved.append(f"{context.get('message')}: {context.get('exception')!r}")


def _owner_of(handle: asyncio.Handle) -> str:
    return handle._context.get(OWNER, "world")  # type: ignore[attr-defined,no-any-return]


def _forget(handle: asyncio.TimerHandle) -> None:
    """What `_run_once` notes of a timer that it takes out."""
    handle._scheduled = False  # type: ignore[attr-defined]
