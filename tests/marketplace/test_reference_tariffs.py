"""Example tariffs are read by the engine that prices with them, and say what of them is assumed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from marketplace.reference import BadRow, find_grid_factor, read_tariff_examples
from marketplace.reference.examples import FOLDER
from marketplace.tariffs.components import Kind

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
    assert energy.kind is Kind.INDEX_ENERGY
    assert str(energy.source).removeprefix("series ") == energy.term.series  # type: ignore[attr-defined]


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
