"""The shell's lines on a page, and whether one of `paywall` is one: parsed by the real command line."""

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

import click

from entrypoints.cli import main
from tests.docs.pages import Block

_OPERATORS: Final = frozenset(("|", "||", "&&", ";", "&", "(", ")", "do", "then", "{", "}"))
_RUNNERS: Final = re.compile(r"(?:^|\s)(?:exec|run)\s+(?:-\S+\s+)*\S+\s+$")
_PLACE: Final = re.compile(r"<([a-z][\w .,'-]*)>|\$(\w+)|…")
_MAY_BE_LEFT_OUT: Final = re.compile(r"[\[\]]")
_ANY_OF: Final = re.compile(r"\S+(?:\|\S+)+")


def command_lines(block: Block) -> Iterator[str]:
    """What is typed: in a console's record the lines behind `$ `, elsewhere all; a line that goes on is one."""
    text = block.text.replace("\\\n", " ")
    for line in text.splitlines():
        if block.language != "console":
            yield line
        elif line.startswith("$ "):
            yield line.removeprefix("$ ")


def paywalls(line: str) -> Iterator[list[str]]:
    """The words behind each `paywall` that a line starts, by itself or through a container.

    Raises:
        ValueError: a quote is not closed.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    lexer.whitespace_split = True
    words = list(lexer)
    for at, word in enumerate(words):
        if word.rpartition("/")[2] != "paywall" or not _is_started(words[:at]):
            continue
        following = list[str]()
        for next_word in words[at + 1 :]:
            if next_word in _OPERATORS or next_word.startswith((">", "<")):
                break
            following.append(next_word)
        yield following


def _is_started(before: Sequence[str]) -> bool:
    """Whether what comes next is a command: nothing is before it but settings, or what runs it elsewhere."""
    own = list[str]()
    for word in before:
        own = [] if word in _OPERATORS else [*own, word]
    while own and (re.match(r"[A-Z_]+=", own[0]) or own[0] in ("sudo", "nohup", "exec", "!", "if", "until", "while")):
        own.pop(0)
    return not own or _RUNNERS.search(" ".join(own) + " ") is not None


def check(words: Sequence[str]) -> str:
    """Parse what comes after `paywall`; gives the command's whole name.

    Raises:
        click.UsageError: there is no such command, option or value.
    """
    command: click.Command = main
    rest, name = list(words), list[str]()
    parent = click.Context(main, info_name="paywall")
    while isinstance(command, click.Group):
        if not rest or rest[0] in ("--help", "-h", "--version"):
            return " ".join(name)
        word, found, rest = command.resolve_command(parent, rest)
        assert found is not None
        command = found
        name.append(word or "")
        if isinstance(command, click.Group):
            parent = click.Context(command, info_name=word, parent=parent)
    if "--help" not in rest:
        with command.make_context(name[-1], rest, parent=parent):
            pass
    return " ".join(name)


def filled(text: str) -> str:
    """With a word where the reader, or the shell, puts one: `<e-mail>`, `$order`, `…`."""
    examples = {"e-mail": "anna@example.com", "order": "cs_test_1", "WORLD_PORT": "8400", "SHOP_PORT": "8000"}
    return _PLACE.sub(lambda place: examples.get(place[1] or place[2] or "", "something"), text.replace("SECONDS", "5"))


def variants(text: str) -> Iterator[list[str]]:
    """Each way to type what a sentence tells of: `list|show`, `doctor [--live]`."""
    words = shlex.split(_MAY_BE_LEFT_OUT.sub("", filled(text)))[1:]
    for one in product(*(word.split("|") if _ANY_OF.fullmatch(word) else [word] for word in words)):
        yield list(one)
