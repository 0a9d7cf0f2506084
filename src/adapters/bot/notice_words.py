"""A notice as a message in a chat: its title in bold, its sentences, and the button under it. Pure."""

from typing import Any

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiogram.utils.formatting import Bold, Text

from adapters.bot.words import PayLink
from adapters.i18n import translator
from adapters.i18n.notices import action_of, notice_words
from paywall_core.ports.delivery import NoticeAction, NoticeMessage


def notice(message: NoticeMessage, pay_link: PayLink) -> dict[str, Any]:
    """What `send_message` wants to know beside the chat. Nothing in the words is taken for markup."""
    t = translator(message.locale)
    words = notice_words(message, t)
    text = Text(Bold(words.title), "\n\n", " ".join(words.sentences)).as_kwargs()
    if words.button is None:
        return text
    button = InlineKeyboardButton(text=words.button, url=_link(message, pay_link, t.locale))
    return {**text, "reply_markup": InlineKeyboardMarkup(inline_keyboard=[[button]])}


def _link(message: NoticeMessage, pay_link: PayLink, locale: str) -> str | None:
    """Where the button leads.

    The pay page is told of a private chat only: an activation link must not come into a group, whose id is negative.
    """
    if action_of(message) is not NoticeAction.PAY:
        return message.url
    chat_id = int(message.to)
    return pay_link.url(locale, chat_id if chat_id > 0 else None, plan=message.plan)
