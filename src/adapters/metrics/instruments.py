"""Counters, gauges and histograms as plain numbers: one thread counts, on one loop, and nothing is locked.

A family has a name as Prometheus has it, and numbers for each set of its labels' values. What is known beforehand is
there from the start with 0: of a number that appears with its first case, nobody sees that it rose.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

Labels: TypeAlias = tuple[str, ...]
"""The values of a family's labels, in their order."""


class Family:
    """What all of one kind have in common.

    Args:
        name: with its unit, and without `_total`.
        about: one sentence for whoever reads the page.
        labels: the names of its labels.
    """

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.about = about
        self.labels = tuple(labels)


class Counter(Family):
    """Only rises."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = (), *, known: Iterable[Labels] = ()) -> None:
        super().__init__(name, about, labels)
        self.numbers: Final = dict.fromkeys(known, 0)

    def add(self, *labels: str) -> None:
        """One more."""
        self.numbers[labels] = self.numbers.get(labels, 0) + 1


class Gauge(Family):
    """Is what it was set to last."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, about, labels)
        self.numbers: Final = dict[Labels, float]()

    def set(self, number: float, *labels: str) -> None:
        """It is this now."""
        self.numbers[labels] = number


class Observed:
    """One histogram's numbers: how many fell below each bound (and not below the one before), and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Histogram(Family):
    """How often a value was how large.

    Args:
        name: with its unit.
        about: one sentence for whoever reads the page.
        labels: the names of its labels.
        bounds: the upper ends of its buckets, rising; what is larger than all falls into one more.
        known: sets of labels that are there from the start.
    """

    def __init__(
        self,
        name: str,
        about: str,
        labels: Sequence[str] = (),
        *,
        bounds: tuple[float, ...],
        known: Iterable[Labels] = (),
    ) -> None:
        super().__init__(name, about, labels)
        self.bounds = bounds
        self.numbers: Final = {labels: Observed(bounds) for labels in known}

    def of(self, *labels: str) -> Observed:
        """The numbers of these labels; whoever counts often keeps them."""
        found = self.numbers.get(labels)
        if found is None:
            found = self.numbers[labels] = Observed(self.bounds)
        return found
