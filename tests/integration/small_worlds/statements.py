"""Stops a use case right before any of its SQL statements, or before a commit: the points where another may step in.

Whoever acts is known by a context variable, so that the product's own `Database` runs unchanged.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import pytest

from adapters.db.connection import Connection, SqliteConnection
from adapters.db.one_trip import OneTrip
from adapters.db.postgresql import PostgresConnection
from adapters.db.statements import Statement

COMMIT: Final = "COMMIT"
_BEGIN_WRITING: Final = "BEGIN IMMEDIATE"
_BEGIN: Final = "BEGIN"  # PostgreSQL's, which sees and holds nothing yet
_WORD: Final = "NOTIFY "  # the bell's, said by a task of its own, or together with another act's

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

    async def reach(self, statement: str, *, in_transaction: bool) -> None:
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
        self.in_transaction = in_transaction

    def ended_transaction(self) -> None:
        """It was committed, or taken back."""
        self.in_transaction = False


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def stoppable() -> Iterator[None]:
    """While this lasts, actors stop where they are told to."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (SqliteConnection, PostgresConnection):
            for name in ("all", "first", "change", "each", "in_one_trip", "run"):
                if name in vars(kind) and (kind, name) not in _MADE_OF_OTHERS:
                    patch.setattr(kind, name, _stopping(vars(kind)[name]))
            patch.setattr(kind, "rollback", _ending(kind.rollback))
        yield


_MADE_OF_OTHERS: Final = {(SqliteConnection, "first"), (SqliteConnection, "in_one_trip")}  # one reads all


def _stopping(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def stop(connection: Connection, what: Statement | OneTrip | str, *rest: Any) -> Any:
        actor, text = _acting.get(), _text(connection, what)
        if actor is None or text == _BEGIN or text.startswith(_WORD) or _is_done_one_by_one(connection, what, rest):
            return await execute(connection, what, *rest)
        await actor.reach(text, in_transaction=not connection.is_clean)
        if text == COMMIT:
            actor.ended_transaction()
        return await execute(connection, what, *rest)

    return stop


def _text(connection: Connection, what: Statement | OneTrip | str) -> str:
    if isinstance(what, OneTrip):
        return what.on_postgresql().sql
    return what if isinstance(what, str) else what.on(connection.dialect).sql


def _is_done_one_by_one(connection: Connection, what: Statement | OneTrip | str, rest: Sequence[Any]) -> bool:
    """On SQLite many rows that give rows are as many statements."""
    many = bool(rest) and isinstance(rest[0], list)
    return many and connection.dialect == "sqlite" and isinstance(what, Statement) and what.on("sqlite").gives_rows


def _ending(rollback: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def end(connection: Connection) -> None:
        actor = _acting.get()
        if actor is not None:
            actor.ended_transaction()
        await rollback(connection)

    return end
