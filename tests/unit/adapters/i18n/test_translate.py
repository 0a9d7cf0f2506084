"""What is said in a language: words, counted things, dates, amounts."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.i18n import Catalogues, spoken, translator

GERMAN = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "Hello, %(name)s"
msgstr "Hallo, %(name)s"

msgid "%(n)s day"
msgid_plural "%(n)s days"
msgstr[0] "%(n)s Tag"
msgstr[1] "%(n)s Tage"
"""


@pytest.fixture
def catalogues(tmp_path: Path) -> Catalogues:
    """A folder with German, and with a Russian that has one sentence."""
    (tmp_path / "de.po").write_text(GERMAN, encoding="utf-8")
    (tmp_path / "ru.po").write_text('msgid "Back"\nmsgstr "Назад"\n', encoding="utf-8")
    return Catalogues(tmp_path)


def test_product_speaks_russian_and_english_in_this_order() -> None:
    """The order is that of the language links on a page."""
    assert spoken() == ("ru", "en")


def test_third_language_is_one_file_more(catalogues: Catalogues) -> None:
    """It is spoken as soon as it is there, after Russian and English."""
    assert catalogues.spoken() == ("ru", "en", "de")
    t = catalogues.translator("de")
    assert t.locale == "de"
    assert t("Hello, %(name)s", name="Anna") == "Hallo, Anna"
    assert [t.plural("%(n)s day", "%(n)s days", n) for n in (1, 2)] == ["1 Tag", "2 Tage"]


def test_english_needs_no_file(tmp_path: Path) -> None:
    """Its words are in the code."""
    catalogues = Catalogues(tmp_path)
    assert catalogues.spoken() == ("en",)
    assert catalogues.translator("en").plural("%(n)s day", "%(n)s days", 2) == "2 days"


def test_what_a_language_lacks_is_said_in_english(catalogues: Catalogues) -> None:
    """A sentence without a translation, and every sentence of a language that is not spoken (any more)."""
    assert catalogues.translator("ru")("Forward") == "Forward"
    gone = catalogues.translator("fr")
    assert gone.locale == "en"
    assert gone("Back") == "Back"
    assert gone.date(date(2027, 5, 1)) == "May 1, 2027"


def test_message_without_values_keeps_its_per_cent_signs(catalogues: Catalogues) -> None:
    """Only a message with values is a format."""
    assert catalogues.translator("en")("100% yours") == "100% yours"


@pytest.mark.parametrize(
    ("n", "russian"),
    [(1, "1 минуту"), (2, "2 минуты"), (5, "5 минут"), (11, "11 минут"), (21, "21 минуту"), (104, "104 минуты")],
)
def test_russian_counts_in_three_forms(n: int, russian: str) -> None:
    """One, few, many: by the last digits."""
    said = translator("ru").plural(
        "The code works once, within %(n)s minute of your request.",
        "The code works once, within %(n)s minutes of your request.",
        n,
    )
    assert said == f"Код одноразовый и действует {russian} с момента запроса."


@pytest.mark.parametrize(("locale", "said"), [("ru", "1 мая 2027 года"), ("en", "May 1, 2027")])
def test_dates_are_written_as_the_language_writes_them(locale: str, said: str) -> None:
    """A day and a moment alike, without the time, and ready for a full stop."""
    t = translator(locale)
    assert _with_plain_spaces(t.date(date(2027, 5, 1))) == said
    assert _with_plain_spaces(t.date(datetime(2027, 5, 1, 23, 59, tzinfo=UTC))) == said


@pytest.mark.parametrize(
    ("amount_minor", "currency", "russian", "english"),
    [
        (1999, "eur", "19,99 €", "€19.99"),
        (900, "EUR", "9,00 €", "€9.00"),
        (0, "usd", "0,00 $", "$0.00"),
        (150000, "rub", "1 500,00 ₽", "RUB 1,500.00"),
        (1500, "jpy", "1 500 ¥", "¥1,500"),
        (1050, "rsd", "10,50 RSD", "RSD 10.50"),  # the provider counts in hundredths, though nobody pays with coins
        (100000, "isk", "1 000 ISK", "ISK 1,000"),
        (12345, "kwd", "12,345 KWD", "KWD 12.345"),
    ],
)
def test_amounts_are_whole_and_written_as_the_language_writes_them(
    amount_minor: int, currency: str, russian: str, english: str
) -> None:
    """In minor units as the payment provider counts them; no cent is rounded away."""
    assert _with_plain_spaces(translator("ru").money(amount_minor, currency)) == russian
    assert _with_plain_spaces(translator("en").money(amount_minor, currency)) == english


def test_an_amount_beyond_the_float_is_still_exact() -> None:
    """No amount goes through a float."""
    assert translator("en").money(9007199254740993, "eur") == "€90,071,992,547,409.93"


def _with_plain_spaces(text: str) -> str:
    return text.replace("\xa0", " ").replace("\u202f", " ")
