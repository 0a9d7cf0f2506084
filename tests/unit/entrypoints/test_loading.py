"""What a process of ours loads, and what the garbage collector does meanwhile."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from entrypoints.lifetime import loading

OURS = """
import sys
import entrypoints.processes, stripe
print("requests" in sys.modules, type(stripe._http_client.new_default_http_client()).__name__)
import requests
print("requests" in sys.modules)
"""
QUIET = """
import sys
import entrypoints.processes
print("rich" in sys.modules, "pygments" in sys.modules)
import rich.console
print("rich" in sys.modules)
"""
OTHERS = """
import sys
import adapters.stripe.translate
print("stripe" in sys.modules)
import stripe
print(type(stripe._http_client.new_default_http_client()).__name__)
"""


def _printed(program: str) -> list[str]:
    ran = subprocess.run(  # noqa: S603  - our own interpreter and program
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    return ran.stdout.split()


def test_process_of_ours_does_without_a_library_that_waits() -> None:
    """Stripe's SDK does not find it; whoever asks for it later does."""
    loaded, client, later = _printed(OURS)
    assert (loaded, later) == ("False", "True")
    assert client != "RequestsClient"


def test_process_of_ours_does_without_what_draws_in_terminals() -> None:
    """The operator's commands, which do draw, find it."""
    assert _printed(QUIET) == ["False", "False", "True"]


def test_program_of_others_keeps_its_own() -> None:
    """Our translation of Stripe's events loads no SDK, and changes nothing of one that they load."""
    assert _printed(OTHERS) == ["False", "RequestsClient"]


@pytest.fixture
def _collector_as_it_was() -> Iterator[None]:
    frozen = gc.get_freeze_count()
    yield
    gc.enable()
    if frozen:
        gc.freeze()


@pytest.mark.usefixtures("_collector_as_it_was")
def test_collector_waits_until_all_is_loaded() -> None:
    """And then does not look at it; a process that ends leaves it as it was."""
    gc.unfreeze()
    with loading() as loaded:
        assert not gc.isenabled()
        loaded()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("_collector_as_it_was")
def test_collector_works_again_after_a_start_that_failed() -> None:
    """Whatever kept it from being ready."""
    with pytest.raises(RuntimeError), loading():
        raise RuntimeError("the port is taken")
    assert gc.isenabled()
