"""The Python of the pages runs: page by page, block after block, as somebody who copies them has it.

What a reader has of their own (a router, a database) is given by a comment before the block, which a forge does not
show: `<!-- given: router, INTERNAL_API_TOKEN -->`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiogram import Router

from paywall_core.testing import InMemoryStore, Ports
from tests.docs.pages import DOCS, PAGES, Block, read

PYTHON = {path: blocks for path in PAGES if (blocks := [b for b in read(path).blocks if b.language == "python"])}


class OurMails:
    """Mails of a reader's own; never opened here."""

    def __init__(self, *, port: int) -> None:
        self.port = port


class Inbox:
    """What takes them in, on loopback, in a reader's tests."""

    port = 2525

    @classmethod
    async def on_loopback(cls) -> "Inbox":
        """Open."""
        return cls()

    async def close(self) -> None:
        """Nothing is open."""


class Database:
    """A database of a reader's own."""

    def __init__(self) -> None:
        store = InMemoryStore()
        self.unit_of_work, self.directory = store.unit_of_work, store.directory
        self.archive, self.outbox, self.watch = store.archive, store.outbox, store.watch

    @classmethod
    async def create(cls) -> "Database":
        """Empty."""
        return cls()

    async def close(self) -> None:
        """Nothing is open."""


READERS_OWN: Mapping[str, Callable[[], object]] = {
    "router": Router,
    "INTERNAL_API_TOKEN": lambda: "an-internal-token-of-tests",
    "Database": lambda: Database,
    "OurMails": lambda: OurMails,
    "Inbox": lambda: Inbox,
}


def run(blocks: list[Block]) -> dict[str, object]:
    """Execute them in one namespace; gives it.

    Raises:
        Exception: whatever a block raises.
        KeyError: a block is given something that nobody has.
    """
    namespace: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        kind, _, names = block.mark.partition(":")
        if kind == "given":
            namespace |= {name: READERS_OWN[name]() for name in map(str.strip, names.split(","))}
        code = compile("\n" * (block.line - 1) + block.text, block.page, "exec", dont_inherit=True)
        exec(code, namespace)  # noqa: S102  - the project's own pages
    return namespace


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.name)
def test_the_python_of_a_page_runs(path: Path) -> None:
    """A line of a traceback is the page's."""
    run(PYTHON[path])


async def test_what_the_page_on_tests_opens_is_opened_and_closed() -> None:
    """The bodies of its classes too: ports over a database, a messenger before an inbox."""
    opened = list[object]()
    for block in read(DOCS / "embedding-tests.md").blocks:
        if block.language == "python":
            for shown in [it for it in run([block]).values() if getattr(it, "__module__", "") == "page"]:
                own, steps = SimpleNamespace(), vars(shown)
                opened.append(await steps["open" if "open" in steps else "set_up"](own) or own.messenger)
                await steps["close" if "close" in steps else "tear_down"](own)
    assert [type(one) for one in opened] == [Ports, OurMails, Ports]


def test_stale_python_is_seen() -> None:
    """A name that is gone."""
    block = Block(page="docs/x.md", line=1, language="python", mark="", text="from paywall_core import Gone\n")
    with pytest.raises(ImportError, match="Gone"):
        run([block])
