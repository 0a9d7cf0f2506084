"""How long a delivery waits for its next try."""

from datetime import timedelta

import pytest

from paywall_core.use_cases.deliver_outbox import RetryPolicy


def seconds(*numbers: float) -> list[timedelta]:
    """So many."""
    return [timedelta(seconds=number) for number in numbers]


def test_each_wait_is_twice_the_one_before_up_to_the_longest() -> None:
    """Two seconds, four, eight, and then no more than the policy says, however many tries there were."""
    policy = RetryPolicy(first_delay_seconds=2, max_delay_seconds=10)
    assert [2 * policy.delay(attempt, 0.0) for attempt in (1, 2, 3, 4, 5000)] == seconds(2, 4, 8, 10, 10)


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 4), (0.5, 6), (0.75, 7)])
def test_chance_spreads_a_wait_over_its_upper_half(jitter: float, wait: float) -> None:
    """So that all that failed at once does not come back at once, and nothing comes back early."""
    assert RetryPolicy(first_delay_seconds=8).delay(1, jitter) == timedelta(seconds=wait)


def test_far_side_lengthens_a_wait_and_never_shortens_it() -> None:
    """Up to the longest that anybody waits."""
    policy = RetryPolicy(first_delay_seconds=0.5, longest_wait_seconds=100)
    assert [policy.wait(1, 0.0, asked) for asked in (None, 0.1, 60.0, 101.0)] == seconds(0.25, 0.25, 60, 100)
