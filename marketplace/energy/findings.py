"""
What an offer's price is built from: its provider's claim, its receipts, or the claim with a penalty. Pure;
imports no Django.

Receipts that can be believed count before any claim. Who runs for days and cannot measure is priced at the
claim, or the public figure if that is more, times the penalty, so that honest metering pays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum

from core.quantities import ROUNDING, round_half_even
from marketplace.energy.joules import PENALTY, TokenJoules
from marketplace.energy.plausibility import Flag, check_reference, judge_claim
from marketplace.energy.receipts import READINGS_MIN, Reading, summarize
from marketplace.energy.table import PLACES

# Receipts of two days differ by less than this: not every day is worth another version.
CHANGE_MIN = Decimal("0.02")


class Basis(StrEnum):
    """What the joules of an offer's price are."""

    MEASURED = "MEASURED"
    PENALIZED = "PENALIZED"
    CLAIM = "CLAIM"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Chip joules of an output token as an offer's price takes them, and what they were found from.

    `claimed` is the provider's figure, `reference` the public one, if there is any; `spread` is the robust
    deviation over the median, None where nothing was measured.
    """

    basis: Basis
    joules: Decimal
    claimed: Decimal
    reference: Decimal | None
    tier: str
    source: str
    readings: int = 0
    left_out: int = 0
    tokens: Decimal = Decimal(0)
    spread: Decimal | None = None
    flags: tuple[Flag, ...] = ()


def find_out(
    *, readings: Sequence[Reading], claimed: Decimal, claim_source: str, public: TokenJoules | None
) -> Finding | None:
    """
    Say what an offer's price is built from; None while too little was run to say anything.

    :param readings: of the receipts of this offer's node and model
    :param public: what the reference table or the estimator says of such a node
    """
    reference = None if public is None else public.output
    measured = summarize(readings)
    if measured is not None:
        flags = judge_claim(claimed=claimed, measured=measured).flags
        beyond = () if reference is None else check_reference(joules=measured.joules, reference=reference)
        return Finding(
            basis=Basis.CLAIM if beyond else Basis.MEASURED,
            joules=claimed if beyond else measured.joules,
            claimed=claimed,
            reference=reference,
            tier="declared" if beyond else measured.tier,
            source=claim_source if beyond else "receipts of the node",
            readings=measured.readings,
            left_out=measured.left_out,
            tokens=measured.tokens,
            spread=measured.spread,
            flags=(*beyond, *flags),
        )
    if len(readings) < READINGS_MIN or any(reading.is_usable for reading in readings):
        return None
    base = claimed if reference is None else max(claimed, reference)
    with localcontext(ROUNDING):
        return Finding(
            basis=Basis.PENALIZED,
            joules=round_half_even(base * PENALTY, PLACES),
            claimed=claimed,
            reference=reference,
            tier="declared",
            source=f"{claim_source}, times {PENALTY} because the node has no counter",
            readings=0,
            left_out=len(readings),
        )


def is_news(*, before: Finding, after: Finding) -> bool:
    """Whether a finding differs from the one before by more than noise."""
    said = (before.basis, before.tier, before.claimed, [flag.code for flag in before.flags])
    if said != (after.basis, after.tier, after.claimed, [flag.code for flag in after.flags]):
        return True
    with localcontext(ROUNDING):
        return abs(after.joules - before.joules) > CHANGE_MIN * before.joules
