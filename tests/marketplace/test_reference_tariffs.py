"""Example tariffs are read by the engine that prices with them, and say what of them is assumed."""

import json
import shutil
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from marketplace.feeds import synthetic
from marketplace.reference import BadRow, find_grid_factor, read_tariff_examples
from marketplace.reference.examples import FOLDER
from marketplace.tariffs.components import Indexed
from marketplace.tariffs.pricing import Segments, segments
from marketplace.tariffs.series import PriceSeries
from marketplace.tariffs.tariff import PowerSite

EXAMPLES = {example.name: example for example in read_tariff_examples()}
HUBS = {name for name, example in EXAMPLES.items() if example.hub}
ELSEWHERE = {"de-day-ahead", "gb-agile", "nordics-fi", "nordics-se3"}
VIRGINIA = {"us-virginia-commercial", "us-virginia-large-load"}


def test_there_are_the_eight_hubs_and_those_elsewhere() -> None:
    assert len(HUBS) == 8
    assert set(EXAMPLES) - HUBS == ELSEWHERE | VIRGINIA


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_says_what_is_known_and_is_not_verified(name: str) -> None:
    example = EXAMPLES[name]

    assert find_grid_factor(example.grid_zone).g_per_kwh > 0
    assert example.note
    assert example.illustrative
    if example.tariff is None:
        assert example.note.startswith("No tariff: ")
        return
    assert not example.tariff.verified
    assert example.tariff.source_url == "" or example.tariff.source_url.startswith("https://")
    # Every figure says whose word it is.
    assert all(component.source for component in example.tariff.components)


def test_where_nothing_was_found_there_is_no_tariff() -> None:
    assert {name for name in HUBS if EXAMPLES[name].tariff is None} == {
        "cn-beijing-tianjin-hebei",
        "cn-chengdu-chongqing",
        "cn-greater-bay",
        "cn-inner-mongolia",
    }


def test_in_guizhou_only_energy_and_losses_float() -> None:
    tariff = EXAMPLES["cn-guizhou"].tariff
    assert tariff is not None

    floating = {component.name for component in tariff.components if component.floats}
    assert floating == {"energy", "losses"}


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_a_market_price_comes_from_a_series_that_a_feed_can_fill(name: str) -> None:
    tariff = EXAMPLES[name].tariff
    assert tariff is not None

    energy = tariff.components[0]
    assert isinstance(energy, Indexed)
    assert energy.source == f"series {energy.term.series}"


def price_day(name: str) -> Segments:
    """Prices of a day; a market price is that of a synthetic day."""
    tariff = EXAMPLES[name].tariff
    assert tariff is not None
    start = datetime(2027, 6, 1, tzinfo=ZoneInfo(tariff.zone))
    end = start + timedelta(days=1)
    made = synthetic.generate(synthetic.PRESETS["germany"], start=start, end=end, seed=1)
    series = PriceSeries.regular(
        name="any",
        start=start,
        step_minutes=made.resolution,
        values=[point.value for point in made.points],
        currency=tariff.currency,
    )
    named = {part.term.series: series for part in tariff.components if isinstance(part, Indexed)}
    site = PowerSite(
        name="hall",
        currency=tariff.currency,
        load_kw=Decimal(500),
        kwh_month=Decimal(15_000_000),
        contract_kw=Decimal(30_000),
    )
    return segments(tariff=tariff, site=site, start=start, end=end, series=named)


@pytest.mark.parametrize("name", sorted(name for name, example in EXAMPLES.items() if example.tariff))
def test_an_example_prices_a_day(name: str) -> None:
    priced = price_day(name)

    assert sum(segment.hours for segment in priced) == 24
    assert not any(segment.forecast for segment in priced)


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("cn-gansu", "0.398"),
        ("cn-ningxia", "0.36"),
        ("cn-guizhou", "0.3505"),
        ("us-virginia-commercial", "0.0962"),
    ],
)
def test_the_mean_of_a_day_is_what_was_reported(name: str, mean: str) -> None:
    priced = price_day(name)

    assert sum(segment.price * segment.hours for segment in priced) / 24 == Decimal(mean)


def test_gansu_is_cheapest_under_the_sun() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    cheapest = min(price_day("cn-gansu"), key=lambda segment: segment.price)

    assert (cheapest.start.astimezone(zone).hour, cheapest.end.astimezone(zone).hour) == (9, 17)
    assert cheapest.price == Decimal("0.248")


def read_changed(folder: Path, **changed: Any) -> None:
    shutil.copytree(FOLDER, folder)
    path = folder / "cn-gansu.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | changed), encoding="utf-8")
    read_tariff_examples(folder)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"hub": "yes"}, "cn-gansu.json, hub: is not a bool"),
        ({"surprise": 1}, "cn-gansu.json, document: the fields are not"),
        ({"evidence": [{"claim": "so"}]}, r"cn-gansu.json, evidence\[0\]: says not"),
        (
            {"evidence": [{"claim": "so", "source": "me", "date": "2026", "grade": "A+"}]},
            "no such grade",
        ),
        ({"tariff": {}}, "cn-gansu.json, tariff"),
        ({"tariff": EXAMPLES["cn-ningxia"].document}, "tariff.name: is cn-ningxia"),
    ],
    ids=lambda given: given if isinstance(given, str) else "changed",
)
def test_a_wrong_example_names_file_and_field(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        read_changed(tmp_path / "tariffs", **changed)


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "cn-gansu.json").write_text("{", encoding="utf-8")

    with pytest.raises(BadRow, match=r"cn-gansu\.json, document"):
        read_tariff_examples(tmp_path)
