"""What a unit of work takes: joules of the chips and seconds of the busy machine. Pure; imports no Django."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum

from core.quantities import ROUNDING
from marketplace.energy.refusals import require

# An input token's share of an output token where nobody measured it: 0.46 over DeepSeek's published day, 0.45
# by roofline for a dense model of 70 B parameters.
INPUT_RATIO = Decimal("0.45")
# A cached input token costs storage, next to no energy.
CACHED_RATIO = Decimal(0)


class Unit(StrEnum):
    """What is priced, one of each."""

    OUTPUT = "output"
    INPUT = "input"
    CACHED_INPUT = "cached_input"
    CHIP_SECOND = "chip_second"
    IMAGE = "image"
    TERAHASH = "terahash"


@dataclass(frozen=True, slots=True)
class Work:
    """
    One unit: `joules` of all chips together, `seconds` of the whole machine while busy.

    :raises BadInput: if either is negative
    """

    joules: Decimal
    seconds: Decimal

    def __post_init__(self) -> None:
        require("joules", self.joules, low=Decimal(0))
        require("seconds", self.seconds, low=Decimal(0))


def list_token_work(
    *,
    output_joules: Decimal,
    output_per_second: Decimal,
    input_joules: Decimal | None = None,
    cached_joules: Decimal | None = None,
    input_per_second: Decimal | None = None,
) -> Mapping[Unit, Work]:
    """
    Output, uncached input and cached input tokens of a machine that makes `output_per_second`.

    Joules of input not given are `INPUT_RATIO` and `CACHED_RATIO` of an output token's. An input token takes
    the machine 1 / `input_per_second`, or as much of an output token's time as it takes of its joules.

    :raises BadInput: if joules or rate of output are not positive
    """
    require("output_joules", output_joules, above=Decimal(0))
    require("output_per_second", output_per_second, above=Decimal(0))
    with localcontext(ROUNDING):
        joules = {
            Unit.OUTPUT: output_joules,
            Unit.INPUT: output_joules * INPUT_RATIO if input_joules is None else input_joules,
            Unit.CACHED_INPUT: output_joules * CACHED_RATIO if cached_joules is None else cached_joules,
        }
        seconds = {unit: each / output_joules / output_per_second for unit, each in joules.items()}
        seconds[Unit.OUTPUT] = 1 / output_per_second
        if input_per_second is not None:
            require("input_per_second", input_per_second, above=Decimal(0))
            seconds[Unit.INPUT] = 1 / input_per_second
        return {unit: Work(joules[unit], seconds[unit]) for unit in joules}


def list_chip_second_work(*, chip_watts: Decimal, chips: int) -> Mapping[Unit, Work]:
    """One chip for one second, of `chips` that draw `chip_watts` together."""
    require("chips", Decimal(chips), low=Decimal(1))
    require("chip_watts", chip_watts, above=Decimal(0))
    with localcontext(ROUNDING):
        return {Unit.CHIP_SECOND: Work(chip_watts / chips, Decimal(1) / chips)}


def list_image_work(*, joules: Decimal, per_second: Decimal) -> Mapping[Unit, Work]:
    """One image of `joules`, of a machine that makes `per_second`."""
    return {Unit.IMAGE: _count(joules, per_second)}


def list_hash_work(*, joules_per_terahash: Decimal, terahash_per_second: Decimal) -> Mapping[Unit, Work]:
    """A million million hashes."""
    return {Unit.TERAHASH: _count(joules_per_terahash, terahash_per_second)}


def _count(joules: Decimal, per_second: Decimal) -> Work:
    require("joules", joules, above=Decimal(0))
    require("per_second", per_second, above=Decimal(0))
    with localcontext(ROUNDING):
        return Work(joules, 1 / per_second)
