"""What a reader is told to type is a command: of `paywall`, of nox; and each command has its place on its page."""

import re

import click
import pytest

from tests.docs.command_lines import check, command_lines, filled, paywalls, variants
from tests.docs.pages import DOCS, ROOT, Block, Page, every_block, every_page

BLOCKS = [block for block in every_block("sh", "console") if "paywall" in block.text]
SESSIONS = frozenset(
    re.findall(r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE)
)
NOX = re.compile(r"nox (?:-s|--session) ([\w-]+)")


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_every_command_of_a_block_is_one(block: Block) -> None:
    """By the real command line, options and values included."""
    for line in command_lines(block):
        for words in paywalls(filled(line)):
            check(words)


@pytest.mark.parametrize("page", every_page(), ids=lambda page: page.name)
def test_every_command_in_the_text_is_one(page: Page) -> None:
    """What stands between backquotes and begins with `paywall`."""
    wrong = []
    for line, code in page.codes:
        if re.match(r"paywall(?: |$)", code):
            try:
                for words in variants(code):
                    check(words)
            except click.MissingParameter:
                continue  # it is named, not typed
            except (click.UsageError, ValueError) as error:
                if not str(error).endswith("requires an argument."):  # as above
                    wrong.append(f"{line}: {code}: {error}")
    assert wrong == []


@pytest.mark.parametrize(
    "line",
    [
        "paywall frobnicate",
        "paywall orders show",
        "paywall orders revoke cs_1",
        "paywall api --drain -1",
        "A=1 paywall serve --drain 5",
        "docker compose exec api-1 paywall doctor --deaf",
        "true && /opt/paywall/bin/paywall migrate --chekc | cat",
    ],
)
def test_a_command_that_is_none_is_seen(line: str) -> None:
    """A wrong name, option or value, wherever in a line it stands."""
    (words,) = paywalls(line)
    with pytest.raises(click.UsageError):
        check(words)


def test_what_is_no_command_of_ours_is_left_alone() -> None:
    """Names of users, of namespaces, of files."""
    for line in ("useradd --system paywall", "kubectl rollout status -n paywall x", "pip install paywall"):
        assert list(paywalls(line)) == []


def test_every_symptom_ends_in_the_command_to_run() -> None:
    """What stands last in each section on trouble is a block, and each of its lines is one of `paywall`."""
    sections = (DOCS / "troubleshooting.md").read_text(encoding="utf-8").split("\n### ")[1:]
    assert len(sections) > 20
    for section in sections:
        last = re.search(r"\n```sh\n((?:paywall .+\n)+)```\s*(?:\n## .*\s*)?\Z", section)
        assert last is not None, section.splitlines()[0]


def test_every_session_of_nox_that_is_named_is_there() -> None:
    """In blocks and in the text."""
    assert "lint" in SESSIONS
    named = {
        (page.name, name)
        for page in every_page()
        for text in [*(code for _, code in page.codes), *(block.text for block in page.blocks)]
        for name in NOX.findall(text)
    }
    assert {(page, name) for page, name in named if name not in SESSIONS} == set()
