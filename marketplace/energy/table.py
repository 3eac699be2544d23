"""
Measured joules per token at an operating batch, from rows of the reference table. Pure; imports no Django.

Between two batches joules and rate are interpolated linearly in logarithms, for both are near powers of the
batch. Above the largest the largest stands (a larger batch would take less). Below the smallest a step still
reads all weights, so joules are those of the smallest times its batch over the one asked for, an upper bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import groupby

from core.quantities import ROUNDING, round_half_even
from marketplace.energy.refusals import require
from marketplace.reference import TokenEnergy

PLACES = 9

# How the table names the chips of the catalogue.
TABLE_CHIPS = {"nvidia-h100-sxm-80": "H100", "nvidia-b200-180": "B200"}


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """
    One copy of a model on `chips` chips at `batch` requests at a time: chip joules per output token (those of
    its prompt included), output tokens a second and chip watts, all chips together. `rows` were used, `how`
    is `measured`, `between`, `above` or `below`.
    """

    batch: Decimal
    chips: int
    joules: Decimal
    tokens_per_second: Decimal
    watts: Decimal
    rows: tuple[str, ...]
    how: str


def find_point(
    *, rows: Iterable[TokenEnergy], model: str, chip: str, precision: str, batch: Decimal, chips: int | None
) -> OperatingPoint | None:
    """
    The operating point of a model, by name or id, on a chip, by the catalogue's slug; None if not measured.

    Of several set-ups the one with `chips` chips, else the next in size; without `chips` the smallest.

    :raises BadInput: if the batch is less than one
    """
    require("batch", batch, low=Decimal(1))
    found = [
        row
        for row in rows
        if model in (row.model, row.model_id)
        and row.gpu == TABLE_CHIPS.get(chip)
        and row.precision == precision.upper()
    ]
    if not found:
        return None
    wanted = chips or 1
    size = min({row.chips for row in found}, key=lambda count: (abs(count - wanted), count))
    with localcontext(ROUNDING):
        points = _merge_repeats(row for row in found if row.chips == size)
        return _interpolate(points, batch)


def strip_name(name: str) -> str:
    """What ids, names and slugs of one model have in common."""
    return "".join(sign for sign in name.rpartition("/")[2].casefold() if sign.isalnum())


def _merge_repeats(rows: Iterable[TokenEnergy]) -> list[OperatingPoint]:
    """One point a batch, the mean of repetitions, by batch."""
    points = []
    for batch, group in groupby(sorted(rows, key=lambda row: row.batch_max), key=lambda row: row.batch_max):
        same = sorted(group, key=lambda row: row.repeat)
        points.append(
            OperatingPoint(
                batch=Decimal(batch),
                chips=same[0].chips,
                joules=sum((row.joules_per_output_token for row in same), Decimal(0)) / len(same),
                tokens_per_second=sum((row.tokens_per_second for row in same), Decimal(0)) / len(same),
                watts=sum((row.watts for row in same), Decimal(0)) / len(same),
                rows=tuple(row.row_id for row in same),
                how="measured",
            )
        )
    return points


def _interpolate(points: list[OperatingPoint], batch: Decimal) -> OperatingPoint:
    smallest, largest = points[0], points[-1]
    if batch >= largest.batch:
        return _restate(largest, batch, Decimal(1), "measured" if batch == largest.batch else "above")
    if batch < smallest.batch:
        return _restate(smallest, batch, smallest.batch / batch, "below")
    low = max((point for point in points if point.batch <= batch), key=lambda point: point.batch)
    if low.batch == batch:
        return low
    high = min((point for point in points if point.batch > batch), key=lambda point: point.batch)
    along = (batch / low.batch).ln() / (high.batch / low.batch).ln()
    return OperatingPoint(
        batch=batch,
        chips=low.chips,
        joules=_between(low.joules, high.joules, along),
        tokens_per_second=_between(low.tokens_per_second, high.tokens_per_second, along),
        watts=_between(low.watts, high.watts, along),
        rows=low.rows + high.rows,
        how="between",
    )


def _restate(point: OperatingPoint, batch: Decimal, factor: Decimal, how: str) -> OperatingPoint:
    return OperatingPoint(
        batch=batch,
        chips=point.chips,
        joules=round_half_even(point.joules * factor, PLACES),
        tokens_per_second=round_half_even(point.tokens_per_second / factor, PLACES),
        watts=point.watts,
        rows=point.rows,
        how=how,
    )


def _between(low: Decimal, high: Decimal, along: Decimal) -> Decimal:
    return round_half_even((low.ln() + (high.ln() - low.ln()) * along).exp(), PLACES)
