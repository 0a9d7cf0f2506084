"""Every word that a customer reads, by language. Pure: knows no medium.

    t = translator("ru")
    t("Your access runs until %(date)s", date="1 May")

Messages are written in English in the code and translated in `catalogues/<locale>.po` (gettext). English needs no
catalogue; a message without a translation is shown in English.
"""

from collections.abc import Callable
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

CATALOGUES = Path(__file__).parent / "catalogues"

Translate: TypeAlias = Callable[..., str]
"""`t(message, **values)`: the message in a language, its `%(name)s` filled in."""


@cache
def translator(locale: str) -> Translate:
    """The words of one language; catalogues are read once."""
    translations = _load(locale)

    def translate(message: str, **values: object) -> str:
        text = translations.gettext(message)
        return text % values if values else text

    return translate


def _load(locale: str) -> NullTranslations:
    """Compile `<locale>.po` in memory: no build step, and nothing generated to keep in step."""
    combined: NullTranslations = NullTranslations()
    for path in sorted(CATALOGUES.glob(f"{locale}*.po")):
        with path.open("rb") as source:
            catalogue = read_po(source, locale=locale, abort_invalid=True)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        translations = Translations(compiled)
        translations.add_fallback(combined)
        combined = translations
    return combined
