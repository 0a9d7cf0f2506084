"""What is said while access is restored by e-mail, and the buttons under it. Pure."""

import math
import re
from typing import Final

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from adapters.i18n import translator
from paywall_core.one_time_code import CODE_DIGITS
from paywall_core.restore_challenge import CODE_LIFETIME

AGAIN: Final = "paywall:restore:again"
"""What the button "send a new code" says to us."""

CANCEL: Final = "paywall:restore:cancel"
"""What the button "cancel" says to us."""

_MINUTES_FROM_SECONDS: Final = 120
_BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])[\s-]+(?=[0-9])")
_CODE: Final = re.compile(rf"(?<![0-9])[0-9]{{{CODE_DIGITS}}}(?![0-9])")


def code_in(text: str) -> str | None:
    """The one-time code that a message holds, `123 456` and `code: 123456` too; None where there is none, or two."""
    found = _CODE.findall(_BETWEEN_DIGITS.sub("", text))
    return found[0] if len(found) == 1 else None


def cancel_keyboard(locale: str, *above: InlineKeyboardButton) -> InlineKeyboardMarkup:
    """The way out, under other buttons."""
    t = translator(locale)
    cancel = InlineKeyboardButton(text=t("Cancel"), callback_data=CANCEL)
    return InlineKeyboardMarkup(inline_keyboard=[*([button] for button in above), [cancel]])


def code_keyboard(locale: str) -> InlineKeyboardMarkup:
    """A new code, or out."""
    t = translator(locale)
    return cancel_keyboard(locale, InlineKeyboardButton(text=t("Send a new code"), callback_data=AGAIN))


def ask_address(locale: str) -> str:
    """The first question."""
    return translator(locale)("Let us get your access back. Please send me the e-mail address that you paid with.")


def address_wrong(locale: str) -> str:
    """It has not the shape of an address."""
    return translator(locale)("Please check your e-mail address: it should look like name@example.com.")


def code_sent(locale: str) -> str:
    """The same for a known and an unknown address: nobody learns who has paid."""
    t = translator(locale)
    minutes = int(CODE_LIFETIME.total_seconds() // 60)
    return " ".join(
        [
            t("If access was paid for with this address, a six-digit code is on its way to it. Please send it to me."),
            t.plural(
                "The code works once, within %(n)s minute of your request.",
                "The code works once, within %(n)s minutes of your request.",
                minutes,
            ),
            t("If it does not come, look into the spam folder."),
        ]
    )


def too_soon(seconds: int, locale: str) -> str:
    """Codes are not sent that often."""
    t = translator(locale)
    if seconds < _MINUTES_FROM_SECONDS:
        wait = t.plural(
            "You can ask for another code in %(n)s second.", "You can ask for another code in %(n)s seconds.", seconds
        )
    else:
        wait = t.plural(
            "You can ask for another code in %(n)s minute.",
            "You can ask for another code in %(n)s minutes.",
            math.ceil(seconds / 60),
        )
    return " ".join([wait, t("If you have one already, send it to me.")])


def no_code(locale: str) -> str:
    """What was said holds no code."""
    return translator(locale)("The code is the six digits from the e-mail. Please send them to me.")


def code_wrong(locale: str) -> str:
    """The API does not say more either."""
    return translator(locale)(
        "This code does not fit: it is mistyped, too old, or a newer one was sent. Try again, or ask for a new one."
    )


def too_many_tries(locale: str) -> str:
    """A code dies of five wrong answers."""
    return translator(locale)("Too many wrong codes: the one we sent does not work any more. Please ask for a new one.")


def nothing_to_restore(locale: str) -> str:
    """The address is proven, but nothing that stands was paid with it."""
    return translator(locale)(
        "This is your address, but no access is paid for with it. "
        "If you paid with another address, send it to me. Otherwise press the button to get access."
    )


def restored(locale: str) -> str:
    """Welcome."""
    return translator(locale)("Welcome back! Your access is active.")


def cancelled(locale: str) -> str:
    """They changed their mind."""
    return translator(locale)("All right, nothing has changed. Send /restore whenever you like.")


def over(locale: str) -> str:
    """A button of a conversation that has ended. Telegram wants it short."""
    return translator(locale)("This has ended. Send /restore to begin anew.")
