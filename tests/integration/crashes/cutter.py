"""A wire to PostgreSQL that is cut at the worst moments: as a COMMIT goes out, or as its answer comes back.

It reads as much of the protocol as that takes (https://www.postgresql.org/docs/current/protocol-message-formats.html):
a message is a letter, its length in four bytes, and the rest; the first messages have no letter.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from itertools import cycle
from pathlib import Path
from typing import Final

from entrypoints.sandbox.world import HOST
from tests.integration.crashes.front import either

_SSL_REQUEST: Final = (80877103).to_bytes(4, "big")
_GSS_REQUEST: Final = (80877104).to_bytes(4, "big")


class Cut(StrEnum):
    """When a connection is cut."""

    BEFORE_COMMIT = "before the COMMIT is sent"
    AFTER_COMMIT = "after the COMMIT, before its answer"
    ANY_TIME = "at any time"


class Cutter:
    """Listens on a port; passes everything on to a server's Unix socket, and cuts as told.

    Args:
        socket: the server's.
        rng: decides.
        share: the part of all COMMITs that are cut; before and after by turns, so that few commits have both.
    """

    def __init__(self, socket: Path, rng: random.Random, *, share: float) -> None:
        self.port = 0
        self.cuts: Counter[Cut] = Counter()
        self.commits = 0
        self.cutting = False
        self._socket, self._rng, self._share = socket, rng, share
        self._kinds = cycle(rng.sample((Cut.BEFORE_COMMIT, Cut.AFTER_COMMIT), 2))
        self._until_cut = self._gap()
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen while the block runs."""
        server = await asyncio.start_server(self._take, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await self._cut_all()
            await server.wait_closed()

    async def cut_all(self) -> None:
        """Cut every connection now."""
        self.cuts[Cut.ANY_TIME] += len(self._open)
        await self._cut_all()

    async def _cut_all(self) -> None:
        open_now = list(self._open)
        for task in open_now:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._open.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._hand_on(reader, writer)
        except asyncio.CancelledError:  # cut, and this task with it: asyncio would log it
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(str(self._socket))
        backwards = _Backwards(from_server, writer)
        try:
            await either(self._forwards(reader, to_server, backwards), backwards.run())
        finally:
            to_server.transport.abort()

    async def _forwards(
        self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter, backwards: "_Backwards"
    ) -> None:
        while True:  # the first messages
            size = await reader.readexactly(4)
            rest = await reader.readexactly(int.from_bytes(size, "big") - 4)
            to_server.write(size + rest)
            if rest[:4] not in (_SSL_REQUEST, _GSS_REQUEST):
                break
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
            cut = self._decide(head, body)
            if cut is Cut.BEFORE_COMMIT:
                return
            if cut is Cut.AFTER_COMMIT:
                backwards.swallow = True
            to_server.write(head + body)
            await to_server.drain()

    def _decide(self, head: bytes, body: bytes) -> Cut | None:
        if head[:1] != b"Q" or not body.upper().startswith(b"COMMIT"):
            return None
        self.commits += 1
        if not self.cutting:
            return None
        self._until_cut -= 1
        if self._until_cut:
            return None
        self._until_cut = self._gap()
        cut = next(self._kinds)
        self.cuts[cut] += 1
        return cut

    def _gap(self) -> int:
        """From one cut to the next, in COMMITs: `1 / share` on the average, and never twice as many."""
        return self._rng.randint(1, max(1, round(2 / self._share) - 1))


class _Backwards:
    """The server's answers; told to swallow, it waits for the next one, and ends without passing it on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.swallow = False
        self._reader, self._writer = reader, writer

    async def run(self) -> None:
        """Until there are no more, or one was swallowed."""
        while data := await self._reader.read(65536):
            if self.swallow:
                return  # the server has committed, and nobody hears of it
            self._writer.write(data)
            await self._writer.drain()
