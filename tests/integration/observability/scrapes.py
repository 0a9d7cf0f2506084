"""What Prometheus remembers: the pages of each target, by the time at which they were taken."""

from bisect import bisect_right
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
        self._pages: dict[str, list[tuple[float, dict[str, dict[Labels, float]]]]] = {}

    def add(self, at: float, page: str | None, *, instance: str = "paywall:8000", job: str = "paywall") -> None:
        """A page was taken at a time in seconds; None: the target did not answer."""
        target = {"instance": instance, "job": job}
        taken = {"up": {frozenset({NAME: "up", **target}.items()): float(page is not None)}}
        for family in text_string_to_metric_families(page or ""):
            for sample in family.samples:
                labels = frozenset({NAME: sample.name, **target, **sample.labels}.items())
                taken.setdefault(sample.name, {})[labels] = sample.value
        self._pages.setdefault(instance, []).append((at, taken))

    def put(self, at: float, series: Mapping[Labels, float], *, instance: str) -> None:
        """A page as somebody else has read it, all of its labels on it."""
        taken: dict[str, dict[Labels, float]] = {}
        for labels, value in series.items():
            taken.setdefault(dict(labels)[NAME], {})[labels] = value
        self._pages.setdefault(instance, []).append((at, taken))

    def instant(self, name: str, at: float) -> Mapping[Labels, float]:
        """Each series of a name as it is at a time; one that is not on its target's newest page is not there."""
        found: dict[Labels, float] = {}
        for pages in self._pages.values():
            known = pages[bisect_right(pages, at, key=_when) - 1 :][:1]
            if known and at - LOOKBACK < known[0][0] <= at:
                found |= known[0][1].get(name, {})
        return found

    def window(self, name: str, at: float, seconds: float) -> Mapping[Labels, list[tuple[float, float]]]:
        """Times and values of each series of a name in the time before."""
        found: dict[Labels, list[tuple[float, float]]] = {}
        for pages in self._pages.values():
            first, end = bisect_right(pages, at - seconds, key=_when), bisect_right(pages, at, key=_when)
            for when, taken in pages[first:end]:
                for labels, value in taken.get(name, {}).items():
                    found.setdefault(labels, []).append((when, value))
        return found

    def times(self) -> Iterator[float]:
        """When a page was taken, of each of them."""
        for pages in self._pages.values():
            yield from (when for when, _ in pages)

    def names(self) -> Iterator[Labels]:
        """Every series that ever was."""
        for pages in self._pages.values():
            for _, taken in pages:
                for series in taken.values():
                    yield from series


def _when(page: tuple[float, object]) -> float:
    return page[0]
