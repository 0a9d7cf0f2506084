"""In-memory ports for tests: ours, and those of services that embed the core. Public, and held to the contracts.

Nothing here does I/O or reads a real clock. Transactions on one `InMemoryStore` are serialised, like writers on SQLite,
so that concurrent use cases behave as they do on a database.

`PaywallMachine` is a Hypothesis state machine that tries to break a paywall over your own ports. It is loaded when
it is asked for, and needs `paywall-core[testing]`.
"""

from typing import TYPE_CHECKING

from paywall_core.testing.archive import InMemoryArchive
from paywall_core.testing.clock import FakeClock, SeededRandomness
from paywall_core.testing.outside import (
    FakeAdPlatform,
    FakeClickTracker,
    FakeCodeMailer,
    FakeCustomerPortal,
    FakeGateway,
    FakeLedger,
    FakeMessenger,
    FakeNoticeMessenger,
)
from paywall_core.testing.service import Ports
from paywall_core.testing.store import InMemoryDirectory, InMemoryStore, InMemoryUnitOfWork
from paywall_core.testing.tables import OutboxRow

if TYPE_CHECKING:
    from paywall_core.testing.state_machine import PaywallMachine

__all__ = [
    "FakeAdPlatform",
    "FakeClickTracker",
    "FakeClock",
    "FakeCodeMailer",
    "FakeCustomerPortal",
    "FakeGateway",
    "FakeLedger",
    "FakeMessenger",
    "FakeNoticeMessenger",
    "InMemoryArchive",
    "InMemoryDirectory",
    "InMemoryStore",
    "InMemoryUnitOfWork",
    "OutboxRow",
    "PaywallMachine",
    "Ports",
    "SeededRandomness",
]


if not TYPE_CHECKING:  # pragma: no branch  - a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """The state machine: only whoever asks for it needs Hypothesis.

        Raises:
            ImportError: Hypothesis is not installed.
        """
        if name != "PaywallMachine":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            from paywall_core.testing.state_machine import PaywallMachine  # noqa: PLC0415  - later on purpose
        except ModuleNotFoundError as error:
            raise ImportError(
                "PaywallMachine needs Hypothesis: install paywall-core[testing], or hypothesis"
            ) from error
        return PaywallMachine
