"""Those that ask at the same moment share a transaction: what is not said of webhooks in `test_record_together.py`."""

import asyncio
from collections.abc import Sequence

import pytest

from paywall_core.use_cases.together import Together


class Halving:
    """Halves numbers. Of an odd one an exception is the answer; a negative one cannot be done with others, nor alone.

    Attributes:
        groups: what was done together.
    """

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        """All of them, or none."""
        self.groups.append([*numbers])
        await asyncio.sleep(0)
        if any(number < 0 for number in numbers):
            raise LookupError(min(numbers))
        return [ValueError(number) if number % 2 else number // 2 for number in numbers]


@pytest.fixture
def halving() -> Halving:
    """A fresh one."""
    return Halving()


def in_turn(halving: Halving, *, most: int = 9) -> Together[int, int]:
    """One lane; whoever comes alone goes in the next turn of the loop."""
    return Together(halving, subjects_of=lambda number: (number,), lanes=1, most=most, in_turn=True)


async def test_those_that_come_in_one_turn_of_the_loop_go_together(halving: Halving) -> None:
    """The first of them, too; and so does whoever comes alone, with nobody else."""
    halve = in_turn(halving)
    assert await asyncio.gather(*map(halve, (2, 4, 6))) == [1, 2, 3]
    assert await halve(8) == 4
    assert halving.groups == [[2, 4, 6], [8]]


async def test_those_that_come_meanwhile_go_in_the_next(halving: Halving) -> None:
    """No second transaction is begun beside the one that is under way."""
    halve = in_turn(halving, most=3)
    first = asyncio.ensure_future(halve(2))
    while not halving.groups:
        await asyncio.sleep(0)
    rest = [asyncio.ensure_future(halve(number)) for number in (4, 6, 8, 10)]
    assert await asyncio.gather(first, *rest) == [1, 2, 3, 4, 5]
    assert halving.groups == [[2], [4, 6, 8], [10]]


async def test_an_exception_among_the_answers_is_that_one_s_alone(halving: Halving) -> None:
    """Nothing is done a second time for it."""
    outcomes = await asyncio.gather(*map(in_turn(halving), (2, 3, 4)), return_exceptions=True)
    assert [outcomes[0], outcomes[2]] == [1, 2]
    assert isinstance(outcomes[1], ValueError)
    assert halving.groups == [[2, 3, 4]]


async def test_what_cannot_be_done_fails_alone(halving: Halving) -> None:
    """Each by itself then: also whoever has an exception for an answer."""
    outcomes = await asyncio.gather(*map(in_turn(halving), (2, -4, 3)), return_exceptions=True)
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], LookupError)
    assert isinstance(outcomes[2], ValueError)
    assert halving.groups == [[2, -4, 3], [2], [-4], [3]]


async def test_two_about_the_same_go_one_after_the_other(halving: Halving) -> None:
    """As with webhooks."""
    assert await asyncio.gather(*map(in_turn(halving), (2, 2, 4))) == [1, 1, 2]
    assert halving.groups == [[2, 4], [2]]


async def test_whoever_has_gone_before_its_turn_is_passed_over(halving: Halving) -> None:
    """And the next is not held up."""
    halve = in_turn(halving)
    gone = asyncio.ensure_future(halve(2))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await halve(4) == 2
    assert halving.groups == [[4]]
