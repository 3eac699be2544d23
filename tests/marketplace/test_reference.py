"""The shipped tables give figures with their sources, and a wrong row says where it is wrong."""

import csv
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from marketplace import reference
from marketplace.reference import chips, cooling, grid, joules
from marketplace.reference.tables import DATA

TABLES: dict[str, tuple[Path, Callable[[Path], object]]] = {
    "chips": (chips.FILE, chips.read_chips),
    "joules": (joules.FILE, joules.read_joules),
    "grid": (grid.FILE, grid.read_grid_factors),
    "pue": (cooling.FILE, cooling.read_default_pues),
}


def write_changed(table: str, field: str, value: str, folder: Path) -> Path:
    """A copy of a table whose third line holds `value` in `field`."""
    with TABLES[table][0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    rows[2][rows[0].index(field)] = value
    changed = folder / TABLES[table][0].name
    with changed.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return changed


def test_measured_joules_name_their_row() -> None:
    found = reference.find_token_energy(model="Llama 3.1 70B Instruct", gpu="H100", batch=256)

    assert round(found.joules_per_output_token, 3) == Decimal("0.479")
    assert found.source == "ML.ENERGY v3: llama-3-1-70b-instruct/H100/4/256"
    assert len(reference.read_joules()) == 328


def test_a_model_nobody_measured_is_said_to_be_so() -> None:
    with pytest.raises(reference.NotMeasured):
        reference.find_token_energy(model="SmolLM2-135M", gpu="cpu", batch=1)


@pytest.mark.parametrize(
    ("zone", "grams", "gas"),
    [
        ("CN-GZ", "568.3", "co2"),
        ("SE1", "25.9", "co2e"),
        ("DE", "380.95", "co2e"),
        ("US-VA", "244.758", "co2e"),
    ],
)
def test_a_grid_has_its_intensity(zone: str, grams: str, gas: str) -> None:
    factor = reference.find_grid_factor(zone)

    assert (factor.g_per_kwh, factor.gas) == (Decimal(grams), gas)


def test_an_intensity_without_a_derivation_is_not_verified() -> None:
    assert reference.find_grid_factor("SE1").evidence.verified
    assert not reference.find_grid_factor("FI").evidence.verified


def test_a_chip_whose_power_is_not_published_has_none() -> None:
    chip = reference.find_chip("google-tpu-v5e")

    assert chip.watts_max is None
    assert not chip.evidence.verified


def test_where_sources_conflict_a_chip_has_a_span_and_is_not_verified() -> None:
    chip = reference.find_chip("huawei-ascend-910b-64")

    assert (chip.watts_min, chip.watts_max) == (Decimal(310), Decimal(400))
    assert not chip.evidence.verified


def test_no_default_pue_is_verified() -> None:
    defaults = reference.read_default_pues()

    assert {default.cooling: str(default.pue) for default in defaults} == {
        "air-legacy": "1.54",
        "air-modern": "1.25",
        "direct-liquid": "1.15",
        "immersion": "1.07",
    }
    assert not any(default.evidence.verified for default in defaults)


@pytest.mark.parametrize(
    ("table", "field", "value", "reason"),
    [
        ("chips", "watts_max", "300 W", "not a number"),
        ("chips", "watts_max", "0", "not between 1"),
        ("chips", "watts_max", "", "one end of the span is missing"),
        ("chips", "watts_min", "9999", "is less than 9999"),
        ("chips", "idle_watts_max", "5000", "more than at full power"),
        ("chips", "kind", "toaster", "none of"),
        ("chips", "grade", "A+", "none of"),
        ("chips", "date", "last week", "not YYYY"),
        ("chips", "verified", "yes", "neither true nor false"),
        ("chips", "source", "", "is empty"),
        ("joules", "joules_per_output_token", "0", "not between"),
        ("joules", "joules_per_output_token", "5.5", "Wh per million tokens give"),
        ("joules", "joules_per_output_token", "NaN", "not a number"),
        ("joules", "num_gpus", "1.5", "not a whole number"),
        ("joules", "precision", "INT1", "none of"),
        ("grid", "g_per_kwh", "-3", "not between"),
        ("grid", "gas", "steam", "neither co2 nor co2e"),
        ("grid", "year", "23", "not between"),
        ("pue", "pue", "0.8", "0.8 is not between 1 and 4"),
    ],
)
def test_a_wrong_field_is_named_with_file_and_line(
    table: str, field: str, value: str, reason: str, tmp_path: Path
) -> None:
    changed = write_changed(table, field, value, tmp_path)

    with pytest.raises(reference.BadRow, match=reason) as refusal:
        TABLES[table][1](changed)

    assert (refusal.value.file, refusal.value.line) == (changed.name, 3)
    # Of a span with one end missing it is the end that is named.
    assert refusal.value.field == ("watts_max" if field == "watts_min" else field)


def test_a_row_that_is_there_twice_names_both_lines(tmp_path: Path) -> None:
    changed = write_changed("grid", "zone", "CN-BJ", tmp_path)

    with pytest.raises(reference.BadRow, match=r"grid_factors\.csv, line 3, zone: the same as in line 2"):
        grid.read_grid_factors(changed)


def test_columns_are_those_of_the_table(tmp_path: Path) -> None:
    wrong = tmp_path / "default_pue.csv"
    wrong.write_text("cooling,pue\nair,1.5\n", encoding="utf-8")

    with pytest.raises(reference.BadRow, match=r"line 1, grade"):
        cooling.read_default_pues(wrong)


def test_a_row_of_another_length_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "default_pue.csv"
    short.write_text(",".join(cooling.COLUMNS) + "\nair,1.5\n", encoding="utf-8")

    with pytest.raises(reference.BadRow, match=r"line 2, row: has 2 fields instead of 7"):
        cooling.read_default_pues(short)


def test_every_file_has_its_licence() -> None:
    with (DATA / "files.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["file"]: row["licence"] for row in csv.DictReader(file)}

    assert set(listed) == {path.name for path in DATA.iterdir()} - {"files.csv"}
    assert all(listed.values())
