"""What Prometheus remembers: the pages of each target, by the time at which they were taken."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

Labels: TypeAlias = frozenset[tuple[str, str]]
"""Of a series, its name (`__name__`) among them."""

LOOKBACK: Final = 300.0
"""Seconds for which a target's last page counts, where no newer one is there."""

NAME: Final = "__name__"


class Scrapes:
    """The pages of all targets; a page that could not be had counts as one on which nothing is."""

    def __init__(self) -> None:
        self._pages: dict[str, list[tuple[float, dict[Labels, float]]]] = {}

    def add(self, at: float, page: str | None, *, instance: str = "paywall:8000", job: str = "paywall") -> None:
        """A page was taken at a time in seconds; None: the target did not answer."""
        target = {"instance": instance, "job": job}
        taken = {frozenset({NAME: "up", **target}.items()): float(page is not None)}
        for family in text_string_to_metric_families(page or ""):
            for sample in family.samples:
                taken[frozenset({NAME: sample.name, **target, **sample.labels}.items())] = sample.value
        self._pages.setdefault(instance, []).append((at, taken))

    def instant(self, at: float) -> Mapping[Labels, float]:
        """Each series as it is at a time; one that is not on its target's newest page is not there."""
        found: dict[Labels, float] = {}
        for pages in self._pages.values():
            known = [(when, taken) for when, taken in pages if at - LOOKBACK < when <= at]
            if known:
                found |= known[-1][1]
        return found

    def window(self, at: float, seconds: float) -> Mapping[Labels, list[tuple[float, float]]]:
        """Each series' times and values in the time before."""
        found: dict[Labels, list[tuple[float, float]]] = {}
        for pages in self._pages.values():
            for when, taken in pages:
                if at - seconds < when <= at:
                    for labels, value in taken.items():
                        found.setdefault(labels, []).append((when, value))
        return found

    def names(self) -> Iterator[Labels]:
        """Every series that ever was."""
        for pages in self._pages.values():
            for _, taken in pages:
                yield from taken
