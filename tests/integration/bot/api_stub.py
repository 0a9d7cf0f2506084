"""Our API on loopback, which answers as it is told: for what the real one only says once in a while."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

INTERNAL_TOKEN = "an internal token"
STRANGER = {"is_paid": False, "order_id": None, "plan": None, "access_status": None}
MEMBER = {"is_paid": True, "order_id": "o", "plan": "one_time_basic", "access_status": "active"}
RESTORED = {"status": "restored", "activation_link": None, "access_granted": True}
GRANTED = {
    "access_granted": True,
    "order_id": "o",
    "plan": "one_time_basic",
    "access_status": "active",
    "access_expires_at": None,
}

STATUS = "/api/bot/access/status"
ACTIVATE = "/api/bot/access/activate"
REQUEST = "/api/bot/restore/request"
CONFIRM = "/api/bot/restore/confirm"

_USUAL: dict[str, dict[str, Any]] = {
    STATUS: STRANGER,
    ACTIVATE: GRANTED,
    REQUEST: {"status": "otp_logged"},
    CONFIRM: RESTORED,
}


def problem(status: int, code: str, *, fields: tuple[str, ...] = (), retry_after: str | None = None) -> web.Response:
    """A problem document."""
    errors = [{"field": field, "message": "is not as it should be"} for field in fields]
    body = {"type": "about:blank", "title": code, "status": status, "detail": code, "code": code, "errors": errors}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


class ApiStub:
    """Answers with what is next in line for a path, else as if all were well; remembers what it was asked.

    `meanwhile` is done before each answer.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.next: dict[str, deque[web.Response]] = defaultdict(deque)
        self.is_down = False
        self.locale: str | None = None
        self.is_paid = False
        self.meanwhile: Callable[[], Awaitable[object] | None] = lambda: None
        self.base_url = ""

    def will(self, path: str, *answers: web.Response) -> None:
        """The next answers of a call."""
        self.next[path].extend(answers)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What a call was asked so far."""
        return [body for called, body in self.asked if called == path]

    async def handle(self, request: web.Request) -> web.Response:
        """Any call."""
        if self.is_down:
            return web.Response(status=502, text="<html>bad gateway", content_type="text/html")
        if request.headers.get("X-Internal-Token") != INTERNAL_TOKEN:
            return problem(401, "internal_token_invalid")
        self.asked.append((request.path, await request.json()))
        if (deed := self.meanwhile()) is not None:
            await deed
        if self.next[request.path]:
            return self.next[request.path].popleft()
        body = MEMBER if request.path == STATUS and self.is_paid else _USUAL[request.path]
        headers = {} if self.locale is None else {"Content-Language": self.locale}
        return web.json_response(body, headers=headers)


@asynccontextmanager
async def on_loopback(app: web.Application) -> AsyncIterator[str]:
    """An aiohttp application on a free port; gives its origin."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def api_stub() -> AsyncIterator[ApiStub]:
    """A stub, running."""
    stub = ApiStub()
    app = web.Application()
    app.router.add_post("/{path:.*}", stub.handle)
    async with on_loopback(app) as stub.base_url:
        yield stub
