"""Figures of a benchmark are medians, ratios are of the same run, and what was not measured is not told."""

from benchmarks.comparison import OURS, PACED, PLAIN, STREAM, Key, compare

OWN: dict[Key, list[float]] = {
    (OURS, PLAIN, "cpu_us"): [300, 100, 200],
    (OURS, PLAIN, "rate"): [4000, 6000, 5000],
    (OURS, PLAIN, "p50_ms"): [1],
    (OURS, PLAIN, "p99_ms"): [2],
    (OURS, PLAIN, "postgres_us"): [90],
    (OURS, STREAM, "rate"): [1000],
    (OURS, PACED, "first_ms"): [5],
}
THEIRS: dict[Key, list[float]] = {
    ("nginx", PLAIN, "rate"): [20_000],
    ("nginx", PACED, "first_ms"): [1.5],
    ("LiteLLM", PLAIN, "rate"): [50],
}


def test_each_figure_is_the_median_of_its_rounds() -> None:
    figures = {figure.name: figure for figure in compare(OWN, commit_us=700)}

    assert figures["gateway, plain"].value == 5000
    assert figures["gateway, plain, processor time"].value == 200
    assert figures["gateway, plain, processor time"].goal == "150 us"
    assert figures["PostgreSQL, one commit"].value == 700


def test_peers_are_compared_as_far_as_they_were_measured() -> None:
    figures = {figure.name: figure.value for figure in compare(OWN | THEIRS, commit_us=700)}

    assert figures["gateway / LiteLLM, plain"] == 100
    assert figures["gateway / nginx, plain"] == 0.25
    assert figures["gateway over nginx, time to first byte, 64 paced streams"] == 3.5
    assert not any("Portkey" in name for name in figures)
    assert "gateway / LiteLLM, stream of 50 chunks" not in figures


def test_alone_nothing_is_compared() -> None:
    names = [figure.name for figure in compare(OWN, commit_us=700)]

    assert not any(" / " in name or " over " in name for name in names)
