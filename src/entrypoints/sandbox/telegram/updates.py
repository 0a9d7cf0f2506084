"""The updates that the bot has not taken yet, and the long poll on them.

An update stays until a poll's `offset` confirms it, or the webhook takes it: nothing is lost when an answer is.
Knows neither people nor HTTP.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct

from entrypoints.sandbox.telegram.errors import bad_gateway, conflict
from entrypoints.sandbox.troubles import Troubles

DOWN_CHECK_SECONDS: Final = 0.2
_MAX_POLL_SECONDS: Final = 50
_MAX_BATCH: Final = 100
_FIRST_UPDATE_ID: Final = 100_001
# Telegram sends these only to a bot that names them in `allowed_updates`.
_ON_DEMAND: Final = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


class Signal:
    """Wakes everyone who waits; needs no event loop to be made."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Something changed."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, timeout_seconds: float | None = None) -> None:
        """Until the next `notify`, or until the time is over."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait({future}, timeout=timeout_seconds)
        finally:
            self._waiting.discard(future)


class Update(Struct, frozen=True, kw_only=True):
    """One update: `kind` is the name of its one field beside the id."""

    update_id: int
    kind: str
    content: Any

    def document(self) -> dict[str, Any]:
        """As Telegram sends it."""
        return {"update_id": self.update_id, self.kind: self.content}


@dataclass(slots=True, eq=False)
class _Poll:
    ended_by: str = ""


class UpdateQueue:
    """First in, first out; at most one long poll at a time."""

    def __init__(self, troubles: Troubles) -> None:
        self.signal = Signal()
        self.pending: deque[Update] = deque()
        self.allowed: tuple[str, ...] = ()
        self.is_closed = False
        self._troubles = troubles
        self._last_id = _FIRST_UPDATE_ID - 1
        self._poll: _Poll | None = None

    @property
    def is_polled(self) -> bool:
        """Whether a long poll is open."""
        return self._poll is not None

    def allow(self, kinds: Sequence[str] | None) -> None:
        """Which kinds to keep from now on; None leaves it as it was, empty means the default ones."""
        if kinds is not None:
            self.allowed = tuple(dict.fromkeys(kinds))

    def add(self, kind: str, content: Any) -> None:
        """Append an update, when the bot wants its kind."""
        if (kind not in self.allowed) if self.allowed else (kind in _ON_DEMAND):
            return
        self._last_id += 1
        self.pending.append(Update(update_id=self._last_id, kind=kind, content=content))
        self.signal.notify()

    def drop(self) -> None:
        """Forget everything that waits."""
        self.pending.clear()
        self.signal.notify()

    def close(self) -> None:
        """End the open poll, and take no other."""
        self.is_closed = True
        self.signal.notify()

    def end_poll(self, reason: str) -> None:
        """Answer the open poll, if any, with a conflict."""
        if self._poll is not None:
            self._poll.ended_by = reason
            self._poll = None
            self.signal.notify()

    async def poll(self, *, offset: int, limit: int, timeout_seconds: int) -> list[Update]:
        """getUpdates: what waits, at once or as soon as it comes.

        Raises:
            ApiRefusal: 409 when a later poll or a webhook took over; 502 while Telegram is down or stopping.
        """
        # As Telegram: the newer poll wins, and the older is told so.
        self.end_poll("terminated by other getUpdates request; make sure that only one bot instance is running")
        if offset < 0:
            while len(self.pending) > -offset:
                self.pending.popleft()
        while self.pending and self.pending[0].update_id < offset:
            self.pending.popleft()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(timeout_seconds, 0), _MAX_POLL_SECONDS)
        poll = self._poll = _Poll()
        try:
            while True:
                if poll.ended_by:
                    raise conflict(poll.ended_by)
                if self.is_closed or self._troubles.telegram_down:
                    raise bad_gateway()
                remaining = deadline - loop.time()
                if self.pending or remaining <= 0:
                    batch = limit if 0 < limit <= _MAX_BATCH else _MAX_BATCH
                    return list(self.pending)[:batch]
                # In small steps: the switch "Telegram is down" wakes nobody.
                await self.signal.wait(min(remaining, DOWN_CHECK_SECONDS))
        finally:
            if self._poll is poll:
                self._poll = None
