"""For a run of pytest that is meant to fail: plants the defect that `PAYWALL_PLANT` names before anything is tested."""

import os

import pytest

from .suite import SUITE_PLANTS


def pytest_configure() -> None:
    """Put it in; the run ends with it."""
    SUITE_PLANTS[os.environ["PAYWALL_PLANT"]].plant(pytest.MonkeyPatch())
