"""The outbox's bell on PostgreSQL: who has written something that is due wakes the workers of all processes.

NOTIFY goes out after the commit and on a connection of its own turn: inside the transaction it would make all that
commit wait for each other. Should a process die between the two, or the listening connection be down, nothing is lost:
every worker looks at its next poll, too.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import asyncpg
import structlog

from adapters.db.connection import database_errors
from adapters.db.pool import Bell, Pool

_CHANNEL: Final = "paywall_outbox"
_CONNECT_SECONDS: Final = 5.0
_CHECK_SECONDS: Final = 30.0
_BETWEEN_SECONDS: Final = 0.02  # a burst's commits are told of together: a word costs as much as a statement
_PAUSE_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 2.0
_log = structlog.stdlib.get_logger("paywall.database")


class PostgresBell(Bell):
    """Rings here and elsewhere.

    Args:
        pool: whose connections carry the word.
        arguments: what the driver connects by, to listen.
        ring_here: wakes this process's worker.
    """

    def __init__(self, pool: Pool, arguments: Mapping[str, Any], ring_here: Callable[[], None]) -> None:
        self._pool = pool
        self._arguments = arguments
        self._ring_here = ring_here
        self._rung = False
        self._telling: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Wake all workers: those here at once, others by a word. What is rung soon after it is told by one more."""
        self._ring_here()
        self._rung = True
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def listen(self, stop: asyncio.Event) -> None:
        """Ring here whenever another process does, until `stop` is set; a connection that is lost is made anew."""
        while not stop.is_set():
            try:
                await self._listen_once(stop)
            except Exception as error:  # noqa: BLE001  - whatever it is, the worker polls, and must outlive it
                _log.warning("bell.lost", reason=type(error).__name__)
            await _either(stop, seconds=_PAUSE_SECONDS)

    async def close(self) -> None:
        """Let the word that is under way arrive."""
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)

    async def _tell(self) -> None:
        try:
            while self._rung:
                self._rung = False
                async with self._pool.reading() as connection:
                    await connection.run(f"NOTIFY {_CHANNEL}")
                await asyncio.sleep(_BETWEEN_SECONDS)
        except database_errors() as error:
            _log.warning("bell.unheard", reason=type(error).__name__)
        finally:
            self._telling = None

    async def _listen_once(self, stop: asyncio.Event) -> None:
        lost = asyncio.Event()
        async with asyncio.timeout(_CONNECT_SECONDS):  # whoever stops the worker waits no longer for it
            connection = await asyncpg.connect(**self._arguments)
        try:
            connection.add_termination_listener(lambda _connection: lost.set())
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.add_listener(_CHANNEL, self._heard)
            self._ring_here()  # what was written while nobody listened
            while not (stop.is_set() or lost.is_set()):
                await _either(stop, lost, seconds=_CHECK_SECONDS)
                if not (stop.is_set() or lost.is_set()):  # one that is dead is as still as one on which nothing happens
                    await connection.execute("SELECT 1", timeout=_CONNECT_SECONDS)
        finally:
            await connection.close(timeout=_CLOSE_SECONDS)
        if lost.is_set():
            _log.warning("bell.lost", reason="the server closed the connection")

    def _heard(self, *_what: Any) -> None:
        self._ring_here()


async def _either(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Wait for one of these, or for so long."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
