"""What every contract stands on: ports that are opened for each test, and an event loop of the test's own."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from paywall_core.testing.service import Ports
from paywall_core.testing.store import InMemoryStore


class EachOnItsOwnLoop:
    """Makes a class's coroutines `test_…` into plain tests, so that pytest runs them without any plugin.

    `set_up`, the test and `tear_down` run on one event loop, which is the test's own.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, scenario in list(vars(cls).items()):
            if name.startswith("test_") and iscoroutinefunction(scenario):
                setattr(cls, name, _plain(scenario))

    async def set_up(self) -> None:
        """Make ready."""

    async def tear_down(self) -> None:
        """Put away, however the test ended."""


def _plain(scenario: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @wraps(scenario)
    def test(self: EachOnItsOwnLoop, **arguments: Any) -> None:
        async def run() -> None:
            await self.set_up()
            try:
                await scenario(self, **arguments)
            finally:
                await self.tear_down()

        with asyncio.Runner() as runner:
            runner.run(run())

    return test


class PortsContract(EachOnItsOwnLoop):
    """A part of what the core's ports promise, as tests. Inherit it in a class `Test…`, and say how yours are opened.

    Attributes:
        ports: yours, over an empty database; there while a test runs.
    """

    ports: Ports

    async def open(self) -> Ports:
        """Open the ports, on an empty database. Override this to try your own; the default is an `InMemoryStore`."""
        return Ports.of_store(InMemoryStore())

    async def close(self) -> None:
        """Close what `open` opened; called once at the end of every test, on the same event loop."""

    async def set_up(self) -> None:
        """Open the ports."""
        self.ports = await self.open()

    async def tear_down(self) -> None:
        """Close them."""
        await self.close()
