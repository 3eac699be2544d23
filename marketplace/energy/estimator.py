"""
Joules per output token of a model that nobody measured, by a formula fitted to those that were. Pure; imports
no Django.

    ln J = c0 + c1 ln A + c2 ln T + c3 ln b + c4 (ln b)^2 + c5 ln n + c6 [B200] + c7 [FP8]

J are the chips' joules per output token, A and T active and total parameters in billions, b requests at a
time, n chips. Ordinary least squares over the 328 chat rows of ML.ENERGY Leaderboard v3; `fit` says how good
it is: on average 17.5 % off, and 22 % for a model it has not seen. Good enough with a label, no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path

from core.quantities import ROUNDING, round_half_even
from marketplace.energy.refusals import BadInput, require
from marketplace.energy.table import PLACES, TABLE_CHIPS
from marketplace.reference import Chip
from marketplace.reference.tables import Row, read_table

SIZES_FILE = Path(__file__).resolve().parent / "model_sizes.csv"

SOURCE = "fit to ML.ENERGY Leaderboard v3, 328 rows"
COEFFICIENTS = tuple(
    map(
        Decimal,
        ("-0.3405", "0.196", "0.4909", "-0.9003", "0.0424", "0.3159", "-0.0196", "-0.1245"),
    )
)
BATCH_MIN, BATCH_MAX = Decimal(8), Decimal(4_096)
BILLIONS_MIN, BILLIONS_MAX = Decimal(8), Decimal(671)
ACTIVE_MIN = Decimal(3)
CHIPS_MAX = 8
FITTED_PRECISIONS = frozenset({"BF16", "FP8"})

# What the fit's chips can do, to which others are scaled: watts and GB/s of an H100 SXM.
H100_WATTS, H100_GB_S = Decimal(700), Decimal(3_350)


class OutOfRange(BadInput):
    """The formula was not fitted for this."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Billions of parameters: used for each token, and in all."""

    active: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Estimate:
    """Chip joules per output token; `scaled` where the chip is none of those fitted: weaker still."""

    joules: Decimal
    inputs: Mapping[str, str]
    scaled: bool


def estimate_joules(*, size: ModelSize, chip: Chip, precision: str, batch: Decimal, chips: int) -> Estimate:
    """
    Joules per output token of a model of that size on `chips` of a chip.

    Other chips than H100 and B200 are scaled from the H100 by the ratio of full power and the inverse ratio
    of memory bandwidth, which is what a decode step waits for.

    :raises OutOfRange: naming what lies outside of what was fitted
    """
    _check_range(size, precision, batch, chips)
    scale = find_chip_scale(chip)
    name = TABLE_CHIPS.get(chip.slug)
    with localcontext(ROUNDING):
        features = list_features(
            size=size, batch=batch, chips=chips, is_b200=name == "B200", is_fp8=precision.upper() == "FP8"
        )
        fitted = sum((c * x for c, x in zip(COEFFICIENTS, features, strict=True)), Decimal(0)).exp()
        joules = round_half_even(fitted * scale, PLACES)
    inputs = {
        "active_b": str(size.active),
        "total_b": str(size.total),
        "batch": str(batch),
        "chips": str(chips),
        "chip": chip.slug,
        "precision": precision.upper(),
        "scale": str(round_half_even(scale, PLACES)),
    }
    return Estimate(joules, inputs, name is None)


def list_features(
    *, size: ModelSize, batch: Decimal, chips: int, is_b200: bool, is_fp8: bool
) -> tuple[Decimal, ...]:
    """What each coefficient is multiplied by."""
    along = batch.ln()
    return (
        Decimal(1),
        size.active.ln(),
        size.total.ln(),
        along,
        along * along,
        Decimal(chips).ln(),
        Decimal(is_b200),
        Decimal(is_fp8),
    )


def find_chip_scale(chip: Chip) -> Decimal:
    """
    One for chips that were fitted, else power over bandwidth, relative to the H100.

    :raises OutOfRange: if the chip's power or bandwidth is not known
    """
    if chip.slug in TABLE_CHIPS:
        return Decimal(1)
    if chip.watts_max is None or chip.memory_gb_s is None:
        raise OutOfRange("chip", f"power or memory bandwidth of {chip.slug} are not published")
    with localcontext(ROUNDING):
        return chip.watts_max / H100_WATTS * H100_GB_S / chip.memory_gb_s


@cache
def read_sizes(path: Path = SIZES_FILE) -> Mapping[str, ModelSize]:
    """
    Sizes of the models of the reference table, by their ids.

    :raises BadRow: naming line and field
    """
    columns = ("model_id", "active_b", "total_b", "source")
    return dict(read_table(path, columns=columns, read=_read_size, key=lambda pair: pair[0]))


def _read_size(row: Row) -> tuple[str, ModelSize]:
    total = row.number("total_b", low=Decimal("0.01"), high=10_000)
    return row.text("model_id"), ModelSize(row.number("active_b", low=Decimal("0.01"), high=total), total)


def _check_range(size: ModelSize, precision: str, batch: Decimal, chips: int) -> None:
    try:
        require("batch", batch, low=BATCH_MIN, high=BATCH_MAX)
        require("total", size.total, low=BILLIONS_MIN, high=BILLIONS_MAX)
        require("active", size.active, low=ACTIVE_MIN, high=size.total)
        require("chips", Decimal(chips), low=Decimal(1), high=Decimal(CHIPS_MAX))
    except BadInput as refusal:
        raise OutOfRange(refusal.field, refusal.reason) from None
    if precision.upper() not in FITTED_PRECISIONS:
        raise OutOfRange("precision", f"{precision} was not fitted")
