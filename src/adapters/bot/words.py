"""What the bot says, and the buttons under it. Pure."""

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, User
from babel.dates import format_date

from adapters.bot.api_client import Refusal
from adapters.i18n import translator
from paywall_core.locales import choose_locale

DEFAULT_LOCALE: Final = "ru"
FROM_INLINE: Final = "status"
"""`/start` parameter of the button over inline results: no token, the user just comes to see."""


class PayLink:
    """Where the button leads.

    Args:
        pay_url: the operator's own address, used as it is; None: our page, which is told the chat, so that the
            activation button comes back to it.
        public_base_url: where our pages are.
    """

    def __init__(self, *, pay_url: str | None, public_base_url: str) -> None:
        self._pay_url = pay_url
        self._fallback = f"{public_base_url}/pay"

    def keyboard(self, locale: str, chat_id: int) -> InlineKeyboardMarkup:
        """The one button under a closed gate."""
        query = urlencode({"telegram_chat_id": chat_id, "locale": locale})
        url = self._pay_url or f"{self._fallback}?{query}"
        text = translator(locale)("Pay for access")
        return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=text, url=url)]])


def locale_of(user: User | None) -> str:
    """The language of a Telegram user."""
    return choose_locale(user.language_code if user else None, default=DEFAULT_LOCALE)


def closed(status: str | None, locale: str) -> str:
    """Why the gate is closed, and what to do."""
    t = translator(locale)
    sentences = {
        "pending": t("Your payment has not arrived yet. If you have not paid, press the button."),
        "token_issued": t("You have paid: press the button in your e-mail to activate access on this account."),
        "expired": t("Your paid time is over. Press the button to renew access."),
        "revoked": t("Your access was withdrawn because the payment was returned. Press the button to pay again."),
    }
    return sentences.get(status or "", t("This bot is for paying members. Press the button to get access."))


def inline_closed(locale: str) -> str:
    """The button over empty inline results; Telegram wants it short."""
    return translator(locale)("Access is closed: open the bot")


def granted(expires_at: datetime | None, locale: str) -> str:
    """Welcome, and until when."""
    t = translator(locale)
    if expires_at is None:
        return t("Welcome! Your access is active and has no end.")
    date = format_date(expires_at, format="long", locale=locale)
    return t("Welcome! Your access is active until %(date)s.", date=date)


def refused(refusal: Refusal, locale: str) -> str:
    """Why a link did not work, and what to do."""
    t = translator(locale)
    return {
        Refusal.INVALID: t("This link is not valid. Please use the newest link from your e-mail."),
        Refusal.USED: t("This link was already used by another Telegram account."),
        Refusal.EXPIRED: closed("expired", locale),
        Refusal.REVOKED: closed("revoked", locale),
    }[refusal]


def unavailable(locale: str) -> str:
    """The API is away."""
    return translator(locale)("Something is not working on our side right now. Please try again in a minute.")


def open_gate(locale: str) -> str:
    """Access is good, and no handlers of an operator's say more."""
    return translator(locale)("You have access. Enjoy!")


def help_text(locale: str) -> str:
    """What the bot understands."""
    return translator(locale)(
        "/status shows your access.\n/help shows this list.\nTo get in, open the link from your payment e-mail."
    )
