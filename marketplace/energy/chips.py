"""What images, hashes and chip-seconds take on a chip of the catalogue. Pure; imports no Django."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path

from core.quantities import ROUNDING
from marketplace.energy.refusals import BadInput
from marketplace.energy.work import Unit, Work, list_hash_work
from marketplace.reference import Chip, Evidence
from marketplace.reference.tables import Row, read_table

IMAGES_FILE = Path(__file__).resolve().parent / "joules_per_image.csv"

# Medians of ML.ENERGY Leaderboard v3 while serving: 0.33 to 0.99 of full power on H100, 0.45 to 0.98 on B200.
BUSY_SHARE = Decimal("0.71")
BUSY_SHARES: Mapping[str, Decimal] = {"nvidia-b200-180": Decimal("0.80")}


@dataclass(frozen=True, slots=True)
class ImageEnergy:
    """Chip joules of one image by a model on a chip, at the best of the settings that were measured."""

    model: str
    chip: str
    joules: Decimal
    evidence: Evidence


def estimate_busy_watts(chip: Chip) -> Decimal:
    """
    What one chip draws while it serves, where nobody measured it: a share of its full power.

    :raises BadInput: if the chip's power is not published
    """
    if chip.watts_max is None:
        raise BadInput("chip", f"the power of {chip.slug} is not published")
    with localcontext(ROUNDING):
        return chip.watts_max * BUSY_SHARES.get(chip.slug, BUSY_SHARE)


def list_chip_hash_work(chip: Chip) -> Mapping[Unit, Work]:
    """
    A terahash on a chip that makes them.

    :raises BadInput: if the chip makes none
    """
    if chip.joules_per_terahash is None or chip.terahash_s is None:
        raise BadInput("chip", f"{chip.slug} makes no hashes")
    return list_hash_work(joules_per_terahash=chip.joules_per_terahash, terahash_per_second=chip.terahash_s)


def find_image_energy(*, model: str, chip: str) -> ImageEnergy | None:
    """Measured energy of a model's images on a chip, by the catalogue's slug; None if not measured."""
    return {(energy.model, energy.chip): energy for energy in read_images()}.get((model, chip))


@cache
def read_images(path: Path = IMAGES_FILE) -> tuple[ImageEnergy, ...]:
    """
    Every measurement of images.

    :raises BadRow: naming line and field
    """
    columns = ("model", "chip", "joules", "source", "date", "grade", "verified")
    return read_table(path, columns=columns, read=_read_image, key=lambda energy: (energy.model, energy.chip))


def _read_image(row: Row) -> ImageEnergy:
    return ImageEnergy(
        model=row.text("model"),
        chip=row.text("chip"),
        joules=row.number("joules", low=1, high=10_000_000),
        evidence=row.evidence(),
    )
