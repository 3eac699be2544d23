"""
What a claim about energy cannot be. Pure; imports no Django.

Each check gives the flags it raises, with the figures; none means that nothing speaks against the claim.
Flags are for people to look at, and for corrections; they never change a bill by themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import pairwise

from core.quantities import ROUNDING, format_plain, round_half_even
from marketplace.energy.receipts import Measured
from marketplace.energy.refusals import require

# A window below idle power, or above full power of chips and host, less and plus what sensors are off.
IDLE_SHARE_MIN = Decimal("0.8")
FULL_SHARE_MAX = Decimal("1.05")
# Joules per token beside the reference at the reported batch.
REFERENCE_MIN, REFERENCE_MAX = Decimal("0.4"), Decimal("2.5")
# All jobs of a site, at its PUE, beside its meter.
METER_MAX = Decimal("1.03")
# A claim below what receipts say by more than their noise, and by more than this at the least.
CLAIM_DEVIATIONS = 3
CLAIM_SHARE = Decimal("0.10")
# A known program on a known chip.
CHALLENGE_SHARE = Decimal("0.10")


class Code(StrEnum):
    """What is wrong."""

    BELOW_IDLE = "below_idle"
    ABOVE_FULL = "above_full"
    BELOW_REFERENCE = "below_reference"
    ABOVE_REFERENCE = "above_reference"
    COUNTER_BACKWARDS = "counter_backwards"
    COUNTER_FLAT = "counter_flat"
    ABOVE_METER = "above_meter"
    CLAIMED_LESS = "claimed_less"
    CLAIMED_MORE = "claimed_more"
    CHALLENGE_FAILED = "challenge_failed"


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that does not fit: the figure, and the bound it is beyond."""

    code: Code
    figure: Decimal
    bound: Decimal

    def __str__(self) -> str:
        return f"{self.code}: {_write(self.figure)} against {_write(self.bound)}"


@dataclass(frozen=True, slots=True)
class Sample:
    """A counter's joules since the driver was loaded; `boot` changes when it starts again from zero."""

    boot: str
    joules: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim beside receipts: what holds, and what was flagged."""

    joules: Decimal
    flags: tuple[Flag, ...]

    @property
    def was_corrected(self) -> bool:
        """Whether the claim does not hold."""
        return bool(self.flags)


def check_window(
    *, joules: Decimal, seconds: Decimal, idle_watts: Decimal, chip_watts: Decimal, host_factor: Decimal
) -> tuple[Flag, ...]:
    """
    A window's joules: at least 0.8 of idling, at most 1.05 of all chips' full power times the host factor.

    :raises BadInput: if the window has no length, or a figure is negative
    """
    require("seconds", seconds, above=Decimal(0))
    require("idle_watts", idle_watts, low=Decimal(0))
    require("chip_watts", chip_watts, above=Decimal(0))
    require("host_factor", host_factor, low=Decimal(1))
    with localcontext(ROUNDING):
        low = IDLE_SHARE_MIN * idle_watts * seconds
        high = FULL_SHARE_MAX * chip_watts * host_factor * seconds
    return _bound(joules, low=low, high=high, codes=(Code.BELOW_IDLE, Code.ABOVE_FULL))


def check_reference(*, joules: Decimal, reference: Decimal) -> tuple[Flag, ...]:
    """Joules per token: 0.4 to 2.5 of the reference at the reported batch."""
    require("reference", reference, above=Decimal(0))
    with localcontext(ROUNDING):
        low, high = REFERENCE_MIN * reference, REFERENCE_MAX * reference
    return _bound(joules, low=low, high=high, codes=(Code.BELOW_REFERENCE, Code.ABOVE_REFERENCE))


def check_counter(*, samples: Sequence[Sample]) -> tuple[Flag, ...]:
    """
    A counter's samples in order: it never runs backwards within a boot, nor stands still.

    A new boot starts it anew, which is no fault.
    """
    flags = []
    for before, after in pairwise(samples):
        if before.boot != after.boot:
            continue
        if after.joules < before.joules:
            flags.append(Flag(Code.COUNTER_BACKWARDS, after.joules, before.joules))
        elif after.joules == before.joules:
            flags.append(Flag(Code.COUNTER_FLAT, after.joules, before.joules))
    return tuple(flags)


def check_meter(*, job_kwh: Decimal, pue: Decimal, meter_kwh: Decimal) -> tuple[Flag, ...]:
    """All jobs of a site over a span, at its PUE: at most 1.03 of what its meter says."""
    require("pue", pue, low=Decimal(1))
    require("meter_kwh", meter_kwh, low=Decimal(0))
    with localcontext(ROUNDING):
        claimed, high = job_kwh * pue, METER_MAX * meter_kwh
    return (Flag(Code.ABOVE_METER, claimed, high),) if claimed > high else ()


def check_challenge(*, joules: Decimal, known: Decimal) -> tuple[Flag, ...]:
    """A known program's joules on this chip: within a tenth of what it takes."""
    require("known", known, above=Decimal(0))
    with localcontext(ROUNDING):
        is_off = abs(joules - known) > CHALLENGE_SHARE * known
    return (Flag(Code.CHALLENGE_FAILED, joules, known),) if is_off else ()


def judge_claim(*, claimed: Decimal, measured: Measured) -> Verdict:
    """
    A declared figure beside receipts: it holds within three deviations or a tenth, else the receipts' does.

    More was claimed than is used is flagged too: the buyer would pay for what is not drawn.
    """
    require("claimed", claimed, above=Decimal(0))
    with localcontext(ROUNDING):
        room = measured.joules * max(CLAIM_SHARE, CLAIM_DEVIATIONS * measured.spread)
        low, high = measured.joules - room, measured.joules + room
    flags = _bound(claimed, low=low, high=high, codes=(Code.CLAIMED_LESS, Code.CLAIMED_MORE))
    return Verdict(measured.joules if flags else claimed, flags)


def _bound(figure: Decimal, *, low: Decimal, high: Decimal, codes: tuple[Code, Code]) -> tuple[Flag, ...]:
    if figure < low:
        return (Flag(codes[0], figure, low),)
    if figure > high:
        return (Flag(codes[1], figure, high),)
    return ()


def _write(figure: Decimal) -> str:
    return format_plain(round_half_even(figure, 9))
