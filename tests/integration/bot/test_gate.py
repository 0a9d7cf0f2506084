"""The gate before an operator's handlers, over a Bot API on loopback: what passes, and who is told what."""

from uuid import UUID

import pytest
import uvicorn
from aiogram import Bot, Dispatcher, F, Router
from aiogram.types import Message, TelegramObject, Update

from adapters.bot.api_client import KEPT_SECONDS, Access, PaywallApi
from adapters.bot.gate import AccessGate
from entrypoints import server
from paywall_core.lifecycle import State
from paywall_core.use_cases.access_status import AccessStatus

from .api_stub import INTERNAL_TOKEN, api_stub
from .conftest import dispatcher_of
from .telegram_stub import MESSAGE, UPDATES, TelegramStub

GROUP = {"id": -77, "type": "group", "title": "G"}


@pytest.mark.parametrize("kind", UPDATES)
@pytest.mark.parametrize("is_paid", [True, False])
async def test_no_kind_of_update_passes_the_gate_without_access(bot: Bot, kind: str, *, is_paid: bool) -> None:
    """An operator's handler runs for those who paid, whatever it listens to, and for no one else."""
    reached: list[TelegramObject] = []
    router = Router()

    async def handler(event: TelegramObject, access: Access) -> None:
        assert access.is_paid
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
    bot: Bot, telegram: TelegramStub, kind: str, methods: list[str]
) -> None:
    """And is silent where nobody does."""
    router = Router()

    async def handler(event: TelegramObject) -> None:
        pytest.fail(f"{event} passed the gate")

    router.observers[kind].register(handler)
    update = Update.model_validate({"update_id": 1, kind: UPDATES[kind]}, context={"bot": bot})
    await dispatcher_of(router).feed_update(bot, update)
    assert telegram.methods() == methods


async def test_button_without_its_message_is_answered_with_an_alert(bot: Bot, telegram: TelegramStub) -> None:
    """A button under an inline message carries no message to answer to."""
    query = {key: value for key, value in UPDATES["callback_query"].items() if key != "message"}
    update = Update.model_validate({"update_id": 1, "callback_query": query}, context={"bot": bot})
    await dispatcher_of().feed_update(bot, update)
    ((method, form),) = telegram.calls
    assert method == "answerCallbackQuery"
    assert form["show_alert"] == "true"
    assert "paying members" in form["text"]


async def test_pay_button_in_a_group_leads_to_the_private_chat(bot: Bot, telegram: TelegramStub) -> None:
    """Otherwise the activation link would come into the group, for anyone to press; /restore is for there too."""
    said = {**MESSAGE, "chat": GROUP}
    await dispatcher_of().feed_update(
        bot, Update.model_validate({"update_id": 1, "message": said}, context={"bot": bot})
    )
    ((_, form),) = telegram.calls
    assert form["chat_id"] == "-77"
    assert "telegram_chat_id=5&" in form["reply_markup"]
    assert "in private: /restore" in form["text"]


@pytest.mark.parametrize("command", ["/restore", "/status", "/help", "/start abc"])
async def test_commands_are_for_the_private_chat(bot: Bot, telegram: TelegramStub, command: str) -> None:
    """In a group they are like any other message."""
    said = {**MESSAGE, "chat": GROUP, "text": command}
    await dispatcher_of().feed_update(
        bot, Update.model_validate({"update_id": 1, "message": said}, context={"bot": bot})
    )
    ((_, form),) = telegram.calls
    assert "paying members" in form["text"]


async def test_inline_button_leads_to_the_status(bot: Bot, telegram: TelegramStub) -> None:
    """Its parameter is not taken for a token."""
    update = {"update_id": 1, "message": {**MESSAGE, "text": "/start status"}}
    await dispatcher_of().feed_update(bot, Update.model_validate(update, context={"bot": bot}))
    ((_, form),) = telegram.calls
    assert "paying members" in form["text"]


async def said_in_another_bot(bot: Bot, gate: AccessGate) -> list[str]:
    """What reaches the handler of a bot that has nothing of ours but the gate."""
    reached: list[str] = []
    dispatcher = Dispatcher()
    gate.guard(dispatcher)

    @dispatcher.message()
    async def handler(message: Message) -> None:
        reached.append(message.text or "")

    await dispatcher.feed_update(bot, Update.model_validate({"update_id": 1, "message": MESSAGE}, context={"bot": bot}))
    return reached


