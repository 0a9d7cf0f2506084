"""Files and folders that the pages name are there."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, read

A_FILE = re.compile(r"[\w@.-]+(?:/[\w@.-]+)*(?:/|\.(?:py|md|toml|txt|yaml|json|ini|po|svg|png|service|target))")
# Made by the reader, or by a command; or a place on a machine of theirs.
MADE = re.compile(
    r".*/NAME\.|(?:build|\.nox|\.env)(?:/|$)|paywall\.(?:env|db)|secret\.yaml|xx\.po|(?:orders|events)\.py$|paywall\.dump"
)
HISTORY = ("CHANGELOG.md",)
IN_BLOCKS = re.compile(
    r"(?<![\w/.-])(?:benchmarks|deploy|docs|examples|fuzz|mutation|packaging|scripts|src|tests)/[\w@./*-]*[\w*/]"
)


def named(path: Path) -> set[str]:
    """What looks like a file or a folder of the tree: it has a slash or a known ending, and no place of a machine."""
    page = read(path)
    return {
        code
        for _, code in page.codes
        if A_FILE.fullmatch(code) and not MADE.match(code) and not code.startswith(("/", "~"))
    }


@cache
def tree() -> frozenset[str]:
    """Every file and folder, and each end of its path: so a page may begin a name where its reader is."""
    found = set[str]()
    for top in ("benchmarks", "deploy", "docs", "examples", "fuzz", "mutation", "packaging", "scripts", "src", "tests"):
        for path in [ROOT / top, *(ROOT / top).rglob("*")]:
            parts = path.relative_to(ROOT).parts
            found |= {"/".join(parts[at:]) for at in range(len(parts))}
    return frozenset(found)


def is_there(name: str, page: Path) -> bool:
    """Beside the page, at the root, or anywhere in the tree."""
    return (page.parent / name).exists() or (ROOT / name).exists() or name.rstrip("/") in tree()


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path.name not in HISTORY], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_every_file_that_a_page_names_is_there(path: Path) -> None:
    """Between backquotes."""
    assert {name for name in named(path) if not is_there(name, path)} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_in_a_block_is_there(path: Path) -> None:
    """As it is typed, from the root of the tree; one or more where it has an asterisk."""
    named = {
        name for block in read(path).blocks if block.language != "python" for name in IN_BLOCKS.findall(block.text)
    }
    assert {name for name in named if not list(ROOT.glob(name.rstrip("/")))} == set()


def test_a_file_that_is_not_there_is_seen() -> None:
    """Whatever the place."""
    page = ROOT / "docs" / "architecture.md"
    assert is_there("paywall_core/facts.py", page)
    assert is_there("use_cases/record_payment.py", page)
    assert not is_there("paywall_core/fact.py", page)
    assert not is_there("nowhere/", page)
    assert IN_BLOCKS.findall("cp deploy/x.example . && pytest tests/y /opt/docs/z; ls deploy/systemd/*") == [
        "deploy/x.example", "tests/y", "deploy/systemd/*",
    ]  # fmt: skip


DOTTED = re.compile(r"[a-z_]+\.[a-z_]+")
LOGGED = re.compile(r"""log\.\w+\(\s*"([a-z_]+\.[a-z_]+)\"""")


@cache
def sources() -> str:
    """All that the product is made of."""
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))


def unknown_events(words: set[str]) -> set[str]:
    """Of words with a dot, those that begin as events of the log do, and stand nowhere in the code."""
    subjects = {event.partition(".")[0] for event in LOGGED.findall(sources())}
    return {
        word
        for word in words
        if DOTTED.fullmatch(word)
        and not A_FILE.fullmatch(word)
        and word.partition(".")[0] in subjects
        and f'"{word}"' not in sources()
        and f".{word}." not in sources()  # a call of Stripe's SDK
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_event_of_the_log_that_a_page_names_is_logged(path: Path) -> None:
    """Whoever searches the log for it finds it."""
    assert unknown_events({word for _, word in read(path).codes}) == set()


def test_an_event_that_is_not_logged_is_seen() -> None:
    """Whatever else has a dot is left alone."""
    assert unknown_events({"sweep.halted", "sweep.stopped", "gc.freeze", "compose.yaml"}) == {"sweep.stopped"}
