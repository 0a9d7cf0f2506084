"""The bot answers two of its commands to members alone, as an API on loopback says who is one."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.methods import SendMessage, TelegramMethod
from aiogram.types import Chat, Message, Update

sys.path.insert(0, str(Path(__file__).parent))

import bot as example

MEMBER, STRANGER, TOKEN = 5, 6, "an internal token"


class Telegram(BaseSession):
    """Remembers what the bot says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[SendMessage] = []

    async def close(self) -> None:
        """Nothing is open."""

    async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:  # noqa: ARG002, ASYNC109  - aiogram's
        """Take it."""
        assert isinstance(method, SendMessage)
        self.said.append(method)
        return Message(message_id=2, date=datetime.now(UTC), chat=Chat(id=1, type="private"))

    async def stream_content(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        """No file is ever asked for."""
        raise NotImplementedError
        yield b""


class Api(BaseHTTPRequestHandler):
    """Our API's one call, as docs/openapi.json has it."""

    def do_POST(self) -> None:
        """Who is a member."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.headers["X-Internal-Token"] == TOKEN and self.path == "/api/bot/access/status"
        paid = asked["telegram_user_id"] == MEMBER
        answer = {"is_paid": paid, "order_id": None, "plan": None, "access_status": "active" if paid else None}
        body = json.dumps(answer).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_two_commands_are_for_members_and_the_third_for_everybody(api: str) -> None:
    """Whoever is none gets the pay button; and the bot lets go of the API at its end."""

    async def talk() -> list[str]:
        telegram, heard = Telegram(), []
        bot = Bot("1:a", session=telegram)
        dispatcher = example.create_dispatcher(api, TOKEN, "https://shop.example/pay")
        for user in (MEMBER, STRANGER):
            for text in ("/start", "/lesson", "/files"):
                sender = {"id": user, "is_bot": False, "first_name": "Anna", "language_code": "en"}
                chat = {"id": user, "type": "private"}
                message = {"message_id": 1, "date": 1, "chat": chat, "from": sender, "text": text}
                await dispatcher.feed_update(bot, Update.model_validate({"update_id": 1, "message": message}))
                (said,) = telegram.said
                telegram.said.clear()
                buttons = said.reply_markup.inline_keyboard if said.reply_markup else [[]]
                heard.append(" ".join([said.text.split(".")[0], *(button.url for button in buttons[0])]))
        await dispatcher.emit_shutdown()
        return heard

    closed = "This bot is for paying members https://shop.example/pay"
    hello = "Hello! /lesson and /files are for members"
    assert asyncio.run(talk()) == [hello, "Lesson one", "The files", hello, closed, closed]
