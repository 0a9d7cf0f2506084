"""uvicorn's HTTP protocol, with an answer that is whole written at once.

uvicorn writes an answer's head and its body each by a call to the system, which costs more than anything else that a
hot call does. Here the head is held back until the body is there. Whatever is not such an answer (a stream, an answer
to HEAD, the last one of a connection) is uvicorn's own affair, and so is everything that the application does wrong.
"""

from typing import Any, Final, TypeAlias

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

_App: TypeAlias = Any
_Message: TypeAlias = Any

_MOST_NAMES: Final = 256
_BODILESS: Final = frozenset((204, 304))
_LENGTH: Final = b"content-length: "
_HOP_BY_HOP: Final = frozenset((b"connection", b"transfer-encoding"))

_starts: dict[bytes, bytes] = {}


class OneWriteProtocol(HttpToolsProtocol):
    """As uvicorn's, but for the way in which answers are written."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: _App) -> None:
        super()._start_asgi_task(cycle, _Answering(cycle, app))


class _Answering:
    """The application, while it answers one request."""

    __slots__ = ("_app", "_cycle", "_head")

    def __init__(self, cycle: RequestResponseCycle, app: _App) -> None:
        self._app = app
        self._cycle = cycle
        self._head: _Message = None

    async def __call__(self, scope: Any, receive: Any, _send: Any) -> None:
        """Answer. A head that was held back when the application failed was never sent: uvicorn answers instead."""
        await self._app(scope, receive, self._send)
        if self._head is not None:  # a head without a body: uvicorn has the words for that
            await self._cycle.send(self._head)

    async def _send(self, message: _Message) -> None:
        held, self._head = self._head, None
        if held is None and message["type"] == "http.response.start" and not self._cycle.response_started:
            self._head = message
        elif held is None:
            await self._cycle.send(message)
        elif not self._write(held, message):
            await self._cycle.send(held)
            await self._cycle.send(message)

    def _write(self, head: _Message, message: _Message) -> bool:
        """Write a whole answer, and say so; or do nothing, where it is none."""
        cycle = self._cycle
        if (
            message["type"] != "http.response.body"
            or message.get("more_body", False)
            or not cycle.keep_alive
            or cycle.disconnected
            or cycle.flow.write_paused
            or cycle.scope["method"] == "HEAD"
            or head["status"] in _BODILESS
        ):
            return False
        body = message.get("body", b"")
        parts = [STATUS_LINE[head["status"]]]
        length = None
        for name, value in (*cycle.default_headers, *head.get("headers", ())):
            start = _starts.get(name) or _start(name)
            if start is None or HEADER_VALUE_RE.search(value):
                return False
            if start is _LENGTH:
                if length is not None:
                    return False
                length = value
            parts += (start, value, b"\r\n")
        if length != str(len(body)).encode():
            return False
        parts += (b"\r\n", body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = cycle.chunked_encoding = False
        cycle.expected_content_length = 0
        cycle.transport.write(b"".join(parts))
        cycle.message_event.set()
        cycle.on_response()
        return True


def _start(name: bytes) -> bytes | None:
    """A header's line up to its value; None, where uvicorn must see to it."""
    lowered = name.lower()
    if HEADER_RE.search(name) or lowered in _HOP_BY_HOP:
        return None
    start = _LENGTH if lowered == b"content-length" else b"%b: " % lowered
    if len(_starts) < _MOST_NAMES:
        _starts[name] = start
    return start
