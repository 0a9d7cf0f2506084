"""A Bot API on loopback that answers as it is told: for the refusals that the sandbox's Telegram has no reason for."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
USER = {"id": 5, "is_bot": False, "first_name": "Anna", "language_code": "en"}
PRIVATE = {"id": 5, "type": "private", "first_name": "Anna"}
MESSAGE = {"message_id": 1, "date": NOW, "chat": PRIVATE, "from": USER, "text": "hi"}
LEFT = {"user": USER, "status": "left"}
QUERY = {"id": "1", "from": USER}

UPDATES: dict[str, dict[str, Any]] = {
    "message": MESSAGE,
    "edited_message": {**MESSAGE, "edit_date": NOW},
    "business_message": MESSAGE,
    "channel_post": {"message_id": 1, "date": NOW, "chat": {"id": -9, "type": "channel", "title": "C"}, "text": "x"},
    "inline_query": {**QUERY, "query": "", "offset": ""},
    "chosen_inline_result": {"result_id": "1", "from": USER, "query": ""},
    "callback_query": {**QUERY, "chat_instance": "1", "data": "x", "message": MESSAGE},
    "pre_checkout_query": {**QUERY, "currency": "USD", "total_amount": 1, "invoice_payload": "x"},
    "my_chat_member": {"chat": PRIVATE, "from": USER, "date": NOW, "old_chat_member": LEFT, "new_chat_member": LEFT},
    "chat_join_request": {"chat": {"id": -9, "type": "group"}, "from": USER, "user_chat_id": 5, "date": NOW},
}
UNREADABLE = {
    **UPDATES["my_chat_member"],
    "new_chat_member": {"user": USER, "status": "of a kind that came later", "custom_title": "code 987654"},
}
"""What Telegram may send one day, ahead of aiogram; with something in it that is nobody's business."""


class TelegramStub:
    """Remembers the calls; gives out updates once; `answer` replaces every answer."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.updates: list[dict[str, Any]] = []
        self.answer: tuple[int, str] | None = None
        self.called = asyncio.Event()
        self.base = ""

    def app(self) -> web.Application:
        """As an application."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """Any method of the Bot API."""
        method = request.path.rsplit("/", 1)[-1]
        form = dict(await request.post())
        self.calls.append((method, form))
        self.called.set()
        if self.answer is not None:
            return web.Response(status=self.answer[0], text=self.answer[1], content_type="application/json")
        return web.json_response({"ok": True, "result": await self._result(method, form)})

    async def _result(self, method: str, form: dict[str, Any]) -> Any:
        if method == "getMe":
            return {"id": 1, "is_bot": True, "first_name": "bot", "username": "paywall_bot"}
        if method == "getUpdates":
            given = [one for one in self.updates if one["update_id"] >= int(form.get("offset", 0))]
            await asyncio.sleep(0 if given else 0.05)  # the long poll, shortened
            return given
        if method == "sendMessage":
            return {**MESSAGE, "text": form["text"]}
        return True

    def methods(self) -> list[str]:
        """Which methods were called."""
        return [method for method, _ in self.calls]

    async def until(self, method: str, count: int = 1) -> None:
        """Wait until a method was called so many times."""
        async with asyncio.timeout(10):
            while self.methods().count(method) < count:
                self.called.clear()
                await self.called.wait()
