"""`reply_markup`: checked as Telegram checks it. Pure.

The sandbox has link and callback buttons, reply keyboards of plain texts, their removal and force-reply; a button that
needs more of Telegram (payments, web apps, contacts) is refused rather than drawn as something that it is not.
"""

from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from entrypoints.sandbox.telegram.errors import bad_request
from entrypoints.sandbox.telegram.links import clean_url
from entrypoints.sandbox.telegram.objects import InlineButton, InlineKeyboard, ReplyKeyboard

_MAX_CALLBACK_BYTES: Final = 64
_MAX_BUTTONS: Final = 100


class RemoveKeyboard(Struct, frozen=True):
    """Take the reply keyboard away."""


Markup: TypeAlias = InlineKeyboard | ReplyKeyboard | RemoveKeyboard | None


def parse_markup(given: dict[str, Any] | None) -> Markup:
    """What a message's `reply_markup` asks for.

    Raises:
        ApiRefusal: a button that Telegram would refuse, or that the sandbox lacks.
    """
    if not given:
        return None
    if "inline_keyboard" in given:
        rows = _rows(given["inline_keyboard"], "inline keyboard")
        keyboard = tuple(tuple(_inline_button(button) for button in row) for row in rows if row)
        return InlineKeyboard(inline_keyboard=keyboard) if keyboard else None
    if "keyboard" in given:
        rows = _rows(given["keyboard"], "reply keyboard")
        return ReplyKeyboard(
            rows=tuple(tuple(_reply_button(button) for button in row) for row in rows if row),
            one_time=given.get("one_time_keyboard") is True,
            placeholder=str(given.get("input_field_placeholder") or ""),
        )
    if given.get("remove_keyboard") is True:
        return RemoveKeyboard()
    if given.get("force_reply") is True:
        return None
    raise bad_request("can't parse reply keyboard markup JSON object")


def parse_inline_markup(given: dict[str, Any] | None) -> InlineKeyboard | None:
    """The inline keyboard of an edited message; nothing else can be edited in."""
    markup = parse_markup(given)
    if markup is None or isinstance(markup, InlineKeyboard):
        return markup
    raise bad_request("inline keyboard expected")


def _rows(given: object, name: str) -> list[list[Any]]:
    try:
        rows = msgspec.convert(given, list[list[Any]])
    except msgspec.ValidationError:
        raise bad_request(f"can't parse {name}: expected an Array of Arrays of buttons") from None
    if sum(len(row) for row in rows) > _MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return rows


def _inline_button(given: object) -> InlineButton:
    if not isinstance(given, dict):
        raise bad_request("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    text = given.get("text")
    if not isinstance(text, str) or not text.strip():
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be a non-empty String')
    url, data = given.get("url"), given.get("callback_data")
    if isinstance(url, str) and url:
        cleaned = clean_url(url)
        if cleaned is None:
            raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
        return InlineButton(text=text, url=cleaned)
    if isinstance(data, str) and data:
        if len(data.encode()) > _MAX_CALLBACK_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
        return InlineButton(text=text, callback_data=data)
    if set(given) - {"text", "url", "callback_data", "style", "icon_custom_emoji_id"}:
        raise bad_request("BUTTON_TYPE_INVALID: the sandbox has url and callback_data buttons")
    raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")


def _reply_button(given: object) -> str:
    if isinstance(given, str):
        given = {"text": given}
    text = given.get("text") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(text, str) or not text.strip():
        raise bad_request('can\'t parse keyboard button: Field "text" must be a non-empty String')
    if any(key.startswith("request_") or key == "web_app" for key in given):
        raise bad_request("BUTTON_TYPE_INVALID: the sandbox has reply buttons of plain text")
    return text
