"""A folder of catalogues, `<language>.po` each. Compiled in memory: no build step, and nothing generated to keep."""

from functools import cached_property
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from adapters.i18n.translate import Translate

SOURCE: Final = "en"
"""The language that messages are written in. It needs no catalogue."""

_FIRST: Final = ("ru", SOURCE)


class Catalogues:
    """The languages of one folder; each file is read once, when first asked for.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def spoken(self) -> tuple[str, ...]:
        """The languages that there are words in: Russian, English, then the others by name."""
        found = {SOURCE, *(path.stem for path in self._folder.glob("*.po"))}
        return (*(code for code in _FIRST if code in found), *sorted(found.difference(_FIRST)))

    def translator(self, locale: str) -> Translate:
        """The words of one language; of English, where the language is not spoken (any more)."""
        return self._translators.get(locale, self._translators[SOURCE])

    @cached_property
    def _translators(self) -> dict[str, Translate]:
        return {code: Translate(locale=code, translations=self._read(code)) for code in self.spoken()}

    def _read(self, locale: str) -> NullTranslations:
        path = self._folder / f"{locale}.po"
        if not path.exists():
            return NullTranslations()
        with path.open("rb") as source:
            catalogue = read_po(source, locale=locale, abort_invalid=True)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        return Translations(compiled)
