"""The published examples come out to the printed digit, and what does not is named."""

import subprocess
import sys
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core.sql import REPOSITORY
from marketplace import reference
from marketplace.energy import page, proof, table
from marketplace.energy.refusals import BadInput
from marketplace.management.commands import energy

PAGE = REPOSITORY / "docs/reference/energy-examples.md"
PRINTED = [
    (table.id, row.name, column)
    for table in proof.recompute().tables
    for row in table.rows
    for column, figure in row.figures.items()
    if figure.printed is not None
]


def change(tmp_path: Path, old: str, new: str) -> Path:
    """The shipped examples with one text replaced, once."""
    text = proof.FILE.read_text(encoding="utf-8")
    assert old in text
    changed = tmp_path / "changed.toml"
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    return changed


@pytest.mark.parametrize(("name", "row", "column"), PRINTED, ids=str)
def test_a_figure_comes_out_as_printed(name: str, row: str, column: str) -> None:
    tables = {found.id: found for found in proof.recompute().tables}
    rows = {found.name: found for found in tables[name].rows}

    figure = rows[row].figures[column]

    assert figure.value == figure.printed


def test_the_examples_are_all_there() -> None:
    tables = {table.id: table for table in proof.recompute().tables}

    assert [row.name for row in tables["sites"].rows if not row.ours] == [
        "Guizhou, delivered",
        "Qingyang, immersion, heat reused",
        "Virginia",
    ]
    assert len(tables["sites"].rows) == 9
    assert [row.name for row in tables["batch"].rows] == ["8", "32", "64", "256", "1024"]
    assert len(tables["fleet"].rows) == 3
    assert proof.recompute().printed == 129


def find_row(kind: str, name: str) -> proof.Row:
    tables = {found.id: found for found in proof.recompute().tables}
    return next(row for row in tables[kind].rows if row.name == name)


@pytest.mark.parametrize("batch", ["8", "32", "64", "256", "1024"])
def test_batches_are_those_of_the_reference_table(batch: str) -> None:
    point = table.find_point(
        rows=reference.read_joules(),
        model="Llama 3.1 70B Instruct",
        chip="nvidia-h100-sxm-80",
        precision="BF16",
        batch=Decimal(batch),
        chips=4,
    )

    row = find_row("batch", batch)

    assert point is not None
    assert Decimal(row.inputs["per_second"]) == 2 * point.tokens_per_second
    assert Decimal(row.inputs["chip_watts"]) == 2 * point.watts


def test_the_newer_chip_is_that_of_the_reference_table() -> None:
    point = table.find_point(
        rows=reference.read_joules(),
        model="Llama 3.1 70B Instruct",
        chip="nvidia-b200-180",
        precision="BF16",
        batch=Decimal(1024),
        chips=2,
    )

    row = find_row("sites", "Eight B200 at batch 1024, delivered")

    assert point is not None
    assert Decimal(row.inputs["per_second"]) == 4 * point.tokens_per_second
    assert Decimal(row.inputs["chip_watts"]) == 4 * point.watts


@pytest.mark.parametrize(
    ("row", "zone"),
    [
        ("Guizhou, photovoltaic, direct", "CN-GZ"),
        ("Guizhou, delivered", "CN-GZ"),
        ("Qingyang, immersion, heat reused", "CN-GS"),
        ("Germany", "DE"),
    ],
)
def test_grids_are_those_of_the_reference_data(row: str, zone: str) -> None:
    grams = reference.find_grid_factor(zone).g_per_kwh

    assert Decimal(find_row("sites", row).inputs["location_g"]) == grams


def test_the_page_says_what_the_code_computes() -> None:
    rendered = page.render(proof=proof.recompute(), quality=energy.assess())

    assert PAGE.read_text(encoding="utf-8") == rendered, f"run: {page.COMMAND}"


def test_the_command_prints_every_row_and_finds_nothing_wrong() -> None:
    out = StringIO()

    call_command("energy", "examples", stdout=out)

    assert "Guizhou, delivered" in out.getvalue()
    assert out.getvalue().endswith("129 printed figures, 0 deviations\n")


def test_the_command_says_how_good_the_estimator_is() -> None:
    out = StringIO()

    call_command("energy", "estimator", stdout=out)

    assert "R2 0.966, mean absolute error 17.5 %" in out.getvalue()


def test_one_wrong_digit_is_named_and_ends_in_failure(tmp_path: Path) -> None:
    changed = change(tmp_path, 'total_usd = "0.650"', 'total_usd = "0.651"')
    errors = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("energy", "examples", "--file", str(changed), stdout=StringIO(), stderr=errors)

    assert ended.value.code == 1
    assert "sites, Guizhou, delivered, total_usd: computed 0.650, printed 0.651" in errors.getvalue()


def test_a_deviation_stands_on_the_page(tmp_path: Path) -> None:
    changed = proof.recompute(change(tmp_path, 'total_usd = "0.650"', 'total_usd = "0.651"'))

    rendered = page.render(proof=changed, quality=energy.assess())

    assert "129 figures, 1 differ" in rendered
    assert "**0.650** (printed 0.651)" in rendered


def test_the_command_ends_a_process_with_its_status(tmp_path: Path) -> None:
    changed = change(tmp_path, 'mwh_day = "35.9"', 'mwh_day = "36.0"')

    ended = subprocess.run(
        [sys.executable, "manage.py", "energy", "examples", "--file", str(changed)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 1
    assert "fleet, 5.5 kW a node, mwh_day: computed 35.9, printed 36.0" in ended.stderr


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('pue = "1.07"', 'pue = "0.8"', "pue: 0.8 is less than 1"),
        ('pue = "1.07"', 'pue = "low"', "pue: 'low' is not a number"),
        ('price = "0.08 USD"', 'price = "0.08 XXX"', "price: '0.08 XXX' is in no currency"),
        ('price = "0.08 USD"', 'price = "0.08 USD"\nproce = "1"', "proce: it plays no part"),
        ('utilisation = "0.6"', 'utilisation = "0"', "utilisation: 0 is not more than 0"),
        ('total = "4.25"', 'totl = "4.25"', "totl is not known"),
        ('ours = ["market_g"]', 'ours = ["weather"]', "weather is not known"),
        ('unit = "output"', 'unit = "image"', "unit: there are no examples of image"),
    ],
    ids=["pue low", "pue word", "currency", "unread", "utilisation", "printed", "ours", "unit"],
)
def test_what_cannot_be_is_refused_by_name(old: str, new: str, reason: str, tmp_path: Path) -> None:
    changed = change(tmp_path, old, new)

    with pytest.raises(BadInput, match=reason):
        proof.recompute(changed)
    with pytest.raises(CommandError, match=reason):
        call_command("energy", "examples", "--file", str(changed))


def test_the_package_imports_no_django() -> None:
    modules = sorted(path.stem for path in Path(proof.__file__).parent.glob("*.py"))
    program = (
        f"import importlib, sys\n"
        f"for name in {modules}: importlib.import_module('marketplace.energy.' + name)\n"
        f"sys.exit('django' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY).returncode == 0
