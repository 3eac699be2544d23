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
from marketplace.energy.plausibility import Code, Flag, check_reference, judge_claim
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
    *,
    readings: Sequence[Reading],
    claimed: Decimal,
    claim_source: str,
    public: TokenJoules | None,
    alone: TokenJoules | None = None,
) -> Finding | None:
    """
    Say what an offer's price is built from; None while too little was run to say anything.

    :param readings: of the receipts of this offer's node and model
    :param public: what the reference table or the estimator says of such a node when it is full
    :param alone: the same for one request at a time, where each token takes most
    """
    reference = None if public is None else public.output
    measured = summarize(readings)
    if measured is not None:
        flags = judge_claim(claimed=claimed, measured=measured).flags
        beyond = _check_public(measured.joules, reference, None if alone is None else alone.output)
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
    return Finding(
        basis=Basis.PENALIZED,
        joules=_penalize(claimed, reference),
        claimed=claimed,
        reference=reference,
        tier="declared",
        source=f"{claim_source}, times {PENALTY} because the node has no counter",
        readings=0,
        left_out=len(readings),
    )


def find_base(
    *, basis: Basis, found: Decimal, claimed: Decimal, claimed_now: Decimal, reference: Decimal | None
) -> Decimal:
    """
    The joules of a finding as they count now: those measured, else by what the provider claims by now.

    :param found: the joules of the finding, made when `claimed` was claimed
    """
    if basis is Basis.MEASURED or claimed == claimed_now:
        return found
    if basis is Basis.CLAIM:
        return claimed_now
    return _penalize(claimed_now, reference)


def is_news(*, before: Finding, after: Finding) -> bool:
    """Whether a finding differs from the one before by more than noise."""
    said = (before.basis, before.tier, before.claimed, [flag.code for flag in before.flags])
    if said != (after.basis, after.tier, after.claimed, [flag.code for flag in after.flags]):
        return True
    with localcontext(ROUNDING):
        return abs(after.joules - before.joules) > CHANGE_MIN * before.joules


def _penalize(claimed: Decimal, reference: Decimal | None) -> Decimal:
    base = claimed if reference is None else max(claimed, reference)
    with localcontext(ROUNDING):
        return round_half_even(base * PENALTY, PLACES)


def _check_public(joules: Decimal, full: Decimal | None, alone: Decimal | None) -> tuple[Flag, ...]:
    """A node is somewhere between full and one request at a time: below the one or above the other is odd."""
    below = () if full is None else check_reference(joules=joules, reference=full)
    above = () if alone is None else check_reference(joules=joules, reference=alone)
    return (
        *(flag for flag in below if flag.code is Code.BELOW_REFERENCE),
        *(flag for flag in above if flag.code is Code.ABOVE_REFERENCE),
    )
