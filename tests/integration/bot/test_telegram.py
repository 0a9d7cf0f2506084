"""The bot against a Bot API on loopback: what reaches the gate, how it starts and stops, its webhook and messages."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiogram import Bot, Dispatcher, Router
from aiogram.exceptions import TelegramUnauthorizedError
from aiogram.types import TelegramObject, Update
from aiohttp import web

from adapters.bot.api_client import Access, PaywallApi
from adapters.bot.dispatcher import create_dispatcher
from adapters.bot.messenger import TelegramAccessMessenger, create_bot
from adapters.bot.runner import MAX_UPDATE_BYTES, run_polling, webhook_app
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage

TOKEN = "123456:TEST"
SECRET = "a-webhook-secret"
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


class Telegram:
    """Remembers the calls; gives out updates once; `answer` replaces every answer."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.updates: list[dict[str, Any]] = []
        self.answer: tuple[int, str] | None = None
        self.called = asyncio.Event()
        self.base = ""

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
            given, self.updates = self.updates, []
            await asyncio.sleep(0 if given else 0.05)  # the long poll, shortened
            return given
        if method == "sendMessage":
            return {**MESSAGE, "text": form["text"]}
        return True

    def methods(self) -> list[str]:
        """Which methods were called."""
        return [method for method, _ in self.calls]


class Api(PaywallApi):
    """Lets everyone in, or no one."""

    def __init__(self, *, is_paid: bool) -> None:
        super().__init__(base_url="http://127.0.0.1:9", internal_token="x")
        self._is_paid = is_paid

    async def access_status(self, telegram_user_id: int) -> Access:
        """The same for everyone."""
        return Access(is_paid=self._is_paid, order_id=None, plan=None, access_status=None)


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    """Telegram, on a free port."""
    far_side = Telegram()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", far_side.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    far_side.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield far_side
    await runner.cleanup()


@pytest.fixture
async def bot(telegram: Telegram) -> AsyncIterator[Bot]:
    """A real bot, pointed there."""
    made = create_bot(TOKEN, telegram.base)
    yield made
    await made.session.close()


def dispatcher_of(router: Router | None = None, *, is_paid: bool = False) -> Dispatcher:
    """The whole bot, with an operator's router behind the gate."""
    api = Api(is_paid=is_paid)
    return create_dispatcher(api=api, pay_url=None, public_base_url="https://pay.example.com", paid_router=router)


@pytest.mark.parametrize("kind", UPDATES)
@pytest.mark.parametrize("is_paid", [True, False])
async def test_no_kind_of_update_passes_the_gate_without_access(bot: Bot, kind: str, *, is_paid: bool) -> None:
    """An operator's handler runs for those who paid, whatever it listens to, and for no one else."""
    reached: list[TelegramObject] = []
    router = Router()

    async def handler(event: TelegramObject) -> None:
        reached.append(event)

    router.observers[kind].register(handler)
    update = Update.model_validate({"update_id": 1, kind: UPDATES[kind]}, context={"bot": bot})
    await dispatcher_of(router, is_paid=is_paid).feed_update(bot, update)
    assert bool(reached) is (is_paid and kind != "channel_post")  # a channel is nobody


@pytest.mark.parametrize(
    ("kind", "methods"),
    [
        ("message", ["sendMessage"]),
        ("callback_query", ["answerCallbackQuery", "sendMessage"]),
        ("inline_query", ["answerInlineQuery"]),
        ("edited_message", []),
        ("business_message", []),
    ],
)
async def test_closed_gate_answers_where_somebody_waits(
    bot: Bot, telegram: Telegram, kind: str, methods: list[str]
) -> None:
    """And is silent where nobody does."""
    router = Router()

    async def handler(event: TelegramObject) -> None:
        pytest.fail(f"{event} passed the gate")

    router.observers[kind].register(handler)
    update = Update.model_validate({"update_id": 1, kind: UPDATES[kind]}, context={"bot": bot})
    await dispatcher_of(router).feed_update(bot, update)
    assert telegram.methods() == methods


async def test_button_without_its_message_is_answered_with_an_alert(bot: Bot, telegram: Telegram) -> None:
    """A button under an inline message carries no message to answer to."""
    query = {key: value for key, value in UPDATES["callback_query"].items() if key != "message"}
    update = Update.model_validate({"update_id": 1, "callback_query": query}, context={"bot": bot})
    await dispatcher_of().feed_update(bot, update)
    ((method, form),) = telegram.calls
    assert method == "answerCallbackQuery"
    assert form["show_alert"] == "true"
    assert "paying members" in form["text"]


async def test_pay_button_in_a_group_leads_to_the_private_chat(bot: Bot, telegram: Telegram) -> None:
    """Otherwise the activation link would come into the group, for anyone to press."""
    said = {**MESSAGE, "chat": {"id": -77, "type": "group", "title": "G"}}
    await dispatcher_of().feed_update(
        bot, Update.model_validate({"update_id": 1, "message": said}, context={"bot": bot})
    )
    ((_, form),) = telegram.calls
    assert form["chat_id"] == "-77"
    assert "telegram_chat_id=5&" in form["reply_markup"]


