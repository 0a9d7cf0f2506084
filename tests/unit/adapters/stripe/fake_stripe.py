"""For the tests beside this file: a server that answers what it was told, and a clock that is moved by hand."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

import msgspec

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


class SetClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        """Where it was put."""
        return self.moment


class FakeStripe:
    """A real HTTP server of the smallest kind: remembers each request, gives the answer it was told.

    Attributes:
        requests: request line without the protocol, headers, form of each.
        next_bodies: what single requests get before `body` is given again.
        paths: status and body of what single paths get whatever else was told, without the query.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.status = "200 OK"
        self.headers: Mapping[str, str] = {}
        self.body = b"{}"
        self.next_bodies: list[bytes] = []
        self.paths: dict[str, tuple[str, bytes]] = {}
        self.port = 0

    def answers(self, document: object, status: str = "200 OK", **headers: str) -> None:
        """What the next requests get. The SDK is told not to wait and retry, unless a test wants that."""
        self.status, self.body = status, msgspec.json.encode(document)
        self.headers = {"Stripe-Should-Retry": "false", "Request-Id": "req_1", **headers}

    def answers_in_turn(self, *documents: object) -> None:
        """What the next requests get, one each; the last of them for ever."""
        self.answers(documents[-1])
        self.next_bodies = [msgspec.json.encode(document) for document in documents[:-1]]

    def answers_at(self, path: str, document: object, status: str = "200 OK") -> None:
        """What one path gets."""
        self.paths[path] = (status, msgspec.json.encode(document))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.requests.append((lines[0].rsplit(" ", 1)[0], headers, form))
        status, answer = self.status, self.next_bodies.pop(0) if self.next_bodies else self.body
        status, answer = self.paths.get(lines[0].split(" ")[1].partition("?")[0], (status, answer))
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(answer)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
