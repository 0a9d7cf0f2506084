"""What the gate and the commands say, and the buttons under it. Pure."""

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, User

from adapters.bot.api_client import Refusal
from adapters.i18n import translator
from paywall_core.locales import Locales

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

    def url(self, locale: str, chat_id: int | None, *, plan: str | None = None) -> str:
        """The address itself, for a private chat, or None; with the plan chosen, where it is known."""
        query = urlencode(
            {
                **({} if plan is None else {"plan": plan}),
                **({} if chat_id is None else {"telegram_chat_id": chat_id}),
                "locale": locale,
            }
        )
        return self._pay_url or f"{self._fallback}?{query}"

    def button(self, locale: str, chat_id: int) -> InlineKeyboardButton:
        """The button, for the private chat of whoever presses it."""
        return InlineKeyboardButton(text=translator(locale)("Pay for access"), url=self.url(locale, chat_id))

    def keyboard(self, locale: str, chat_id: int) -> InlineKeyboardMarkup:
        """The one button under a closed gate."""
        return InlineKeyboardMarkup(inline_keyboard=[[self.button(locale, chat_id)]])


def locale_of(user: User, locales: Locales, order_locale: str | None = None) -> str:
    """The order's language, where there is an order; else the one that the user has Telegram in."""
    return locales.choose(order_locale, user.language_code)


def closed(status: str | None, locale: str, *, private: bool = True) -> str:
    """Why the gate is closed, and what to do."""
    t = translator(locale)
    restore = (
        t("Have you paid already? Send /restore, and your e-mail address will let you in.")
        if private
        else t("Have you paid already? Write to me in private: /restore will let you in by your e-mail address.")
    )
    return f"{_closed(status, locale)}\n\n{restore}"


def _closed(status: str | None, locale: str) -> str:
    t = translator(locale)
    sentences = {
        "pending": t("Your payment has not arrived yet. If you have paid, it is on its way. If not, press the button."),
        "token_issued": t("You have paid: press the button in your e-mail to activate access on this account."),
        "expired": t("Your paid time is over. Press the button to renew access."),
        "revoked": t(
            "Your access was withdrawn, for example because the payment was returned. Press the button to pay again."
        ),
    }
    return sentences.get(status or "", t("This bot is for paying members. Press the button to get access."))


def inline_closed(locale: str) -> str:
    """The button over empty inline results; Telegram wants it short."""
    return translator(locale)("Access is closed: open the bot")


def granted(expires_at: datetime | None, locale: str) -> str:
    """Welcome, and until when."""
    t = translator(locale)
    if expires_at is None:
        return t("Welcome! Your access is active and never expires.")
    return t("Welcome! Your access is active until %(date)s.", date=t.date(expires_at))


def refused(refusal: Refusal, locale: str) -> str:
    """Why a link did not work, and what to do."""
    t = translator(locale)
    return {
        Refusal.INVALID: t("This link is not valid. The newest link is in your e-mail; or send /restore."),
        Refusal.USED: t(
            "This link was already used by another Telegram account. "
            "If you have paid, send /restore to move your access to this account."
        ),
        Refusal.EXPIRED: closed("expired", locale),
        Refusal.REVOKED: closed("revoked", locale),
    }[refusal]


def unavailable(locale: str) -> str:
    """The API is away."""
    return translator(locale)("Something is not working on our side right now. Please try again in a minute.")


def open_gate(locale: str) -> str:
    """Access is good, and no handlers of an operator's say more."""
    return translator(locale)("You have access. Enjoy!")


def commands(locale: str) -> dict[str, str]:
    """What each command does, in a few words."""
    t = translator(locale)
    return {
        "status": t("Your access"),
        "restore": t("Get your access back by e-mail"),
        "help": t("What I understand"),
    }


def help_text(locale: str) -> str:
    """What the bot understands."""
    lines = [f"/{name} — {what}" for name, what in commands(locale).items()]
    return "\n".join([*lines, "", translator(locale)("To get in, open the link from your payment e-mail.")])
