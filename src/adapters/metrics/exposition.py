"""A page of metrics in Prometheus's text form."""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.metrics.instruments import Counter, Family, Gauge, Histogram, Observed

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


def exposition(families: Iterable[Family]) -> bytes:
    """The page: these families, and what the operating system says of the process."""
    registry = CollectorRegistry()
    registry.register(_Families(families))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Each family as the client knows it."""
        for family in self._families:
            if isinstance(family, Histogram):
                yield _histogram(family)
            elif isinstance(family, Counter | Gauge):
                kind = CounterMetricFamily if isinstance(family, Counter) else GaugeMetricFamily
                metric = kind(family.name, family.about, labels=family.labels)
                for labels, number in family.numbers.items():
                    metric.add_metric(labels, number)
                yield metric


def _histogram(family: Histogram) -> Metric:
    metric = HistogramMetricFamily(family.name, family.about, labels=family.labels)
    for labels, observed in family.numbers.items():
        metric.add_metric(labels, _buckets(observed), observed.total)
    return metric


def _buckets(observed: Observed) -> list[tuple[str, float]]:
    """As Prometheus has them: each with all that are below it, too."""
    ends = [*map(str, observed.bounds), "+Inf"]
    return list(zip(ends, accumulate(observed.counts), strict=True))
