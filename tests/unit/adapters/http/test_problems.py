"""Every error of the core has a problem, and every problem is said in full."""

import re

import pytest

from adapters.http.problems import _CORE, KINDS, whole_seconds
from paywall_core import errors

NOT_THE_CALLERS = {
    errors.InvalidInput,  # named by its field, in its own branch
    errors.OrderNotFound,  # no call names an order
    errors.IllegalTransition,  # a webhook that the table forbids: ours to look at, and Stripe's to send again
    errors.ConcurrentUpdate,
    errors.ReferencesDisagree,
    errors.DeliveryFailed,  # the worker's
    errors.SweepHalted,  # the worker's too
}


def leaves(error: type[errors.PaywallError]) -> set[type[errors.PaywallError]]:
    """The errors that are raised: the tree's ends."""
    below = error.__subclasses__()
    return {leaf for branch in below for leaf in leaves(branch)} if below else {error}


def test_every_error_that_a_caller_can_cause_has_a_problem() -> None:
    """The others are failures of ours: 500, logged whole."""
    ours = {error for error in leaves(errors.PaywallError) if error.__module__ == errors.__name__}
    assert set(_CORE) == ours - NOT_THE_CALLERS
    assert set(_CORE.values()) <= set(KINDS)


@pytest.mark.parametrize("code", KINDS)
def test_problem_is_said_in_full(code: str) -> None:
    """A code for programs; a title without a full stop and a detail with one, for people."""
    kind = KINDS[code]
    assert re.fullmatch(r"[a-z_]+", code)
    assert 400 <= kind.status < 600
    assert kind.title
    assert not kind.title.endswith(".")
    assert not kind.detail or kind.detail.endswith(".")


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (40.5, "41"), (3600, "3600")])
def test_time_to_wait_is_long_enough(seconds: float, header: str) -> None:
    """Whole seconds, rounded up, never nothing."""
    assert whole_seconds(seconds) == header
