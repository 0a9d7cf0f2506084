"""Every word that a customer reads, by language. Pure: knows no medium.

    t = translator("ru")
    t("Your access runs until %(date)s.", date=t.date(until))
    t.plural("Access for %(n)s day", "Access for %(n)s days", days)
    t.money(1999, "eur")

Messages are written in English in the code and translated in `catalogues/<language>.po` (gettext): one file is one more
language, and it is spoken everywhere. English needs no file; a message without a translation is shown in English.
`nox -s messages` brings the catalogues in step with the code; a test holds them complete.
"""

from pathlib import Path
from typing import Final

from adapters.i18n.catalogue import Catalogues
from adapters.i18n.translate import Translate

__all__ = ["CATALOGUES", "Catalogues", "Translate", "spoken", "translator"]

CATALOGUES: Final = Path(__file__).parent / "catalogues"
_PRODUCT: Final = Catalogues(CATALOGUES)


def spoken() -> tuple[str, ...]:
    """The languages that there are words in, English included; Russian first, then English, then the others."""
    return _PRODUCT.spoken()


def translator(locale: str) -> Translate:
    """The words of one language; of English, where the language is not spoken (any more)."""
    return _PRODUCT.translator(locale)
