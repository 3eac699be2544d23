"""Chips that compute is sold on, with what they draw and can do. Pure; imports no Django."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from marketplace.reference.tables import DATA, Evidence, Row, read_table

FILE = DATA / "chips.csv"
KINDS = frozenset({"gpu", "npu", "asic", "asic_sha256", "cpu", "fpga"})
FORMATS_8_BIT = frozenset({"", "FP8", "INT8"})
WATTS_MAX = 20_000
COLUMNS = (
    "slug",
    "vendor",
    "kind",
    "memory_gb",
    "memory_gb_s",
    "watts_min",
    "watts_max",
    "idle_watts_min",
    "idle_watts_max",
    "dense_16_bit_tflops",
    "dense_8_bit_tops",
    "format_8_bit",
    "dense_4_bit_tflops",
    "terahash_s",
    "joules_per_terahash",
    "grade",
    "verified",
    "source",
    "date",
    "note",
)


@dataclass(frozen=True, slots=True)
class Chip:
    """
    A chip. None is "not published"; where sources conflict or the power is configurable, min and max differ.

    Memory is GB and GB/s, compute is dense (without sparsity) tera-operations per second. `evidence` is about
    the power; what else is weaker is said in `note`.
    """

    slug: str
    vendor: str
    kind: str
    memory_gb: Decimal | None
    memory_gb_s: Decimal | None
    watts_min: Decimal | None
    watts_max: Decimal | None
    idle_watts_min: Decimal | None
    idle_watts_max: Decimal | None
    dense_16_bit_tflops: Decimal | None
    dense_8_bit_tops: Decimal | None
    format_8_bit: str
    dense_4_bit_tflops: Decimal | None
    terahash_s: Decimal | None
    joules_per_terahash: Decimal | None
    evidence: Evidence
    note: str


@cache
def read_chips(path: Path = FILE) -> tuple[Chip, ...]:
    """
    Every chip of the table.

    :raises BadRow: naming file, line and field
    """
    return read_table(path, columns=COLUMNS, read=read_chip, key=lambda chip: chip.slug)


def read_chip(row: Row) -> Chip:
    kind, format_8_bit = row.text("kind"), row.note("format_8_bit")
    if kind not in KINDS:
        raise row.refuse("kind", f"{kind!r} is none of {', '.join(sorted(KINDS))}")
    if format_8_bit not in FORMATS_8_BIT:
        raise row.refuse("format_8_bit", f"{format_8_bit!r} is neither FP8 nor INT8")
    chip = Chip(
        slug=row.text("slug"),
        vendor=row.text("vendor"),
        kind=kind,
        memory_gb=row.number_if_known("memory_gb", low=0, high=100_000),
        memory_gb_s=row.number_if_known("memory_gb_s", low=0, high=1_000_000),
        watts_min=row.number_if_known("watts_min", low=1, high=WATTS_MAX),
        watts_max=row.number_if_known("watts_max", low=1, high=WATTS_MAX),
        idle_watts_min=row.number_if_known("idle_watts_min", low=0, high=WATTS_MAX),
        idle_watts_max=row.number_if_known("idle_watts_max", low=0, high=WATTS_MAX),
        dense_16_bit_tflops=row.number_if_known("dense_16_bit_tflops", low=0, high=1_000_000),
        dense_8_bit_tops=row.number_if_known("dense_8_bit_tops", low=0, high=1_000_000),
        format_8_bit=format_8_bit,
        dense_4_bit_tflops=row.number_if_known("dense_4_bit_tflops", low=0, high=1_000_000),
        terahash_s=row.number_if_known("terahash_s", low=0, high=1_000_000),
        joules_per_terahash=row.number_if_known("joules_per_terahash", low=1, high=100_000),
        evidence=row.evidence(),
        note=row.note("note"),
    )
    _check_span(row, "watts", chip.watts_min, chip.watts_max)
    _check_span(row, "idle_watts", chip.idle_watts_min, chip.idle_watts_max)
    if chip.evidence.verified and chip.watts_max is None:
        raise row.refuse("verified", "a chip without a power figure has nothing verified")
    if (
        chip.idle_watts_max is not None
        and chip.watts_max is not None
        and chip.idle_watts_max > chip.watts_max
    ):
        raise row.refuse("idle_watts_max", "more than at full power")
    return chip


def _check_span(row: Row, name: str, low: Decimal | None, high: Decimal | None) -> None:
    if (low is None) != (high is None):
        raise row.refuse(f"{name}_min" if low is None else f"{name}_max", "one end of the span is missing")
    if low is not None and high is not None and low > high:
        raise row.refuse(f"{name}_max", f"{high} is less than {low}")
