"""The bot's updates: none crashes it, none opens the gate, and one that cannot be read holds up no other."""

import copy
import string
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.bot.telegram_stub import MESSAGE, UPDATES

from .shapes import BOUNDED, DEEP, JSON, mutated, spoilt
from .telegram_side import TelegramSide

_START = {**MESSAGE, "text": "/start " + "A" * 62, "entities": [{"type": "bot_command", "offset": 0, "length": 6}]}
_KINDS = [*UPDATES.items(), ("message", _START), ("message", {**MESSAGE, "text": "/restore"})]
_SAMPLES = st.sampled_from([{"update_id": number, kind: one} for number, (kind, one) in enumerate(_KINDS)])

_LETTERS = string.ascii_letters + string.digits + "-_"
_PAYLOADS = (
    "GENUINE".lower(),
    "status",
    "?start=",
    "../../access/status",
    '","telegram_user_id":1,"x":"',
    "A" * 5000,
    "\u202e" * 62,
    "{token}",
    "<b>x</b>",
    "' OR 1=1 --",
    "cs_test_1",
    "anna@example.com",
)


@BOUNDED
@given(data=st.data())
def test_pushed_update_never_fails_and_opens_nothing(telegram: TelegramSide, data: st.DataObject) -> None:
    """Real ones, changed anywhere; then their bytes."""
    document = data.draw(mutated(_SAMPLES))
    if isinstance(document.get("update_id"), int):  # one that was seen is passed over
        document["update_id"] = data.draw(st.integers(1, 2**40))
    telegram.push(data.draw(spoilt(msgspec.json.encode(document))))


@BOUNDED
@given(JSON)
def test_pushed_document_of_any_shape_is_answered(telegram: TelegramSide, document: Any) -> None:
    """Also where it is no update."""
    telegram.push(msgspec.json.encode(document))


@BOUNDED
@given(mutated(_SAMPLES))
def test_polled_update_holds_up_no_other(telegram: TelegramSide, document: Any) -> None:
    """What cannot be read comes as an empty update with its id, so that the next poll asks for what follows it."""
    document = copy.deepcopy(document)
    document["update_id"] = 5
    body = msgspec.json.encode({"ok": True, "result": [document, {"update_id": 6, "message": MESSAGE}]})
    read = telegram.poll(body)
    assert read is not None
    assert [update.update_id for update in read] == [5, 6]


@pytest.mark.parametrize("body", [DEEP, b'{"update_id":1,"message":' + DEEP + b"}"], ids=["alone", "in a message"])
def test_deeply_nested_update_is_passed_over(telegram: TelegramSide, body: bytes) -> None:
    """Telegram would repeat it after any other answer, and hold back all that follows."""
    assert telegram.push(body) == 200


@pytest.mark.parametrize(
    "strange",
    [
        b'"message":' + DEEP,
        b'"message":{"text":"\\\\\\"}]","x":' + DEEP + b"}",
        b'"of_a_kind_that_came_later":{"update_id":9,"x":' + DEEP + b"}",
        b'"message":{"text":"\\ud800"}',
    ],
    ids=["nested", "with brackets in its text", "with an id below", "half a character"],
)
@pytest.mark.parametrize("first", [True, False], ids=["id first", "id last"])
def test_polled_update_that_is_no_json_for_any_reader_holds_up_no_other(
    telegram: TelegramSide, strange: bytes, first: bool
) -> None:
    """Telegram would give the same batch again for ever."""
    update = b'{"update_id" : 7,' + strange + b"}" if first else b"{" + strange + b',"update_id":7}'
    good = [msgspec.json.encode({"update_id": number, "message": MESSAGE}) for number in (6, 8)]
    body = b'{"ok":true,"result":[' + good[0] + b"," + update + b", " + good[1] + b"]}"
    read = telegram.poll(body)
    assert read is not None
    assert [(one.update_id, one.message and one.message.text) for one in read] == [(6, "hi"), (7, None), (8, "hi")]


@pytest.mark.parametrize(
    "body",
    [
        b'{"ok":true,"result":[{"update_id":1,"message":' + DEEP + b"}]",
        b'{"ok":true,"result":[{"update_id":1,"message":"' + b'\\"' * 50_000,
        b'{"ok":true,"result":{"update_id":1,"message":' + DEEP + b"}}",
        b'{"ok":true,"what":[{"update_id":1,"message":' + DEEP + b"}]}",
        DEEP,
        b"",
    ],
    ids=["cut short", "cut short in a text", "no list", "of another name", "no answer", "empty"],
)
def test_polled_answer_without_a_whole_list_is_an_error_of_telegrams(telegram: TelegramSide, body: bytes) -> None:
    """Polling asks again after one of those, and after no other."""
    assert telegram.poll(body) is None


@BOUNDED
@given(st.text(max_size=70) | st.text(alphabet=_LETTERS, min_size=60, max_size=66) | st.sampled_from(_PAYLOADS))
def test_start_with_any_payload_lets_nobody_in_and_says_no_link(telegram: TelegramSide, payload: str) -> None:
    """The bot before the real API, where somebody else has paid."""
    telegram.start("/start " + payload)


@pytest.mark.parametrize("text", ["/start GENUINE", "/start@paywall_bot GENUINE", "/start   GENUINE"])
def test_start_with_the_token_lets_in_and_says_no_link(telegram: TelegramSide, text: str) -> None:
    """The property above would hold for a bot that lets in nobody."""
    telegram.start(text)
    assert telegram.has_entered()
