"""What holds for every test. Properties are searched for counterexamples, never timed: machines are noisy.

A command that runs within a test sets up the process's logging: the next test gets it back as it was.

What is imported stays until the end, and there is much of it: it is kept out of the garbage collector's sight. While
it is being imported nothing is garbage, and looking for it anyhow takes a third of the time.
"""

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from zlib import crc32

import httpx._transports.default
import pytest
import structlog
import uvloop
from hypothesis import settings

import adapters.bot  # noqa: F401  - it makes aiogram load lightly, in whichever test that is, and loads nothing
from tests.memory import fast_directory

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

if (in_memory := fast_directory()) is not None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", in_memory)  # `tmp_path` is made below it

# Each of httpx's clients reads all certificates for itself, 30 ms long, and most here talk to this machine without any.
_transports: Any = httpx._transports.default
_transports.create_ssl_context = cache(_transports.create_ssl_context)

# As structlog does it by itself, but for tracebacks: to draw one in a box takes half a second.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the loop that the service runs on, which closes and sends in other moments than Python's own."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the files that wait for servers lie between those that reckon.

    The alphabet has them side by side: the processors would be idle first, and fought over later.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: crc32(item.nodeid.partition("::")[0].encode()))


def pytest_collection() -> None:
    """The tests and all that they need are about to be imported: no garbage is looked for."""
    gc.disable()


def pytest_collection_finish() -> None:
    """They are: from now on only what the tests themselves make is looked through."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Levels, the root's handlers and structlog's configuration."""
    root = logging.getLogger()
    handlers, configured = list(root.handlers), structlog.get_config()
    levels = {name: one.level for name, one in _loggers().items()}
    yield
    root.handlers = handlers
    for name, one in _loggers().items():
        one.setLevel(levels.get(name, logging.NOTSET))
    structlog.configure(**configured)


def _loggers() -> dict[str, logging.Logger]:
    named = logging.Logger.manager.loggerDict.items()
    return {"root": logging.getLogger(), **{name: one for name, one in named if isinstance(one, logging.Logger)}}
