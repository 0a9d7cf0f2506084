"""Bring the catalogues in step with the words in the code, or check that they are in step and complete.

    python scripts/messages.py            add new messages, untranslated; remove unused ones; sort
    python scripts/messages.py --check    write nothing; say what is wrong and exit 1

A further language is one file: create an empty `xx.po` in the folder, run this, translate. Reads Python and Jinja
sources as syntax trees; what a catalogue holds depends on the words alone, not on the day, the machine or the line.
"""

import argparse
import ast
import gettext
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.messages import Catalog, Message
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes
from msgspec import Struct

ROOT: Final = Path(__file__).parents[1]
SANDBOX_CHECKOUT: Final = ROOT / "src" / "entrypoints" / "sandbox" / "stripe"

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)([-#0 +.\d]*[a-zA-Z]?)")
_COMPARED_NUMBERS: Final = range(1000)
_HEADER: Final = """\
# What customers read, in `{locale}`. `nox -s messages` adds new messages and removes unused ones.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Language: {locale}\\n"
"MIME-Version: 1.0\\n"
"Plural-Forms: {plural_forms}\\n"
"""

MessageId = str | tuple[str, str]
"""A message, or the two English forms of a counted one."""


class Domain(Struct, frozen=True, kw_only=True):
    """Sources that share a folder of catalogues.

    Attributes:
        sources: folders with Python modules and Jinja templates.
        apart: folders inside them that have their own words.
        catalogues: the folder of `<language>.po`.
    """

    sources: tuple[Path, ...]
    apart: tuple[Path, ...] = ()
    catalogues: Path


DOMAINS: Final = (
    Domain(
        sources=(ROOT / "src",),
        apart=(ROOT / "src" / "entrypoints" / "sandbox",),
        catalogues=ROOT / "src" / "adapters" / "i18n" / "catalogues",
    ),
    Domain(sources=(SANDBOX_CHECKOUT,), catalogues=SANDBOX_CHECKOUT / "catalogues"),
)


class UnreadableMessageError(Exception):
    """A message that is not written out where it is said, so that nobody could translate it."""


def messages_of(domain: Domain) -> set[MessageId]:
    """Every message of the sources.

    Raises:
        UnreadableMessageError: with the place.
    """
    found: dict[str, MessageId] = {}
    for path, message in _said(domain):
        key = message if isinstance(message, str) else message[0]
        if found.setdefault(key, message) != message:
            raise UnreadableMessageError(f"{path}: {key!r} is said with another plural, or none, elsewhere")
    return {*found.values()}


def python_messages(source: str) -> Iterator[MessageId]:
    """The messages of a module: `t("…")`, `translator(…)("…")` and `….plural("…", "…", n)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            _check_name(node)
        if not isinstance(node, ast.Call):
            continue
        said = node.func
        if (isinstance(said, ast.Name) and said.id == "t") or _is_translator(said):
            yield _literals(node.lineno, [_constant(argument) for argument in node.args[:1]], 1)[0]
        elif isinstance(said, ast.Attribute) and said.attr == "plural":
            one, many = _literals(node.lineno, [_constant(argument) for argument in node.args[:2]], 2)
            yield one, many


def jinja_messages(source: str) -> Iterator[MessageId]:
    """The messages of a template: `t("…")` and `t.plural("…", "…", n)`."""
    for call in Environment(autoescape=True).parse(source).find_all(nodes.Call):
        values = [argument.value if isinstance(argument, nodes.Const) else None for argument in call.args]
        if isinstance(call.node, nodes.Name) and call.node.name == "t":
            yield _literals(call.lineno, values[:1], 1)[0]
        elif isinstance(call.node, nodes.Getattr) and call.node.attr == "plural":
            one, many = _literals(call.lineno, values[:2], 2)
            yield one, many


def load(path: Path) -> Catalog:
    """One catalogue; an empty file is a new language."""
    with path.open("rb") as source:
        catalogue = read_po(source, locale=path.stem, abort_invalid=True)
    catalogue.locale = path.stem  # whatever its header says: it may be a copy of another's
    return catalogue


def update(catalogue: Catalog, wanted: set[MessageId]) -> str:
    """Put new messages in, untranslated, and take unused ones out. Returns the file's whole text."""
    template = Catalog()
    for message in wanted:
        template.add(message)
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    body = BytesIO()
    # A message a line: what is said can be found by searching for it.
    write_po(body, catalogue, width=0, omit_header=True, no_location=True, sort_output=True)
    header = _HEADER.format(locale=catalogue.locale_identifier, plural_forms=catalogue.plural_forms)
    return f"{header}\n{body.getvalue().decode().strip()}\n"


def problems(catalogue: Catalog, wanted: set[MessageId]) -> list[str]:
    """What is wrong with a catalogue, a sentence each."""
    language = str(catalogue.locale_identifier)
    held = {_id(message): message for message in catalogue if message.id}
    found = [*_language_problems(catalogue, language)]
    found += [f"{language}: missing: {message!r}" for message in wanted - held.keys()]
    found += [f"{language}: unused: {message!r}" for message in held.keys() - wanted]
    found += [f"{language}: unused, kept as a comment: {message!r}" for message in catalogue.obsolete]
    for message_id, message in held.items():
        found += [f"{language}: {what}: {message_id!r}" for what in _message_problems(catalogue, message)]
    return sorted(found)


def main() -> None:
    """Write or check the catalogues."""
    parser = argparse.ArgumentParser(description="Bring the catalogues in step with the words in the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something is wrong")
    check = parser.parse_args().check
    found = [problem for domain in DOMAINS for problem in (check_domain if check else write_domain)(domain)]
    if found:
        sys.exit("\n".join(found))


def check_domain(domain: Domain) -> list[str]:
    """What is wrong with the catalogues of a domain; a file that `nox -s messages` would change is wrong too."""
    wanted = messages_of(domain)
    found: list[str] = []
    for path in sorted(domain.catalogues.glob("*.po")):
        of_this = problems(load(path), wanted)
        if not of_this and path.read_text(encoding="utf-8") != update(load(path), wanted):
            of_this = [f"{path.stem}: not as `nox -s messages` writes it"]
        found += of_this
    return found


def write_domain(domain: Domain) -> list[str]:
    """Bring the catalogues of a domain in step. Returns what is left for a translator."""
    wanted = messages_of(domain)
    found: list[str] = []
    for path in sorted(domain.catalogues.glob("*.po")):
        path.write_text(update(load(path), wanted), encoding="utf-8")
        found += problems(load(path), wanted)
    return found


def _said(domain: Domain) -> Iterator[tuple[Path, MessageId]]:
    """Each message with its file."""
    for path in sorted(path for folder in domain.sources for path in folder.rglob("*")):
        if any(path.is_relative_to(folder) for folder in domain.apart):
            continue
        if path.suffix == ".py":
            read = python_messages
        elif path.parent.name == "templates" and path.suffix in {".html", ".txt"}:
            read = jinja_messages
        else:
            continue
        try:
            yield from ((path, message) for message in read(path.read_text(encoding="utf-8")))
        except UnreadableMessageError as error:
            raise UnreadableMessageError(f"{path}:{error}") from None


def _is_translator(node: ast.expr | None) -> bool:
    """Whether an expression is `translator(…)`, of a module or of an object."""
    if not isinstance(node, ast.Call):
        return False
    said = node.func
    return (said.id if isinstance(said, ast.Name) else said.attr if isinstance(said, ast.Attribute) else "") == (
        "translator"
    )


def _check_name(node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
    """A translator goes by the name `t`: under another, its messages would not be found."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    pairs = [(target, node.value) for target in targets]
    for target, value in list(pairs):
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs += zip(target.elts, value.elts, strict=False)
    for target, value in pairs:
        if _is_translator(value) and not (isinstance(target, ast.Name) and target.id == "t"):
            raise UnreadableMessageError(f"{node.lineno}: a translator is called `t`")


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _literals(line: int, values: list[object], count: int) -> list[str]:
    texts = [value for value in values if isinstance(value, str) and value]
    if len(texts) != count:
        raise UnreadableMessageError(f"{line}: a message is a literal, written where it is said")
    return texts


def _id(message: Message) -> MessageId:
    return message.id if isinstance(message.id, str) else (message.id[0], message.id[1])


def _language_problems(catalogue: Catalog, language: str) -> Iterator[str]:
    """The name of the language, and the rule by which it counts."""
    try:
        locale = Locale.parse(language)
    except (ValueError, UnknownLocaleError):
        yield f"{language}: no language that is known; a catalogue is named by it alone, `de.po`"
        return
    if language != locale.language:
        yield f"{language}: a catalogue is named by its language alone: `{locale.language}.po`"
    form = gettext.c2py(catalogue.plural_expr)
    pairs = {(form(n), locale.plural_form(n)) for n in _COMPARED_NUMBERS}
    indexes, categories = {index for index, _ in pairs}, {category for _, category in pairs}
    if not len(pairs) == len(indexes) == len(categories) or max(indexes) >= catalogue.num_plurals:
        yield f"{language}: Plural-Forms is not the rule of the language"


def _message_problems(catalogue: Catalog, message: Message) -> Iterator[str]:
    """What is wrong with one translation."""
    if message.fuzzy:
        yield "fuzzy"
    texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
    if isinstance(message.id, str):
        ids = [message.id]
    else:
        ids = list(message.id)
        if len(texts) != catalogue.num_plurals:
            yield f"has {len(texts)} of {catalogue.num_plurals} plural forms"
    if not all(text.strip() for text in texts):
        yield "empty"
        return
    wanted = _placeholders(ids[-1])
    if isinstance(message.id, tuple) and "n" not in wanted:
        yield "counts without %(n)s"
    for index, text in enumerate([*ids, *texts]):
        spare = {("n", wanted.get("n"))} if _names_one_number(catalogue, message, index - len(ids)) else set()
        found = _placeholders(text)
        if not {*wanted.items()} - spare <= {*found.items()} <= {*wanted.items()}:
            yield f"placeholders differ: {text!r}"
        elif found and not _can_be_filled(text, wanted):
            yield f"cannot be filled in: {text!r}"


def _placeholders(text: str) -> dict[str, str]:
    """The names that a text wants filled in, each with its conversion."""
    return dict(_PLACEHOLDER.findall(text.replace("%%", "")))


def _can_be_filled(text: str, wanted: dict[str, str]) -> bool:
    """Whether Python takes the text as a format."""
    try:
        text % dict.fromkeys(wanted, 7)
    except (TypeError, ValueError):
        return False
    return True


def _names_one_number(catalogue: Catalog, message: Message, index: int) -> bool:
    """Whether a form of a counted message is for a single number, which its words may then say: "one day".

    Negative indexes are the English forms.
    """
    if isinstance(message.id, str):
        return False
    if index < 0:
        return index == -len(message.id)
    form = gettext.c2py(catalogue.plural_expr)
    return sum(form(n) == index for n in _COMPARED_NUMBERS) == 1


if __name__ == "__main__":
    main()
