"""
What a process counts, for Prometheus. Imports no Django, so that every process can.

The library's own counters take a lock and look their labels up at every step, which costs more than ten times
as much as what is done here: one addition to a plain number, put into the library's form only when somebody
asks. A label is a word of ours (a route, a verdict, a table), never what a buyer or a provider wrote: every
value of a label is kept for ever.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

# From a tenth of a millisecond to a minute.
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
SIZES = (1, 2, 4, 8, 16, 32, 64)

# Everything that this process says about itself.
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)


class Counts:
    """Numbers that only grow, by the values of one or more labels."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str | tuple[str, ...], float] = {}

    def add(self, labels: str | tuple[str, ...], number: float = 1) -> None:
        """Count. `labels` is one value, or a tuple of as many as there are labels."""
        counts = self._counts
        counts[labels] = counts.get(labels, 0) + number

    def get(self, labels: str | tuple[str, ...]) -> float:
        """What was counted so far."""
        return self._counts.get(labels, 0)

    def items(self) -> list[tuple[tuple[str, ...], float]]:
        """Everything counted; a copy, so that counting may go on in another thread."""
        return [
            ((labels,) if isinstance(labels, str) else labels, number)
            for labels, number in list(self._counts.items())
        ]


class Histogram:
    """How often a figure fell between bounds, and its sum."""

    __slots__ = ("_counts", "bounds", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.sum = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def add(self, figure: float) -> None:
        """Count one figure."""
        self._counts[bisect_left(self.bounds, figure)] += 1
        self.sum += figure

    @property
    def count(self) -> int:
        """How many figures there were."""
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, float]]:
        """The library's form: upper bounds with how many figures were no greater."""
        total = 0
        made = []
        for bound, number in zip([*map(float, self.bounds), float("inf")], list(self._counts), strict=True):
            total += number
            made.append(("+Inf" if bound == float("inf") else repr(bound), float(total)))
        return made


class Age:
    """Seconds since something last happened; none before it happens for the first time."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = 0.0

    def mark(self) -> None:
        """It happens now."""
        self.at = time.monotonic()

    @property
    def seconds(self) -> float | None:
        """How long ago it was."""
        return time.monotonic() - self.at if self.at else None


class Source(Protocol):
    """Whoever has metrics to tell."""

    def collect(self) -> Iterable[Metric]:
        """Give them as they are now."""


class Told:
    """A source that is a function."""

    def __init__(self, tell: Callable[[], Iterable[Metric]]) -> None:
        self._tell = tell

    def collect(self) -> Iterable[Metric]:
        """Ask the function."""
        return self._tell()


def write_counter(name: str, text: str, labels: Sequence[str], counts: Counts) -> Metric:
    """A counter; `_total` is added to its name."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in counts.items():
        family.add_metric(values, number)
    return family


def write_count(name: str, text: str, number: float) -> Metric:
    """A counter without labels."""
    return CounterMetricFamily(name, text, value=number)


def write_gauge(name: str, text: str, value: float | None) -> Metric:
    """A gauge without labels; one that is not known has no sample."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], float(value))
    return family


def write_gauges(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    """A gauge with labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for given, value in values:
        family.add_metric(given, float(value))
    return family


def write_histograms(
    name: str, text: str, labels: Sequence[str], histograms: Iterable[tuple[Sequence[str], Histogram]]
) -> Metric:
    """A histogram for each set of label values; those that saw nothing are left out."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for given, histogram in histograms:
        if histogram.count:
            family.add_metric(given, histogram.buckets(), sum_value=histogram.sum)
    return family


def iterate(*sources: Source) -> Iterator[Metric]:
    """Everything that several sources tell."""
    for source in sources:
        yield from source.collect()
