"""The script that holds the catalogues in step: what it finds in sources, what it writes, what it complains about."""

import subprocess
import sys
from pathlib import Path

import pytest

import messages
from messages import (
    Domain,
    UnreadableMessageError,
    check_domain,
    jinja_messages,
    load,
    messages_of,
    problems,
    python_messages,
    update,
    write_domain,
)

RULE = "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
HEADER = f"""\
# What customers read, in `ru`. `nox -s messages` adds new messages and removes unused ones.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Language: ru\\n"
"MIME-Version: 1.0\\n"
"Plural-Forms: {RULE}\\n"
"""
BACK = '\nmsgid "Back"\nmsgstr "Назад"\n'
HELLO = '\n#, python-format\nmsgid "Hello, %(name)s"\nmsgstr "Привет, %(name)s"\n'
DAYS = """
#, python-format
msgid "%(n)s day"
msgid_plural "%(n)s days"
msgstr[0] "%(n)s день"
msgstr[1] "%(n)s дня"
msgstr[2] "%(n)s дней"
"""
GOOD = HEADER + DAYS + BACK + HELLO
WANTED: set[messages.MessageId] = {"Back", "Hello, %(name)s", ("%(n)s day", "%(n)s days")}

TWO_FORMS = GOOD.replace(RULE, "nplurals=2; plural=(n != 1);").replace('msgstr[2] "%(n)s дней"\n', "")


def wrong(tmp_path: Path, text: str, *, language: str = "ru", wanted: set[messages.MessageId] = WANTED) -> list[str]:
    """What the script says about a catalogue."""
    path = tmp_path / f"{language}.po"
    path.write_text(text, encoding="utf-8")
    return problems(load(path), wanted)


def test_good_catalogue_has_nothing_wrong(tmp_path: Path) -> None:
    """And is what the script itself would write."""
    assert wrong(tmp_path, GOOD) == []
    assert update(load(tmp_path / "ru.po"), WANTED) == GOOD


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEADER + DAYS + HELLO, "missing: 'Back'"),
        (GOOD.replace('"Назад"', '""'), "empty: 'Back'"),
        (GOOD.replace('"Назад"', '" "'), "empty: 'Back'"),
        (GOOD.replace('"%(n)s дня"', '""'), "empty: ('%(n)s day', '%(n)s days')"),
        (GOOD.replace('msgid "Back"', '#, fuzzy\nmsgid "Back"'), "fuzzy: 'Back'"),
        (GOOD + '\nmsgid "Forward"\nmsgstr "Вперёд"\n', "unused: 'Forward'"),
        (GOOD + '\n#~ msgid "Forward"\n#~ msgstr "Вперёд"\n', "unused, kept as a comment: 'Forward'"),
        (GOOD.replace('"Привет, %(name)s"', '"Привет"'), "placeholders differ: 'Привет': 'Hello, %(name)s'"),
        (
            GOOD.replace('"Привет, %(name)s"', '"Привет, %(имя)s"'),
            "placeholders differ: 'Привет, %(имя)s': 'Hello, %(name)s'",
        ),
        (
            GOOD.replace('"Привет, %(name)s"', '"Привет, %(name)s %(age)s"'),
            "placeholders differ: 'Привет, %(name)s %(age)s': 'Hello, %(name)s'",
        ),
        (
            GOOD.replace('"Привет, %(name)s"', '"Привет, %(name)d"'),
            "placeholders differ: 'Привет, %(name)d': 'Hello, %(name)s'",
        ),
        (
            GOOD.replace('"Привет, %(name)s"', '"100%, %(name)s"'),
            "cannot be filled in: '100%, %(name)s': 'Hello, %(name)s'",
        ),
        (GOOD.replace('"Назад"', '"Назад %(name)s"'), "placeholders differ: 'Назад %(name)s': 'Back'"),
        (
            GOOD.replace('"%(n)s день"', '"один день"'),  # it is the form for 21 and 101 as well
            "placeholders differ: 'один день': ('%(n)s day', '%(n)s days')",
        ),
        (
            GOOD.replace('msgstr[2] "%(n)s дней"\n', ""),
            "empty: ('%(n)s day', '%(n)s days')",
        ),
        (TWO_FORMS, "Plural-Forms is not the rule of the language"),
    ],
)
def test_each_fault_is_found(tmp_path: Path, text: str, complaint: str) -> None:
    """One fault, and the script says which, in which language and where."""
    assert text != GOOD
    assert f"ru: {complaint}" in wrong(tmp_path, text)


def test_only_the_fault_is_complained_about(tmp_path: Path) -> None:
    """A list that names what is right as well would be no help."""
    assert wrong(tmp_path, GOOD.replace('"Назад"', '""')) == ["ru: empty: 'Back'"]


