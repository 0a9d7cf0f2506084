"""What Prometheus remembers: the pages of each target, by the time at which they were taken."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
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
        self._series: dict[str, dict[Labels, tuple[list[float], list[float]]]] = {}  # by name: times and values
        self._read: dict[tuple[str, str, str], tuple[str, Labels]] = {}

    def add(self, at: float, page: str | None, *, instance: str = "paywall:8000", job: str = "paywall") -> None:
        """A page was taken at a time in seconds; None: the target did not answer."""
        up = frozenset({NAME: "up", "instance": instance, "job": job}.items())
        taken = {"up": {up: float(page is not None)}}
        for line in (page or "").splitlines():
            if not line.startswith("#"):
                series, _, value = line.rpartition(" ")
                name, labels = self._read.get((series, instance, job)) or self._read_series(series, instance, job)
                taken.setdefault(name, {})[labels] = float(value)
        self._keep(at, taken, instance)

    def put(self, at: float, series: Mapping[Labels, float], *, instance: str) -> None:
        """A page as somebody else has read it, all of its labels on it."""
        taken: dict[str, dict[Labels, float]] = {}
        for labels, value in series.items():
            taken.setdefault(dict(labels)[NAME], {})[labels] = value
        self._keep(at, taken, instance)

    def instant(self, name: str, at: float) -> Mapping[Labels, float]:
        """Each series of a name as it is at a time; one that is not on its target's newest page is not there."""
        found: dict[Labels, float] = {}
        for pages in self._pages.values():
            known = pages[bisect_right(pages, at, key=_when) - 1 :][:1]
            if known and at - LOOKBACK < known[0][0] <= at:
                found |= known[0][1].get(name, {})
        return found

    def window(
        self, name: str, at: float, seconds: float, takes: Callable[[Labels], bool]
    ) -> Mapping[Labels, list[tuple[float, float]]]:
        """Times and values, in the time before, of each series of a name that is taken."""
        found: dict[Labels, list[tuple[float, float]]] = {}
        for labels, (times, values) in self._series.get(name, {}).items():
            first, end = bisect_right(times, at - seconds), bisect_right(times, at)
            if first < end and takes(labels):
                found[labels] = list(zip(times[first:end], values[first:end], strict=True))
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

    def _read_series(self, series: str, instance: str, job: str) -> tuple[str, Labels]:
        """A page says the same series again and again: each is read once, by Prometheus's own reader."""
        ((sample,),) = (family.samples for family in text_string_to_metric_families(f"{series} 0\n"))
        labels = frozenset({NAME: sample.name, "instance": instance, "job": job, **sample.labels}.items())
        self._read[series, instance, job] = sample.name, labels
        return sample.name, labels

    def _keep(self, at: float, taken: dict[str, dict[Labels, float]], instance: str) -> None:
        self._pages.setdefault(instance, []).append((at, taken))
        for name, series in taken.items():
            known = self._series.setdefault(name, {})
            for labels, value in series.items():
                times, values = known.setdefault(labels, ([], []))
                times.append(at)
                values.append(value)


def _when(page: tuple[float, object]) -> float:
    return page[0]
