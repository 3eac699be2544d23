"""A year of quarter-hours of one tariff, priced on one core: as columns, and looked at one by one."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.report import Figure
from marketplace.tariffs.documents import FORMAT, parse_tariff
from marketplace.tariffs.pricing import Segments, segments
from marketplace.tariffs.series import PriceSeries
from marketplace.tariffs.tariff import PowerSite, Tariff

YEAR = datetime(2029, 12, 31, 23, tzinfo=UTC)
STEPS = 35_040
ROUNDS = 15
GOAL = "under 50 ms"

ADDERS: list[dict[str, Any]] = [
    {"name": "network", "kind": "T&D", "price": "0.0712"},
    {"name": "levies", "kind": "LEVY", "price": "0.01946"},
    {"name": "losses", "kind": "LOSS_PCT", "floats": True, "percent": "2.5", "of": ["energy"]},
    {"name": "tax", "kind": "TAX_PCT", "percent": "19", "of": ["energy", "network", "levies", "losses"]},
]
TIMES = [
    {"season": season, "day_type": day, "start": start, "end": end, "multiplier": multiplier}
    for season, high in (("summer", "1.6"), ("winter", "1.4"))
    for day, start, end, multiplier in (
        ("work", "08:00", "20:00", high),
        ("work", "20:00", "08:00", "0.8"),
        ("rest", "00:00", "24:00", "0.7"),
    )
]


def make_tariff(*, floats: bool) -> Tariff:
    """Return a day-ahead tariff with a floor and four adders; if it floats, with times of use as well."""
    term = {"series": "DA", "b": "0.002", "floor": "-0.1", "forecast": {"hours_back": 168}}
    document: dict[str, Any] = {
        "format": FORMAT,
        "name": "day-ahead",
        "version": 1,
        "currency": "EUR",
        "zone": "Europe/Berlin",
        "valid_from": "2029-01-01",
        "components": [{"name": "energy", "kind": "INDEX_ENERGY", "floats": floats, "term": term}, *ADDERS],
    }
    if floats:
        document["seasons"] = [
            {"name": "summer", "ranges": [["04-01", "09-30"]]},
            {"name": "winter", "ranges": [["10-01", "03-31"]]},
        ]
        document["day_types"] = [
            {"name": "work", "weekdays": ["mon", "tue", "wed", "thu", "fri"]},
            {"name": "rest", "weekdays": ["sat", "sun"]},
        ]
        document["multipliers"] = TIMES
    else:
        document["components"][3] = {**ADDERS[2], "floats": False}
    return parse_tariff(document)


def make_series(steps: int) -> PriceSeries:
    """Return quarter-hourly prices per MWh drawn by chance, some of them negative."""
    chance = random.Random(4)
    values = [Decimal(chance.randint(-5_000, 25_000)).scaleb(-2) for _ in range(steps)]
    return PriceSeries.regular(name="DA", start=YEAR, step_minutes=15, values=values, currency="EUR")


def take_best(work: Callable[[], object]) -> float:
    """Return the milliseconds of the quickest of some rounds: what the machine does when left alone."""
    spent = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return min(spent) * 1e3


def look_at(found: Segments) -> Decimal:
    """Look at each segment, its times and its price, as a reader would."""
    dearest = found[0].price
    for start, end, price, *_ in found:
        if price > dearest and start < end:
            dearest = price
    return dearest


def multiply_only(series: PriceSeries) -> list[Decimal]:
    """One multiplication and one addition a step: the least that a price of an index takes."""
    factor, constant = Decimal("0.0012"), Decimal("0.1")
    return [factor * value + constant for value in series.blocks[0].values if value is not None]


def measure() -> list[Figure]:
    """Measure a plain day-ahead tariff, one with times of use, and a year half of which is forecast."""
    site = PowerSite(name="hall", currency="EUR")
    full = make_series(STEPS)
    half = make_series(STEPS // 2)
    floor = take_best(lambda: multiply_only(full))
    figures = []
    for name, tariff, series in (
        ("day-ahead", make_tariff(floats=False), full),
        ("day-ahead and times of use", make_tariff(floats=True), full),
        ("half the year forecast", make_tariff(floats=True), half),
    ):

        def price(tariff: Tariff = tariff, series: PriceSeries = series) -> Segments:
            end = YEAR + timedelta(minutes=15 * STEPS)
            return segments(tariff=tariff, site=site, start=YEAR, end=end, series={"DA": series})

        found = price()
        if len(found) != STEPS:
            raise RuntimeError(f"{len(found)} segments instead of {STEPS}")
        priced = take_best(price)
        looked = take_best(lambda price=price: look_at(price()))  # type: ignore[misc]
        label = f"tariffs, a year of quarter-hours, {name}"
        floor_name = "a multiplication and an addition each"
        figures.append(Figure(label, priced, "ms", floor_name, priced / floor, GOAL))
        figures.append(Figure(f"{label}, each looked at", looked, "ms", floor_name, looked / floor))
    return figures