def test_form_for_a_single_number_may_say_it_in_words(tmp_path: Path) -> None:
    """In German the first form is for one alone; so is the English one."""
    german = (
        'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        'msgid "one day"\nmsgid_plural "%(n)s days"\nmsgstr[0] "ein Tag"\nmsgstr[1] "%(n)s Tage"\n'
    )
    assert wrong(tmp_path, german, language="de", wanted={("one day", "%(n)s days")}) == []


def test_counted_message_says_the_number(tmp_path: Path) -> None:
    """Else a language could not use one form for several numbers."""
    catalogue = HEADER + '\nmsgid "a day"\nmsgid_plural "days"\nmsgstr[0] "а"\nmsgstr[1] "б"\nmsgstr[2] "в"\n'
    assert wrong(tmp_path, catalogue, wanted={("a day", "days")}) == ["ru: counts without %(n)s: ('a day', 'days')"]


@pytest.mark.parametrize("language", ["xx", "words"])
def test_file_that_is_no_language_is_refused(tmp_path: Path, language: str) -> None:
    """It would be offered to customers, and no date could be written in it."""
    assert wrong(tmp_path, HEADER, language=language, wanted=set()) == [
        f"{language}: no language that is known; a catalogue is named by it alone, `de.po`"
    ]


def test_region_in_a_name_is_refused(tmp_path: Path) -> None:
    """A customer's `pt-BR` is looked up as `pt`, so a `pt_BR.po` would never be found."""
    assert wrong(tmp_path, "", language="pt_BR", wanted=set()) == [
        "pt_BR: a catalogue is named by its language alone: `pt.po`"
    ]


@pytest.mark.parametrize("language", ["de", "fr", "pl", "uk", "ar", "ja", "kk"])
def test_empty_file_is_the_start_of_a_language(tmp_path: Path, language: str) -> None:
    """The script fills it with the messages and the language's own rule for counting; what is left is to translate."""
    path = tmp_path / f"{language}.po"
    path.touch()
    path.write_text(update(load(path), WANTED), encoding="utf-8")
    assert problems(load(path), WANTED) == [f"{language}: empty: {message!r}" for message in sorted(WANTED, key=repr)]


def test_writing_adds_removes_and_sorts(tmp_path: Path) -> None:
    """What is translated stays; what is new comes untranslated, what is unused goes without a trace."""
    path = tmp_path / "ru.po"
    path.write_text(HEADER + HELLO + BACK + '\nmsgid "Old"\nmsgstr "Старое"\n', encoding="utf-8")
    written = update(load(path), {"Back", "Hello, %(name)s", "About"})
    assert written == HEADER + '\nmsgid "About"\nmsgstr ""\n' + BACK + HELLO


def test_what_is_written_depends_on_the_words_alone(tmp_path: Path) -> None:
    """No date, no tool's version, no file name, no wrapped lines: two people write the same file."""
    long = "A sentence that is longer than any line of a catalogue would be if it were wrapped, as it is not. " * 3
    path = tmp_path / "ru.po"
    path.write_text(
        'msgid ""\nmsgstr ""\n"POT-Creation-Date: 2026-11-24 02:40+0000\\n"\n"Generated-By: Babel 2.18.0\\n"\n\n'
        f'#: src/page.py:12\nmsgid "Back"\nmsgstr "Назад"\n\nmsgid "{long}"\nmsgstr "{long}"\n',
        encoding="utf-8",
    )
    assert update(load(path), {"Back", long}) == HEADER + f'\nmsgid "{long}"\nmsgstr "{long}"\n' + BACK


def test_message_that_became_counted_is_kept_as_a_draft(tmp_path: Path) -> None:
    """Its old translation is a hint for the translator, and is not shown to a customer as if it were good."""
    path = tmp_path / "ru.po"
    path.write_text(HEADER + '\n#, python-format\nmsgid "%(n)s day"\nmsgstr "%(n)s день"\n', encoding="utf-8")
    path.write_text(update(load(path), {("%(n)s day", "%(n)s days")}), encoding="utf-8")
    found = problems(load(path), {("%(n)s day", "%(n)s days")})
    assert found == [f"ru: {what}: ('%(n)s day', '%(n)s days')" for what in ("empty", "fuzzy")]


def test_messages_of_a_module_are_found() -> None:
    """However the translator is held, and over lines that are joined."""
    source = """
def page(locale, n):
    t = translator(locale)
    t("One")
    view(title=t("Two " "words", name="x"))
    translator(locale)("Three")
    words.translator(locale)("Four")
    t.plural("%(n)s day", "%(n)s days", n)
    print("not a message", format("nor this"))
"""
    found = {"One", "Two words", "Three", "Four", ("%(n)s day", "%(n)s days")}
    assert set(python_messages(source)) == found


