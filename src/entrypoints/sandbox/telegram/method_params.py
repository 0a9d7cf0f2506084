"""The parameters of the Bot API's methods: their names are Telegram's, their defaults mean "not given". Pure."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from entrypoints.sandbox.telegram.errors import bad_request
from entrypoints.sandbox.telegram.objects import Command, Entity


class Params(Struct, frozen=True, kw_only=True):
    """Parameters of a method; those that the sandbox has no use for are ignored."""


class GetUpdates(Params, frozen=True, kw_only=True):
    """getUpdates; `timeout` in seconds."""

    offset: int = 0
    limit: int = 100
    timeout: int = 0
    allowed_updates: list[str] | None = None


class SetWebhook(Params, frozen=True, kw_only=True):
    """setWebhook."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    allowed_updates: list[str] | None = None
    drop_pending_updates: bool = False


class DeleteWebhook(Params, frozen=True, kw_only=True):
    """deleteWebhook."""

    drop_pending_updates: bool = False


class ChatParams(Params, frozen=True, kw_only=True):
    """Any method on a chat."""

    chat_id: int | str = ""


class MessageParams(ChatParams, frozen=True, kw_only=True):
    """Any method on a message."""

    message_id: int = 0
    reply_markup: dict[str, Any] | None = None


class TextParams(ChatParams, frozen=True, kw_only=True):
    """The text of sendMessage and editMessageText."""

    text: str = ""
    parse_mode: str = ""
    entities: list[Entity] | None = None
    link_preview_options: dict[str, Any] | None = None
    disable_web_page_preview: bool = False
    reply_markup: dict[str, Any] | None = None

    def preview(self) -> dict[str, Any] | None:
        """The link preview's options, whichever way they were given."""
        return self.link_preview_options or ({"is_disabled": True} if self.disable_web_page_preview else None)


class ReplyParameters(Params, frozen=True, kw_only=True):
    """Which message is answered."""

    message_id: int
    allow_sending_without_reply: bool = False


class SendMessage(TextParams, frozen=True, kw_only=True):
    """sendMessage."""

    protect_content: bool = False
    reply_parameters: ReplyParameters | None = None
    reply_to_message_id: int = 0
    allow_sending_without_reply: bool = False


class EditMessageText(TextParams, frozen=True, kw_only=True):
    """editMessageText."""

    message_id: int = 0


class AnswerCallbackQuery(Params, frozen=True, kw_only=True):
    """answerCallbackQuery."""

    callback_query_id: str = ""
    text: str = ""
    show_alert: bool = False
    url: str = ""


class Scope(Params, frozen=True, kw_only=True):
    """BotCommandScope."""

    type: str = "default"
    chat_id: int | str = ""

    def key(self) -> str:
        """Where commands of this scope are kept."""
        return f"{self.type}:{self.chat_id}" if self.chat_id else self.type


class CommandsParams(Params, frozen=True, kw_only=True):
    """setMyCommands, getMyCommands, deleteMyCommands."""

    commands: list[Command] = []
    scope: Scope = Scope()
    language_code: str = ""


class ChatAction(ChatParams, frozen=True, kw_only=True):
    """sendChatAction."""

    action: str = ""


class MenuButton(ChatParams, frozen=True, kw_only=True):
    """setChatMenuButton, getChatMenuButton."""

    menu_button: dict[str, Any] | None = None


ParamsT = TypeVar("ParamsT", bound=Params)


def read_params(params: dict[str, Any], shape: type[ParamsT]) -> ParamsT:
    """The parameters of a method, numbers and booleans read from text where a form brought them.

    Raises:
        ApiRefusal: 400, one has the wrong type.
    """
    try:
        return msgspec.convert(params, shape, strict=False)
    except msgspec.ValidationError as error:
        raise bad_request(f"wrong parameter in request: {error}") from None
