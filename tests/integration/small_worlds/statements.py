"""Stops a use case right before any of its SQL statements, or before a commit: the points where another may step in.

Whoever acts is known by a context variable, so that the product's own `Database` runs unchanged.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.util import await_only

COMMIT: Final = "COMMIT"
_BEGIN_WRITING: Final = "BEGIN IMMEDIATE"

Pause: TypeAlias = Callable[["Actor"], bool]


class Actor:
    """One use case as it runs.

    Attributes:
        name: for the story of a failure.
        point: number of the point that it stands at, or has passed last; 1 is its first statement.
        begins: whether that point is the first of a transaction.
        paused: it stands at a point and waits.
        in_transaction: its transaction is open.
        pause: whether to wait at the point that was just reached; None: never.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.point = 0
        self.begins = False
        self.paused = False
        self.in_transaction = False
        self.pause: Pause | None = None
        self.statements: list[str] = []
        self._writes = False
        self._waits_to_begin = False
        self._go = asyncio.Event()
        self._task: asyncio.Task[str] | None = None

    def start(self, act: Callable[[], Awaitable[str]]) -> None:
        """Let it run, in a task of its own."""

        async def play() -> str:
            _acting.set(self)
            return await act()

        self._task = asyncio.create_task(play())

    @property
    def done(self) -> bool:
        """It has come to its end."""
        return self._task is not None and self._task.done()

    async def answer(self) -> str:
        """What it came to; raises what it raised."""
        assert self._task is not None
        return await self._task

    def go_on(self) -> None:
        """Leave the point."""
        self.paused = False
        self._go.set()

    def queues_behind(self, other: "Actor") -> bool:
        """On SQLite: it has asked for the one write lock, and the other has it."""
        return self._waits_to_begin and other.in_transaction and other._writes and not other._waits_to_begin

    async def stop(self) -> None:
        """Give up whatever it is doing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def reach(self, statement: str) -> None:
        """A point: wait here if that is wanted."""
        self._waits_to_begin = False
        self.point += 1
        self.begins = not self.in_transaction
        self.statements.append(statement)
        if self.pause is not None and self.pause(self):
            self._go.clear()
            self.paused = True
            await self._go.wait()
        if statement == COMMIT:
            return
        if not self.in_transaction:
            self._writes = statement == _BEGIN_WRITING
            self._waits_to_begin = self._writes
        self.in_transaction = True

    def ended_transaction(self) -> None:
        """It was committed, or taken back."""
        self.in_transaction = False


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def stoppable() -> Iterator[None]:
    """While this lasts, actors stop where they are told to."""

    def before_statement(
        _connection: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
    ) -> None:
        actor = _acting.get()
        if actor is not None:
            await_only(actor.reach(statement))

    def before_commit(_connection: Any) -> None:
        actor = _acting.get()
        if actor is not None:
            await_only(actor.reach(COMMIT))
            actor.ended_transaction()

    def on_rollback(_connection: Any) -> None:
        actor = _acting.get()
        if actor is not None:
            actor.ended_transaction()

    listeners = (("before_cursor_execute", before_statement), ("commit", before_commit), ("rollback", on_rollback))
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)
