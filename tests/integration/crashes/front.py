"""What stands before several APIs and bots: one address that stays while those behind it die and come back elsewhere.

It looks at the first line of a connection only: `/tg/` goes to the bots, the rest to the APIs, each in its turn.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from entrypoints.sandbox.world import HOST
from tests.integration.crashes.member import Member
from tests.integration.listening import listening

_CHUNK: Final = 65536


class Front:
    """Hands connections on; closes them when nobody is there."""

    def __init__(self) -> None:
        self.members: Sequence[Member] = ()
        self.origin = ""
        self._turn = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen while the block runs."""
        async with listening(self._take, HOST) as self.origin:
            yield

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await self._hand_on(reader, writer)

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readuntil(b"\n")
        behind = await self._connect(bots=b" /tg/" in first)
        if behind is None:
            return
        from_behind, to_behind = behind
        try:
            to_behind.write(first)
            await either(relay(reader, to_behind), relay(from_behind, writer))
        except asyncio.CancelledError:  # the end: whoever does not read any more would keep it open
            to_behind.transport.abort()
            raise
        finally:
            to_behind.close()

    async def _connect(self, *, bots: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        up = [one for one in self.members if one.origin is not None and (one.command == "bot") == bots]
        self._turn += 1
        for place in range(len(up)):
            address = urlsplit(up[(self._turn + place) % len(up)].origin or "")
            with suppress(OSError):
                return await asyncio.open_connection(address.hostname, address.port)
        return None


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes from one to the other, until there are none."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


async def either(*jobs: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends; the others are ended."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