@pytest.mark.parametrize(
    "source",
    [
        "t(words)",
        't(f"Hello {name}")',
        't("Hello " + name)',
        't("")',
        "t()",
        't.plural("day", many, n)',
        't.plural("day")',
        "translator(locale)(words)",
        'say = translator(locale)\nsay("Hello")',
        "self.words = translator(locale)",
        "count, say = 1, translator(locale)",
    ],
)
def test_message_that_is_not_written_out_stops_the_script(source: str) -> None:
    """Nobody could translate it, and a customer would read English."""
    with pytest.raises(UnreadableMessageError, match=r"^\d: "):
        list(python_messages(source))


def test_messages_of_a_template_are_found() -> None:
    """In text, in attributes, in conditions and in blocks."""
    source = """{% extends "base.html" %}{% block main %}
<a title="{{ t("One") }}">{{ t("Two %(x)s", x=y) if z else t("Three") }}</a>
{{ t.plural("%(n)s day", "%(n)s days", n) }}{{ other("not a message") }}{% endblock %}"""
    assert set(jinja_messages(source)) == {"One", "Two %(x)s", "Three", ("%(n)s day", "%(n)s days")}


@pytest.mark.parametrize("source", ["{{ t(words) }}", '{{ t("a" ~ b) }}', '{{ t.plural("day", many, n) }}'])
def test_template_s_message_that_is_not_written_out_stops_the_script(source: str) -> None:
    """As in a module."""
    with pytest.raises(UnreadableMessageError, match=r"^1: "):
        list(jinja_messages(source))


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    """A small product: a module, a template, and a folder that has words of its own."""
    source = tmp_path / "src"
    (source / "pages" / "templates").mkdir(parents=True)
    (source / "sandbox").mkdir()
    (source / "catalogues").mkdir()
    (source / "words.py").write_text('t("Back")\nt.plural("%(n)s day", "%(n)s days", n)\n', encoding="utf-8")
    (source / "pages" / "templates" / "hello.html").write_text('{{ t("Hello, %(name)s", name=n) }}', encoding="utf-8")
    (source / "pages" / "readme.html").write_text("{{ t('No template') }}", encoding="utf-8")
    (source / "sandbox" / "words.py").write_text('t("Another product\'s")', encoding="utf-8")
    (source / "catalogues" / "ru.po").write_text(GOOD, encoding="utf-8")
    return Domain(sources=(source,), apart=(source / "sandbox",), catalogues=source / "catalogues")


def test_words_are_gathered_from_modules_and_templates(domain: Domain) -> None:
    """But not from what lies apart."""
    assert messages_of(domain) == WANTED
    assert check_domain(domain) == []


def test_unreadable_message_is_named_with_its_file(domain: Domain) -> None:
    """A path and a line, as an editor opens them."""
    (domain.sources[0] / "words.py").write_text("t(words)", encoding="utf-8")
    with pytest.raises(UnreadableMessageError, match=r"words\.py:1: "):
        messages_of(domain)


def test_message_cannot_be_counted_here_and_plain_there(domain: Domain) -> None:
    """A catalogue has one entry for both."""
    (domain.sources[0] / "more.py").write_text('t("%(n)s day", n=1)', encoding="utf-8")
    with pytest.raises(UnreadableMessageError, match="another plural"):
        messages_of(domain)


def test_check_changes_nothing_and_write_does(domain: Domain) -> None:
    """What the check complains about, writing mends, but for the translation."""
    path = domain.catalogues / "ru.po"
    path.write_text(HEADER + HELLO + DAYS, encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    assert check_domain(domain) == ["ru: missing: 'Back'"]
    assert path.read_text(encoding="utf-8") == before
    assert write_domain(domain) == ["ru: empty: 'Back'"]
    assert path.read_text(encoding="utf-8") == GOOD.replace('"Назад"', '""')


@pytest.mark.parametrize(
    "text",
    [
        HEADER + BACK + HELLO + DAYS,
        GOOD + BACK,
        GOOD.replace("# What", "# Which"),
        GOOD.replace("Language: ru", "Language: uk"),
    ],
)
def test_file_that_the_script_would_change_is_complained_about(domain: Domain, text: str) -> None:
    """Another order, a message twice, another header."""
    (domain.catalogues / "ru.po").write_text(text, encoding="utf-8")
    assert check_domain(domain) == ["ru: not as `nox -s messages` writes it"]


def test_script_says_what_is_wrong_and_exits_with_1(
    domain: Domain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a fault; nothing, and 0, where all is well."""
    monkeypatch.setattr(messages, "DOMAINS", (domain,))
    monkeypatch.setattr(sys, "argv", ["messages.py", "--check"])
    messages.main()
    (domain.catalogues / "ru.po").write_text(HEADER + HELLO + DAYS, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        messages.main()
    assert ended.value.code == "ru: missing: 'Back'"


def test_script_runs_as_a_program() -> None:
    """From anywhere, on the product's own words."""
    done = subprocess.run(  # noqa: S603  - our own script
        [sys.executable, messages.__file__, "--check"], cwd="/", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
