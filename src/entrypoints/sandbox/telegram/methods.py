"""The Bot API's methods: checked parameters in, Telegram's result out. No HTTP.

Only getUpdates is missing here: it waits, see `api.py`. Names are taken without regard to case, as Telegram does.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import structs

from entrypoints.sandbox.telegram.errors import ApiRefusal, bad_request
from entrypoints.sandbox.telegram.keyboards import RemoveKeyboard, parse_inline_markup, parse_markup
from entrypoints.sandbox.telegram.links import clean_url, is_loopback, local_link
from entrypoints.sandbox.telegram.method_params import (
    AnswerCallbackQuery,
    ChatAction,
    ChatParams,
    CommandsParams,
    DeleteWebhook,
    EditMessageText,
    MenuButton,
    MessageParams,
    Params,
    SendMessage,
    SetWebhook,
    read_params,
)
from entrypoints.sandbox.telegram.objects import Command, InlineKeyboard, Message, ReplyKeyboard
from entrypoints.sandbox.telegram.texts import compose
from entrypoints.sandbox.telegram.webhook import Webhook, WebhookSender
from entrypoints.sandbox.telegram.world import Person, World

_MAX_NOTICE_CHARACTERS: Final = 200
_MAX_COMMANDS: Final = 100
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{0,256}")
_COMMAND: Final = re.compile(r"[a-z0-9_]{1,32}")
_ACTIONS: Final = frozenset(
    {
        "choose_sticker",
        "find_location",
        "record_audio",
        "record_video",
        "record_video_note",
        "record_voice",
        "typing",
        "upload_audio",
        "upload_document",
        "upload_photo",
        "upload_video",
        "upload_video_note",
        "upload_voice",
    }
)


class Methods:
    """The methods, over one world and one webhook."""

    def __init__(self, world: World, sender: WebhookSender) -> None:
        self._world = world
        self._sender = sender
        self._table: dict[str, tuple[type[Params], Callable[[Any], object]]] = {
            "getme": (Params, self._get_me),
            "setwebhook": (SetWebhook, self._set_webhook),
            "deletewebhook": (DeleteWebhook, self._delete_webhook),
            "getwebhookinfo": (Params, self._get_webhook_info),
            "sendmessage": (SendMessage, self._send_message),
            "editmessagetext": (EditMessageText, self._edit_message_text),
            "editmessagereplymarkup": (MessageParams, self._edit_message_reply_markup),
            "deletemessage": (MessageParams, self._delete_message),
            "answercallbackquery": (AnswerCallbackQuery, self._answer_callback_query),
            "setmycommands": (CommandsParams, self._set_my_commands),
            "getmycommands": (CommandsParams, self._get_my_commands),
            "deletemycommands": (CommandsParams, self._delete_my_commands),
            "sendchataction": (ChatAction, self._send_chat_action),
            "setchatmenubutton": (MenuButton, self._set_chat_menu_button),
            "getchatmenubutton": (MenuButton, self._get_chat_menu_button),
            "getchat": (ChatParams, self._get_chat),
            "logout": (Params, self._nothing_to_do),
            "close": (Params, self._nothing_to_do),
        }

    def call(self, method: str, params: dict[str, Any]) -> object:
        """Carry out one call; the `result` of Telegram's answer.

        Raises:
            ApiRefusal: 404 for an unknown method, else whatever is wrong with the call.
        """
        if method.lower() not in self._table:
            raise ApiRefusal(404, "Not Found: method not found")
        shape, run = self._table[method.lower()]
        return run(read_params(params, shape))

    def _get_me(self, _: Params) -> object:
        abilities = {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
        return structs.asdict(self._world.bot) | {"language_code": None} | abilities

    def _nothing_to_do(self, _: Params) -> Literal[True]:
        return True

    def _set_webhook(self, params: SetWebhook) -> Literal[True]:
        if params.url:
            _check_webhook_url(params.url)
        if not _SECRET.fullmatch(params.secret_token):
            raise bad_request("secret token contains unallowed characters")
        self._world.queue.allow(params.allowed_updates)
        if params.drop_pending_updates:
            self._world.queue.drop()
        if params.url:
            self._world.queue.end_poll("terminated by setWebhook request")
        self._sender.point_to(
            Webhook(url=params.url, secret_token=params.secret_token, max_connections=params.max_connections)
        )
        return True

    def _delete_webhook(self, params: DeleteWebhook) -> Literal[True]:
        return self._set_webhook(SetWebhook(drop_pending_updates=params.drop_pending_updates))

    def _get_webhook_info(self, _: Params) -> object:
        webhook = self._sender.webhook
        info: dict[str, Any] = {
            "url": webhook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._world.queue.pending),
        }
        if webhook.url:
            info["max_connections"] = webhook.max_connections
        if webhook.last_error_date is not None:
            info["last_error_date"] = webhook.last_error_date
            info["last_error_message"] = webhook.last_error_message
        if self._world.queue.allowed:
            info["allowed_updates"] = self._world.queue.allowed
        return info

    def _send_message(self, params: SendMessage) -> Message:
        text, entities = compose(params.text, parse_mode=params.parse_mode, given=params.entities)
        markup = parse_markup(params.reply_markup)
        person = self._world.writable_chat(params.chat_id)
        message = Message(
            message_id=self._world.new_message_id(),
            sender=self._world.bot,
            chat=person.as_chat(),
            date=self._world.now(),
            text=text,
            entities=entities,
            reply_to_message=_replied(person, params),
            reply_markup=markup if isinstance(markup, InlineKeyboard) else None,
            link_preview_options=params.preview(),
            has_protected_content=True if params.protect_content else None,
        )
        if isinstance(markup, ReplyKeyboard):
            person.reply_keyboard = markup
        elif isinstance(markup, RemoveKeyboard):
            person.reply_keyboard = None
        self._world.put(person, message)
        return message

    def _edit_message_text(self, params: EditMessageText) -> Message:
        person, message = self._editable(params.chat_id, params.message_id)
        text, entities = compose(params.text, parse_mode=params.parse_mode, given=params.entities)
        keyboard = parse_inline_markup(params.reply_markup)
        if (text, entities, keyboard) == (message.text, message.entities, message.reply_markup):
            raise _not_modified()
        return self._world.rewrite(
            person,
            message,
            text=text,
            entities=entities,
            reply_markup=keyboard,
            link_preview_options=params.preview(),
        )

    def _edit_message_reply_markup(self, params: MessageParams) -> Message:
        person, message = self._editable(params.chat_id, params.message_id)
        keyboard = parse_inline_markup(params.reply_markup)
        if keyboard == message.reply_markup:
            raise _not_modified()
        return self._world.rewrite(person, message, reply_markup=keyboard)

    def _editable(self, chat_id: int | str, message_id: int) -> tuple[Person, Message]:
        person = self._world.chat(chat_id)
        if not message_id:
            raise bad_request("message identifier is not specified")
        message = person.message(message_id)
        if message is None:
            raise bad_request("message to edit not found")
        if not message.from_bot:
            raise bad_request("message can't be edited")
        return person, message

    def _delete_message(self, params: MessageParams) -> Literal[True]:
        person = self._world.chat(params.chat_id)
        message = person.message(params.message_id)
        if message is None:
            raise bad_request("message to delete not found")
        self._world.delete(person, message)
        return True

    def _answer_callback_query(self, params: AnswerCallbackQuery) -> Literal[True]:
        if len(params.text) > _MAX_NOTICE_CHARACTERS:
            raise bad_request("MESSAGE_TOO_LONG")
        link = None
        if params.url:
            link = local_link(params.url, self._world.bot.username or "")
            if link == params.url:  # a bot without a game may only send people to itself
                raise bad_request("URL_INVALID")
        self._world.answer_query(params.callback_query_id, text=params.text, alert=params.show_alert, url=link)
        return True

    def _set_my_commands(self, params: CommandsParams) -> Literal[True]:
        if len(params.commands) > _MAX_COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        commands = tuple(_clean_command(command) for command in params.commands)
        self._world.commands[params.scope.key(), params.language_code] = commands
        self._menus_changed()
        return True

    def _get_my_commands(self, params: CommandsParams) -> tuple[Command, ...]:
        return self._world.commands.get((params.scope.key(), params.language_code), ())

    def _delete_my_commands(self, params: CommandsParams) -> Literal[True]:
        self._world.commands.pop((params.scope.key(), params.language_code), None)
        self._menus_changed()
        return True

    def _menus_changed(self) -> None:
        self._world.signal.notify()

    def _send_chat_action(self, params: ChatAction) -> Literal[True]:
        if params.action not in _ACTIONS:
            raise bad_request("wrong parameter action in request")
        self._world.show_typing(self._world.writable_chat(params.chat_id))
        return True

    def _set_chat_menu_button(self, params: MenuButton) -> Literal[True]:
        button = params.menu_button or {"type": "default"}
        if button.get("type") not in ("default", "commands"):
            raise bad_request("the sandbox has the menu buttons default and commands")
        self._world.menu_buttons[self._menu_chat(params)] = button
        return True

    def _get_chat_menu_button(self, params: MenuButton) -> object:
        buttons = self._world.menu_buttons
        return buttons.get(self._menu_chat(params)) or buttons.get(None) or {"type": "commands"}

    def _menu_chat(self, params: MenuButton) -> int | None:
        return None if params.chat_id == "" else self._world.chat(params.chat_id).id

    def _get_chat(self, params: ChatParams) -> object:
        person = self._world.chat(params.chat_id)
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
        known: dict[str, Any] = msgspec.to_builtins(person.as_chat())
        return known | {
            "accent_color_id": person.id % 7,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, True),
        }


def _not_modified() -> ApiRefusal:
    return bad_request(
        "message is not modified: specified new message content and reply markup are exactly the same as a current "
        "content and reply markup of the message"
    )


def _check_webhook_url(url: str) -> None:
    cleaned = clean_url(url)
    parts = urlsplit(cleaned or "")
    # Telegram itself wants https everywhere. On loopback there is no certificate to be had, so http is taken there.
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")


def _replied(person: Person, params: SendMessage) -> Message | None:
    wanted = params.reply_parameters
    message_id = wanted.message_id if wanted is not None else params.reply_to_message_id
    if not message_id:
        return None
    message = person.message(message_id)
    if message is not None:
        return structs.replace(message, reply_to_message=None)  # one level deep, as Telegram
    lenient = wanted.allow_sending_without_reply if wanted is not None else params.allow_sending_without_reply
    if not lenient:
        raise bad_request("message to be replied not found")
    return None


def _clean_command(command: Command) -> Command:
    name, description = command.command.removeprefix("/"), command.description.strip()
    if not _COMMAND.fullmatch(name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 0 < len(description) <= 256:  # noqa: PLR2004  - Telegram's limit, said once
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return Command(command=name, description=description)