async def test_inline_button_leads_to_the_status(bot: Bot, telegram: Telegram) -> None:
    """Its parameter is not taken for a token."""
    update = {"update_id": 1, "message": {**MESSAGE, "text": "/start status"}}
    await dispatcher_of().feed_update(bot, Update.model_validate(update, context={"bot": bot}))
    ((_, form),) = telegram.calls
    assert "paying members" in form["text"]


async def test_telegram_that_is_away_at_the_start_is_waited_for(bot: Bot, telegram: Telegram) -> None:
    """The process, and the API in it, go on; polling begins once Telegram answers."""
    telegram.answer = (502, "<html>bad gateway")
    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(), stop))
    await asyncio.wait_for(telegram.called.wait(), 5)
    telegram.answer = None
    async with asyncio.timeout(10):
        while "getUpdates" not in telegram.methods():
            assert not polling.done()
            telegram.called.clear()
            await telegram.called.wait()
    stop.set()
    await asyncio.wait_for(polling, 5)


async def test_stop_ends_the_wait_for_telegram(bot: Bot, telegram: Telegram) -> None:
    """A process whose Telegram is away stops at once."""
    telegram.answer = (500, '{"ok": false, "description": "away"}')
    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(), stop))
    await asyncio.wait_for(telegram.called.wait(), 5)
    stop.set()
    await asyncio.wait_for(polling, 2)


async def test_unknown_token_is_not_waited_for(bot: Bot, telegram: Telegram) -> None:
    """Waiting would not help, and would hide the mistake."""
    telegram.answer = (401, '{"ok": false, "description": "Unauthorized"}')
    with pytest.raises(TelegramUnauthorizedError):
        await asyncio.wait_for(run_polling(bot, dispatcher_of(), asyncio.Event()), 5)


async def test_update_under_way_is_finished_before_polling_ends(bot: Bot, telegram: Telegram) -> None:
    """A customer's activation is not cut off by a restart."""
    begun, go_on, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()
    router = Router()

    @router.message()
    async def slow(_event: TelegramObject) -> None:
        begun.set()
        await go_on.wait()
        finished.set()

    telegram.updates = [{"update_id": 1, "message": MESSAGE}]
    stop = asyncio.Event()
    polling = asyncio.create_task(run_polling(bot, dispatcher_of(router, is_paid=True), stop))
    await asyncio.wait_for(begun.wait(), 5)
    stop.set()
    asyncio.get_running_loop().call_later(0.3, go_on.set)
    await asyncio.wait_for(polling, 5)
    assert finished.is_set()


@pytest.mark.parametrize(
    ("path", "header", "body", "status", "handled"),
    [
        (SECRET, SECRET, None, 200, True),
        ("wrong", SECRET, None, 404, False),
        (SECRET, "wrong", None, 404, False),
        (SECRET, "", None, 404, False),
        ("секрет", SECRET, None, 404, False),
        (SECRET, SECRET, b"{}", 400, False),
        (SECRET, SECRET, b"\xff", 400, False),
        (SECRET, SECRET, b" " * (MAX_UPDATE_BYTES + 1), 413, False),
    ],
)
async def test_webhook_takes_updates_from_telegram_only(
    *, bot: Bot, telegram: Telegram, path: str, header: str, body: bytes | None, status: int, handled: bool
) -> None:
    """Both secrets, a sane size, and an update."""
    good = Update.model_validate({"update_id": 1, "message": MESSAGE}).model_dump_json(exclude_none=True, by_alias=True)
    app: Any = webhook_app(bot, dispatcher_of(), SECRET)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot.example") as client:
        answer = await client.post(
            f"/tg/webhook/{path}",
            content=good.encode() if body is None else body,
            headers={"X-Telegram-Bot-Api-Secret-Token": header},
        )
    assert answer.status_code == status
    assert bool(telegram.calls) is handled


@pytest.mark.parametrize(
    ("status", "body", "permanent", "retry_after"),
    [
        (403, '{"ok": false, "description": "Forbidden: bot was blocked by the user"}', True, None),
        (400, '{"ok": false, "description": "Bad Request: chat not found"}', True, None),
        (429, '{"ok": false, "description": "Too Many", "parameters": {"retry_after": 7}}', False, 7),
        (401, '{"ok": false, "description": "Unauthorized"}', False, None),
        (500, '{"ok": false, "description": "Internal"}', False, None),
        (502, "<html>bad gateway", False, None),
    ],
)
async def test_refusals_of_the_message_decide_about_a_retry(
    *, telegram: Telegram, status: int, body: str, permanent: bool, retry_after: float | None
) -> None:
    """Only a chat that cannot be reached is final; the reason holds neither the link nor the bot's token."""
    telegram.answer = (status, body)
    messenger = TelegramAccessMessenger(token=TOKEN, api_base=telegram.base)
    message = AccessMessage(
        key="k", order_id=UUID(int=1), plan="p", locale="en", to="5", activation_link="https://t.me/b?start=capability"
    )
    try:
        with pytest.raises(DeliveryFailed) as raised:
            await messenger.send_access(message)
    finally:
        await messenger.close()
    assert raised.value.permanent is permanent
    assert raised.value.retry_after_seconds == retry_after
    assert "capability" not in raised.value.reason
    assert TOKEN not in raised.value.reason
