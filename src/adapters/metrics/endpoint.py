"""`GET /metrics` for processes that have no HTTP of their own: an ASGI application, and nothing but that page."""

from collections.abc import Callable
from typing import Any

from adapters.metrics.exposition import CONTENT_TYPE, exposition
from adapters.metrics.measures import Measures

_PATH = "/metrics"


class MetricsEndpoint:
    """Shows a process's numbers to whoever knows the token, sent as `Authorization: Bearer`.

    Args:
        measures: what is shown.
        is_known: whether a token is one of those that may look.
    """

    def __init__(self, measures: Measures, is_known: Callable[[bytes], bool]) -> None:
        self._measures = measures
        self._is_known = is_known

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or live as long as the server says."""
        if scope["type"] == "lifespan":
            for _ in range(2):
                begun = await receive()
                await send({"type": f"{begun['type']}.complete"})
            return
        status, body = self._page(scope)
        headers = [
            (b"content-type", (CONTENT_TYPE if status == 200 else "text/plain").encode()),  # noqa: PLR2004  - HTTP's
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        if status == 401:  # noqa: PLR2004  - HTTP's
            headers.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        content = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": content, "more_body": False})

    def _page(self, scope: Any) -> tuple[int, bytes]:
        if scope["path"] != _PATH:
            return 404, b"only /metrics is here\n"
        if scope["method"] not in ("GET", "HEAD"):
            return 405, b"only GET\n"
        sent = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = sent.partition(b" ")
        if scheme.lower() != b"bearer" or not self._is_known(token.strip()):
            return 401, b"send the internal token as Authorization: Bearer\n"
        return 200, exposition(self._measures.families)
