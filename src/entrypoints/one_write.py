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
_Said: TypeAlias = tuple[bytes, bytes, bool]  # a header's value, its line, and whether it tells the body's length

_MOST_NAMES: Final = 256
_BODILESS: Final = frozenset((204, 304))
_HOP_BY_HOP: Final = frozenset((b"connection", b"transfer-encoding"))

_said: dict[bytes, _Said] = {}  # by the header's name: most say the same in every answer


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
        lines = [STATUS_LINE[head["status"]]]
        lengths = 0
        for name, value in (*cycle.default_headers, *head.get("headers", ())):
            said = _said.get(name)
            if said is None or said[0] != value:
                said = _say(name, value)
                if said is None:
                    return False
            lines.append(said[1])
            if said[2]:
                if int(value) != len(body):
                    return False
                lengths += 1
        if lengths != 1:
            return False
        lines += (b"\r\n", body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = cycle.chunked_encoding = False
        cycle.expected_content_length = 0
        cycle.transport.write(b"".join(lines))
        cycle.message_event.set()
        cycle.on_response()
        return True


def _say(name: bytes, value: bytes) -> _Said | None:
    """A header's line; None, where uvicorn must see to it."""
    lowered = name.lower()
    is_length = lowered == b"content-length"
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value) or lowered in _HOP_BY_HOP:
        return None
    if is_length and not value.isdigit():
        return None
    said = (value, b"%b: %b\r\n" % (lowered, value), is_length)
    if len(_said) < _MOST_NAMES or name in _said:
        _said[name] = said
    return said