@pytest.mark.parametrize("is_paid", [True, False])
async def test_gate_stands_in_any_bot_by_one_line(bot: Bot, telegram: TelegramStub, *, is_paid: bool) -> None:
    """Asking the core's use case in the process, for one; the order's language is spoken."""

    async def ask(telegram_user_id: int) -> AccessStatus:
        assert telegram_user_id == 5
        return AccessStatus(is_paid=is_paid, order_id=UUID(int=1), access_status=State.EXPIRED, locale="ru")

    gate = AccessGate(ask=ask, pay_link="https://shop.example/pay")
    assert await said_in_another_bot(bot, gate) == (["hi"] if is_paid else [])
    if not is_paid:
        ((_, form),) = telegram.calls
        assert "Оплаченное время закончилось" in form["text"]
        assert '"url":"https://shop.example/pay"' in form["reply_markup"].replace(" ", "")


@pytest.mark.parametrize("kind", ["message", "callback_query"])
async def test_gate_before_handlers_lets_everything_else_by(bot: Bot, telegram: TelegramStub, kind: str) -> None:
    """Only what a paid handler wants is asked about, also in a router inside; the rest goes on to the next, unasked."""
    asked: list[int] = []
    reached: list[str] = []

    async def ask(telegram_user_id: int) -> AccessStatus:
        asked.append(telegram_user_id)
        return AccessStatus(is_paid=False)

    async def paid_handler(event: TelegramObject) -> None:
        reached.append("paid")

    async def free_handler(event: TelegramObject) -> None:
        reached.append("free")

    wanted = F.text == "lesson" if kind == "message" else F.data == "lesson"
    paid, inside, free = Router(), Router(), Router()
    inside.observers[kind].register(paid_handler, wanted)
    free.observers[kind].register(free_handler)
    paid.include_router(inside)
    AccessGate(ask=ask, pay_link="https://shop.example/pay").guard_handlers(paid)
    dispatcher = Dispatcher()
    dispatcher.include_routers(paid, free)
    for word in ("lesson", "hi"):
        said = {**UPDATES[kind], "text" if kind == "message" else "data": word}
        await dispatcher.feed_update(bot, Update.model_validate({"update_id": 1, kind: said}, context={"bot": bot}))
    assert (asked, reached) == ([5], ["free"])
    assert any("paying members" in form.get("text", "") for _, form in telegram.calls)


async def test_gate_that_asks_the_api_lets_go_when_the_bot_stops(
    bot: Bot, telegram: TelegramStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line is all: it asks by the internal token, and its connections end with the bot; away, nobody passes."""
    closed: list[PaywallApi] = []
    really_close = PaywallApi.close

    async def close(api: PaywallApi) -> None:
        closed.append(api)
        await really_close(api)

    monkeypatch.setattr(PaywallApi, "close", close)
    dispatcher, reached = Dispatcher(), list[str]()

    @dispatcher.message()
    async def handler(message: Message, access: Access) -> None:
        reached.append(access.plan or "")

    async with api_stub() as api:
        api.is_paid = True
        AccessGate.asking_api(api.base_url, INTERNAL_TOKEN, pay_link="https://shop.example/pay").guard(dispatcher)
        update = Update.model_validate({"update_id": 1, "message": MESSAGE}, context={"bot": bot})
        await dispatcher.feed_update(bot, update)
        api.is_down = True
        await dispatcher.feed_update(bot, update)
        await dispatcher.emit_shutdown()
    assert (reached, len(closed)) == (["one_time_basic"], 1)
    ((_, form),) = telegram.calls
    assert "try again" in form["text"]


async def test_nobody_passes_when_asking_fails(
    bot: Bot, telegram: TelegramStub, capfd: pytest.CaptureFixture[str]
) -> None:
    """However it fails; the person is asked to come back and told nothing more, the log says what it was."""

    async def ask(telegram_user_id: int) -> AccessStatus:
        raise RuntimeError("a bug")

    assert await said_in_another_bot(bot, AccessGate(ask=ask, pay_link="https://shop.example/pay")) == []
    ((_, form),) = telegram.calls
    assert "try again" in form["text"]
    assert "a bug" not in form["text"]
    logged = "".join(capfd.readouterr())
    assert "gate.nobody_can_say" in logged
    assert "RuntimeError" in logged


def test_bot_lets_go_of_a_connection_before_the_api_does() -> None:
    """Else a question is sent into one that is just being closed, and nobody can say whether the customer is in."""
    assert min(uvicorn.Config("any:app").timeout_keep_alive, server.KEPT_SECONDS) > 2 * KEPT_SECONDS
