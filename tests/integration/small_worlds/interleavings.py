"""How many ways there are, by formula: what a walk has counted is held against it, so that nobody shrinks it unnoticed.

A member of a script is delivered twice. Each delivery either runs to its end, or its process dies once at one of the
member's points (before or after one of its commits) and the delivery comes again.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import factorial
from typing import Final

DELIVERIES: Final = 2


def ways_of(death_points: int) -> Mapping[int, int]:
    """Of one member: how many sequences of attempts there are, by their length."""
    ways: dict[int, int] = {0: 1}
    for _ in range(DELIVERIES):
        longer: dict[int, int] = {}
        for length, number in ways.items():
            longer[length + 1] = longer.get(length + 1, 0) + number
            if death_points:
                longer[length + 2] = longer.get(length + 2, 0) + number * death_points
        ways = longer
    return ways


def interleavings(death_points: Iterable[int]) -> int:
    """Of all members together: each one's sequences, shuffled into one another in every way.

    A multinomial coefficient for each choice of lengths, summed by multiplying exponential generating functions.
    """
    product: dict[int, Fraction] = {0: Fraction(1)}
    for points in death_points:
        longer: dict[int, Fraction] = {}
        for length, ways in product.items():
            for more, number in ways_of(points).items():
                longer[length + more] = longer.get(length + more, Fraction(0)) + ways * number / factorial(more)
        product = longer
    return int(sum(ways * factorial(length) for length, ways in product.items()))
