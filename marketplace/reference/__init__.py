"""
Reference data shipped with the market: chips, measured joules per token, grid carbon, default PUE, example
tariffs. Pure; imports no Django.

Every figure has its source, and whether it was verified. What is not in the tables was not measured, and a
provider declares it instead.
"""

from functools import cache

from marketplace.reference.chips import Chip, read_chips
from marketplace.reference.cooling import DefaultPue, read_default_pues
from marketplace.reference.examples import TariffExample, read_tariff_examples
from marketplace.reference.grid import GridFactor, read_grid_factors
from marketplace.reference.joules import TokenEnergy, read_joules
from marketplace.reference.tables import BadRow, Evidence, Grade

# How a figure is labelled that a provider states about its own machine.
DECLARED = "declared"

__all__ = [
    "DECLARED",
    "BadRow",
    "Chip",
    "DefaultPue",
    "Evidence",
    "Grade",
    "GridFactor",
    "NotMeasured",
    "TariffExample",
    "TokenEnergy",
    "find_chip",
    "find_grid_factor",
    "find_token_energy",
    "read_chips",
    "read_default_pues",
    "read_grid_factors",
    "read_joules",
    "read_tariff_examples",
]


class NotMeasured(LookupError):
    """The tables hold no such row."""


def find_token_energy(*, model: str, gpu: str, batch: int) -> TokenEnergy:
    """
    Measured energy of a model on a chip at a batch size, by the model's name or id; of several set-ups
    the smallest.

    :raises NotMeasured: if there is no such measurement
    """
    rows = [
        row
        for row in read_joules()
        if model in (row.model, row.model_id) and row.gpu == gpu and row.batch_max == batch
    ]
    if not rows:
        raise NotMeasured(f"{model} on {gpu} at batch {batch} was not measured")
    return min(rows, key=lambda row: (row.chips, row.row_id, row.repeat))


def find_chip(slug: str) -> Chip:
    """
    A chip by its slug.

    :raises NotMeasured: if it is not listed
    """
    try:
        return _list_chips()[slug]
    except KeyError:
        raise NotMeasured(f"chip {slug} is not listed")


def find_grid_factor(zone: str) -> GridFactor:
    """
    Yearly mean of a grid zone, by its code such as `CN-GZ` or `SE3`.

    :raises NotMeasured: if it is not listed
    """
    try:
        return _list_zones()[zone]
    except KeyError:
        raise NotMeasured(f"grid zone {zone} is not listed")


@cache
def _list_chips() -> dict[str, Chip]:
    return {chip.slug: chip for chip in read_chips()}


@cache
def _list_zones() -> dict[str, GridFactor]:
    return {factor.zone: factor for factor in read_grid_factors()}
