"""Answers on the wire: written at once where they are whole, and as uvicorn would have written them everywhere else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from entrypoints import server
from entrypoints.one_write import OneWriteProtocol
from entrypoints.server import serving

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

BODY = b'{"status":"ok"}'
LENGTH = (b"content-length", str(len(BODY)).encode())
CLOSE = b"Connection: close\r\n"


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    """The head of an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes = BODY, *, more: bool = False) -> dict[str, Any]:
    """A piece of it."""
    return {"type": "http.response.body", "body": content, "more_body": more}


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "whole": [start(LENGTH, (b"Content-Type", b"application/json")), body()],
    "a problem": [start(LENGTH, status=404), body()],
    "empty": [start((b"content-length", b"0")), body(b"")],
    "in two pieces": [start(LENGTH), body(BODY[:4], more=True), body(BODY[4:])],
    "of unknown length": [start(), body()],
    "nothing to say": [start(status=204), body(b"")],
    "the last one": [start(LENGTH, (b"connection", b"close")), body()],
    "a header twice": [start(LENGTH, (b"x-a", b"1"), (b"x-a", b"2")), body()],
}
WRONG: dict[str, list[dict[str, Any]]] = {
    "too long": [start((b"content-length", b"3")), body()],
    "too short": [start((b"content-length", b"99")), body()],
    "two lengths": [start(LENGTH, (b"content-length", b"3")), body()],
    "a bad name": [start(LENGTH, (b"x a", b"1")), body()],
    "a bad value": [start(LENGTH, (b"x-a", b"1\r\nx-b: 2")), body()],
    "no body": [start(LENGTH)],
    "two heads": [start(LENGTH), start(LENGTH), body()],
    "a body first": [body(), start(LENGTH)],
    "a body too many": [start(LENGTH), body(), body()],
}


class Writes:
    """Counts the writes of a connection's transport."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.sizes: list[int] = []

    def write(self, data: bytes) -> None:
        """Write."""
        self.sizes.append(len(data))
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def answering(messages: list[dict[str, Any]]) -> App:
    """An application that sends these."""

    async def app(scope: Any, receive: Any, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        for message in messages:
            await send(dict(message))

    return app


async def exchange(app: App, *requests: bytes) -> list[bytes]:
    """All that a server says to each, until it closes the connection."""
    said = []
    async with serving(app, host="127.0.0.1", port=0, date_header=False) as origin:
        for request in requests:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(origin.rsplit(":", 1)[1]))
            writer.write(request)
            async with asyncio.timeout(10):
                said.append(await reader.read())
            writer.close()
    return said


def request_of(method: str = "GET", *headers: bytes) -> bytes:
    """A request."""
    return b"%b / HTTP/1.1\r\nHost: a\r\n%b\r\n" % (method.encode(), b"".join(headers))


@pytest.fixture
def by_uvicorn(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on, uvicorn's own."""
    return lambda: monkeypatch.setattr(server, "OneWriteProtocol", HttpToolsProtocol)


@pytest.mark.parametrize("name", [*ANSWERS, *WRONG])
async def test_answer_is_as_uvicorn_writes_it(name: str, by_uvicorn: Callable[[], None]) -> None:
    """To the byte: alone on its connection, and before another one on a connection that is kept."""
    app = answering({**ANSWERS, **WRONG}[name])
    requests = []
    for method in ("GET", "HEAD", "POST"):
        requests += [request_of(method, CLOSE), request_of(method) + request_of(method, CLOSE)]
    ours = await exchange(app, *requests)
    by_uvicorn()
    assert ours == await exchange(app, *requests)


async def test_application_that_fails_after_a_head_is_a_plain_500() -> None:
    """The head was held back: so the customer gets no half of an answer."""

    async def app(scope: Any, receive: Any, send: Send) -> None:
        if scope["type"] == "lifespan":
            await answering([])(scope, receive, send)
            return
        await send(start(LENGTH))
        raise RuntimeError("in the middle")

    (said,) = await exchange(app, request_of("GET", CLOSE))
    assert said.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(("name", "writes"), [("whole", 1), ("a problem", 1), ("in two pieces", 3)])
async def test_whole_answer_is_one_write(name: str, writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head and a body in one packet; a stream comes as it comes."""
    counted: list[Writes] = []

    class Counted(OneWriteProtocol):
        def connection_made(self, transport: Any) -> None:
            counted.append(Writes(transport))
            super().connection_made(counted[-1])  # type: ignore[arg-type]  # it has all that a transport has

    monkeypatch.setattr(server, "OneWriteProtocol", Counted)
    async with serving(answering(ANSWERS[name]), host="127.0.0.1", port=0) as origin:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(origin.rsplit(":", 1)[1]))
        writer.write(request_of())
        async with asyncio.timeout(10):
            assert await reader.readuntil(b"}")
        writer.close()
    assert len(counted[0].sizes) == writes


@pytest.fixture(autouse=True)
def _no_errors_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """What an application does wrong is uvicorn's to tell; here it is expected."""
    caplog.set_level("CRITICAL", logger="uvicorn.error")
