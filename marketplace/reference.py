"""
Reference data shipped with the market: chips, measured joules per token, grid intensity. Pure; imports no
Django.

Every figure comes with a label of its source, which goes into price cards as it is. What is not in the
tables was not measured, and a provider declares it instead.
"""

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"

# How a figure is labelled that a provider states about its own machine.
DECLARED = "declared"


class NotMeasured(LookupError):
    """The tables hold no such row."""


@dataclass(frozen=True, slots=True)
class TokenEnergy:
    """
    Measured chip energy of one output token at a batch size, prompt processing included.

    `tokens_per_second` and `watts` are of all `chips` together, output tokens only.
    """

    joules_per_output_token: Decimal
    tokens_per_second: Decimal
    watts: Decimal
    chips: int
    precision: str
    source: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip of the market; `watts_max` is its rated power, None where the vendor publishes none."""

    slug: str
    vendor: str
    kind: str
    watts_max: Decimal | None
    source: str


@dataclass(frozen=True, slots=True)
class GridIntensity:
    """Yearly mean grams CO2e per kWh of a grid zone."""

    zone: str
    name: str
    gco2_per_kwh: Decimal
    source: str


def find_token_energy(*, model: str, gpu: str, batch: int) -> TokenEnergy:
    """
    Measured energy of a model on a chip at a batch size, by the model's name or id; of several set-ups
    the smallest.

    :raises NotMeasured: if there is no such measurement
    """
    rows = [
        row
        for row in _read("joules_per_token.csv")
        if model in (row["model"], row["model_id"])
        and row["gpu"] == gpu
        and row["max_num_seqs"] == str(batch)
    ]
    if not rows:
        raise NotMeasured(f"{model} on {gpu} at batch {batch} was not measured")
    row = min(rows, key=lambda row: (int(row["num_gpus"]), row["row_id"], int(row["repeat"])))
    return TokenEnergy(
        joules_per_output_token=Decimal(row["joules_per_output_token"]),
        tokens_per_second=Decimal(row["tokens_per_second"]),
        watts=Decimal(row["gpu_power_watts_total"]),
        chips=int(row["num_gpus"]),
        precision=row["precision"],
        source=f"ML.ENERGY v3: {row['row_id']}",
    )


def find_chip(slug: str) -> Chip:
    """
    A chip by its slug.

    :raises NotMeasured: if it is not listed
    """
    for row in _read("chips.csv"):
        if row["slug"] == slug:
            # Where sources conflict the sheet gives a range; the upper end is what it may draw.
            watts = row["tdp_w"].rpartition("-")[2]
            return Chip(
                slug=slug,
                vendor=row["vendor"],
                kind=row["kind"],
                watts_max=Decimal(watts) if watts else None,
                source=f"chips.csv, grade {row['grade']}",
            )
    raise NotMeasured(f"chip {slug} is not listed")


def find_grid_intensity(zone: str) -> GridIntensity:
    """
    Mean intensity of a Chinese province's grid, by its zone code such as `CN-GZ`.

    :raises NotMeasured: if it is not listed
    """
    for row in _read("china_province_gco2_kwh_2023.csv"):
        if row["code"] == zone:
            return GridIntensity(
                zone=zone,
                name=row["province"],
                gco2_per_kwh=Decimal(row["gco2_kwh"]),
                source=f"{row['source']}, {row['year']}",
            )
    raise NotMeasured(f"grid zone {zone} is not listed")


@cache
def _read(name: str) -> tuple[dict[str, str], ...]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
