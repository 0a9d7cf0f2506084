"""What is said in one language: words, counted things, dates and amounts."""

import re
from datetime import date, datetime
from decimal import Decimal
from gettext import NullTranslations
from typing import Final

from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision

_ZERO_DECIMAL: Final = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
"""Currencies whose minor unit is the whole one, as the payment provider counts: https://docs.stripe.com/currencies."""

_THREE_DECIMAL: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_CODE_BEFORE_NUMBER: Final = re.compile(r"(?<=[A-Za-z])(?=\d)")  # CLDR's spacing, which Babel leaves out: `RUB 100`


class Translate:
    """`t(message, **values)`: the message in a language, its `%(name)s` filled in.

    Args:
        locale: the language, `ru`.
        translations: its words; what they lack is said in English.
    """

    def __init__(self, *, locale: str, translations: NullTranslations) -> None:
        self.locale = locale
        self._translations = translations

    def __call__(self, message: str, **values: object) -> str:
        """The message. Without values it is taken as it stands, per cent signs too."""
        text = self._translations.gettext(message)
        return text % values if values else text

    def plural(self, one: str, many: str, n: int, **values: object) -> str:
        """The message in the form that the number needs: `1 day`, `2 дня`, `5 дней`. `%(n)s` is the number itself."""
        return self._translations.ngettext(one, many, n) % {"n": n, **values}

    def date(self, day: date | datetime) -> str:
        """A day in words, without the time: `May 1, 2027`, `1 мая 2027 года`. It can stand at the end of a sentence."""
        text = format_date(day, format="long", locale=self.locale)
        return (
            f"{text[:-2]}года" if self.locale == "ru" and text.endswith("г.") else text
        )  # its dot would be one of two

    def money(self, amount_minor: int, currency: str) -> str:
        """An amount as the language writes it.

        Args:
            amount_minor: in minor units, as the payment provider counts them: cents, whole yen.
            currency: ISO 4217 code in any case.
        """
        code = currency.lower()
        digits = 0 if code in _ZERO_DECIMAL else 3 if code in _THREE_DECIMAL else 2
        amount = Decimal(amount_minor).scaleb(-digits)
        # Some currencies are by custom written without the hundredths that the provider counts in: then they are
        # left out as long as there are none.
        by_custom = get_currency_precision(code.upper()) >= digits or amount == amount.to_integral_value()
        text = format_currency(amount, code.upper(), locale=self.locale, currency_digits=by_custom)
        return _CODE_BEFORE_NUMBER.sub("\N{NO-BREAK SPACE}", text)
