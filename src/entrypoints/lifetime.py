"""How long a process lives: one event that the signals set, and the word that a part is up."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import structlog

_log = structlog.stdlib.get_logger("paywall.process")

Stop: TypeAlias = asyncio.Event
"""Set once: everything then ends by itself."""

Ready: TypeAlias = Callable[[str], None]
"""Told which part is up."""


def log_ready(what: str) -> None:
    """Say in the log that a part is up."""
    _log.info("ready", part=what)


@contextmanager
def loading() -> Iterator[Callable[[], None]]:
    """Load, and call what this gives once all is loaded: it stays, and the collector never looks at it again.

    While code is loaded nothing becomes garbage, and looking for it takes a quarter of the time. Later, a look at all
    that was loaded would take a tenth of a second, in which nobody is answered.
    """
    gc.disable()
    try:
        yield _loaded
    finally:
        gc.enable()
        gc.unfreeze()


def _loaded() -> None:
    gc.freeze()
    gc.enable()


def run_on_fast_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end what serves and works for long: on uvloop, where there is one."""
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop  # noqa: PLC0415  - the short commands need none

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[Stop]:
    """An event that SIGTERM and SIGINT set while the block runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
