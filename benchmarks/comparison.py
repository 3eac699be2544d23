"""Figures of a run of all gateways: the median of each, and how ours compares with the others."""

import statistics
from collections.abc import Mapping

from benchmarks.report import Figure

OURS = "gateway"
FLOOR = "nginx"
PLAIN, STREAM, PACED, ONE = "plain", "stream of 50 chunks", "64 paced streams", "one connection"
# What is told of each load: figure, words after its name, unit.
TOLD = {
    PLAIN: (
        ("cpu_us", ", processor time", "us/request"),
        ("rate", "", "requests/s"),
        ("p50_ms", ", p50", "ms"),
        ("p99_ms", ", p99", "ms"),
    ),
    STREAM: (("cpu_us", ", processor time", "us/request"), ("rate", "", "requests/s")),
    PACED: (
        ("chunk_us", ", processor time", "us/chunk"),
        ("first_ms", ", time to first byte", "ms"),
    ),
    ONE: (("p50_us", ", p50", "us"),),
}
GOALS = {
    (PLAIN, "cpu_us"): "150 us",
    (PACED, "chunk_us"): "45 us",
    (PLAIN, "rate"): "6,000/s on two cores",
}
RATIOS = {"LiteLLM": "40 times", "Portkey": "10 times", FLOOR: "0.2 times"}

type Key = tuple[str, str, str]


def compare(samples: Mapping[Key, list[float]], *, commit_us: float) -> list[Figure]:
    """
    Give every figure of the run; `samples` by target, load and figure.

    :param commit_us: one durable commit of the same PostgreSQL, in microseconds
    """
    medians = {key: statistics.median(values) for key, values in samples.items()}
    targets = list(dict.fromkeys(target for target, _, _ in medians))
    figures = [_tell(medians, target, name) for name in TOLD for target in targets]
    told = [figure for several in figures for figure in several]
    postgres = medians[OURS, PLAIN, "postgres_us"]
    told.append(Figure("PostgreSQL, plain, processor time", postgres, "us/request", goal="100 us"))
    return [*told, *_divide(medians), *_subtract(medians, commit_us)]


def _tell(medians: Mapping[Key, float], target: str, name: str) -> list[Figure]:
    return [
        Figure(
            f"{target}, {name}{words}",
            medians[target, name, figure],
            unit,
            goal=GOALS.get((name, figure), "") if target == OURS else "",
        )
        for figure, words, unit in TOLD[name]
        if (target, name, figure) in medians
    ]


def _divide(medians: Mapping[Key, float]) -> list[Figure]:
    """Requests a second of ours against each other's."""
    figures = []
    for peer, goal in RATIOS.items():
        for name in (PLAIN, STREAM):
            theirs = medians.get((peer, name, "rate"))
            if theirs:
                ratio = medians[OURS, name, "rate"] / theirs
                wanted = goal if name == PLAIN else ""
                figures.append(Figure(f"gateway / {peer}, {name}", ratio, "times", goal=wanted))
    return figures


def _subtract(medians: Mapping[Key, float], commit_us: float) -> list[Figure]:
    """What ours adds to the time a plain proxy takes."""
    figures = [Figure("PostgreSQL, one commit", commit_us, "us")]
    for name, figure, words, unit, goal in (
        (PACED, "first_ms", "time to first byte, 64 paced streams", "ms", "4 ms"),
        (ONE, "p50_us", "p50, one connection", "us", "400 us and a commit"),
    ):
        floor = medians.get((FLOOR, name, figure))
        if floor is not None:
            added = medians[OURS, name, figure] - floor
            figures.append(Figure(f"gateway over nginx, {words}", added, unit, goal=goal))
    return figures
