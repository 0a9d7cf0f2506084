"""A shop with a past on both databases, and a terminal on which an operator types."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner

from entrypoints.cli import main
from tests.integration.entrypoints.shop import ENVIRON, Past, with_a_past


class Answer:
    """What a command printed, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


class Terminal:
    """Types commands; remembers all that was ever printed."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.printed: list[str] = []

    async def __call__(self, *words: object, answer: str | None = None) -> Answer:
        """Run `paywall <words>`, in a thread because it runs a loop of its own; `answer` is what is typed into it."""
        runner = CliRunner(env=self.environ)
        done = await asyncio.to_thread(runner.invoke, main, [str(word) for word in words], input=answer)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        self.printed += [done.stdout, done.stderr]
        return Answer(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def logs_put_back() -> Iterator[None]:
    """A command sets up the logs of its process; here the process is the tests'."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)


@pytest.fixture
def terminal(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs_put_back: None) -> Terminal:
    """A terminal of the operator Kate."""
    monkeypatch.chdir(tmp_path)
    return Terminal({**ENVIRON, "DATABASE_URL": database_url, "PAYWALL_OPERATOR": "kate", "NO_PROXY": "*"})


@pytest.fixture
async def past(database_url: str, terminal: Terminal) -> AsyncIterator[Past]:
    """The shop's orders; whatever is printed about them never holds what opens a door."""
    past = await with_a_past(database_url)
    yield past
    for secret in (*past.tokens, *(value for name, value in ENVIRON.items() if "SECRET" in name or "TOKEN" in name)):
        assert not any(secret in text for text in terminal.printed)
