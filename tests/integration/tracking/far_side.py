"""An HTTP server of the smallest kind, which answers with whatever bytes a test gives it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

from tests.integration.listening import listening


class FarSide:
    """Remembers each request; sends `answer` as it stands, then `endless` again and again until the caller hangs up.

    Attributes:
        requests: request lines.
        heads: whole heads of requests.
        bodies: their bodies.
        answer: the bytes to send; empty: say nothing at all.
        endless: what follows the answer for ever, with pauses of `pause_seconds`.
        hung_up: set once a caller has gone away before the end.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.answer = b""
        self.endless = b""
        self.pause_seconds = 0.0
        self.hung_up = asyncio.Event()
        self.origin = ""

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator[Self]:
        """One, running on a free port."""
        far_side = cls()
        far_side.answers(200)
        async with listening(far_side._handle, "127.0.0.1") as far_side.origin:
            yield far_side

    def answers(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """What the next requests get."""
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""])
        self.answer, self.endless = head.encode() + body, b""

    def never_ends(self, status: int, part: bytes, *, pause_seconds: float = 0) -> None:
        """A body without an end."""
        self.answer = f"HTTP/1.1 {status} Whatever\r\nConnection: close\r\n\r\n".encode()
        self.endless, self.pause_seconds = part, pause_seconds

    def says_nothing(self) -> None:
        """Takes the request, and that is all."""
        self.answer = self.endless = b""

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except ConnectionError:
            self.hung_up.set()
        finally:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.splitlines())}
        self.heads.append(head)
        self.requests.append(head.splitlines()[0])
        self.bodies.append(await reader.readexactly(int(fields.get("content-length", "0"))))
        writer.write(self.answer)
        await writer.drain()
        while self.endless:
            writer.write(self.endless)
            await writer.drain()
            await asyncio.sleep(self.pause_seconds)
        if not self.answer:
            await reader.read()
            self.hung_up.set()
        writer.close()
        await writer.wait_closed()
