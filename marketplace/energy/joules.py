"""
What a token takes on a node: by its receipts, else as declared, else by the reference table, else by the
estimator; and the answer says which. Pure; imports no Django.

A node that cannot measure is not believed: it is priced at the public figure, or its own if that is more,
times the penalty, so that honest metering pays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum

from core.quantities import ROUNDING, round_half_even
from marketplace.energy.estimator import SOURCE, ModelSize, OutOfRange, estimate_joules
from marketplace.energy.receipts import Measured, Reading, summarize
from marketplace.energy.refusals import require
from marketplace.energy.table import PLACES, find_point
from marketplace.energy.work import CACHED_RATIO, INPUT_RATIO
from marketplace.reference import Chip, TokenEnergy

PENALTY = Decimal("1.25")


class Basis(StrEnum):
    """Where joules are from, the best first."""

    MEASURED = "measured"
    DECLARED = "declared"
    REFERENCE = "reference"
    ESTIMATED = "estimated"


class NoJoules(LookupError):
    """Nothing says what a token takes here; the reasons of each source."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a provider states: chip joules per output token, and of input tokens if it knows them."""

    output: Decimal
    source: str
    input: Decimal | None = None
    cached_input: Decimal | None = None

    def __post_init__(self) -> None:
        require("output", self.output, above=Decimal(0))
        for name, value in (("input", self.input), ("cached_input", self.cached_input)):
            if value is not None:
                require(name, value, low=Decimal(0))


@dataclass(frozen=True, slots=True)
class Operation:
    """How a node serves a model: its name or id, its size if known, and the batch it works at."""

    model: str
    chip: Chip
    chips: int
    precision: str
    batch: Decimal
    size: ModelSize | None = None


@dataclass(frozen=True, slots=True)
class TokenJoules:
    """
    Chip joules of one output, uncached input and cached input token, `penalty` included (one if none).

    `basis` says where they are from, `tier` how well they were known, `inputs` with what they were found.
    """

    output: Decimal
    input: Decimal
    cached_input: Decimal
    basis: Basis
    tier: str
    source: str
    inputs: Mapping[str, str]
    penalty: Decimal = Decimal(1)


def find_joules(
    *,
    operation: Operation,
    readings: Iterable[Reading],
    declaration: Declaration | None,
    rows: Iterable[TokenEnergy],
    can_measure: bool,
) -> TokenJoules:
    """
    Joules per token of a model on a node.

    :param readings: of this node and this model
    :param rows: the reference table
    :param can_measure: whether the node has a counter, or power that can be polled

    :raises NoJoules: if none of the four knows, with the reason of each
    """
    measured = summarize(readings)
    if measured is not None:
        return _take_measured(measured)
    listed = tuple(rows)
    reasons: list[str] = ["receipts: too few"]
    public = _find_public(operation, listed, reasons)
    if not can_measure:
        return _penalize(public, declaration, reasons)
    if declaration is not None:
        return _take_declared(declaration)
    if public is None:
        raise NoJoules("; ".join([*reasons, "declaration: none"]))
    return public


def find_public_joules(*, operation: Operation, rows: Iterable[TokenEnergy]) -> TokenJoules:
    """
    What the reference table says, else the estimator: what claims are compared with.

    :raises NoJoules: if neither knows, with the reasons
    """
    reasons: list[str] = []
    found = _find_public(operation, tuple(rows), reasons)
    if found is None:
        raise NoJoules("; ".join(reasons))
    return found


def _find_public(
    operation: Operation, rows: tuple[TokenEnergy, ...], reasons: list[str]
) -> TokenJoules | None:
    point = find_point(
        rows=rows,
        model=operation.model,
        chip=operation.chip.slug,
        precision=operation.precision,
        batch=operation.batch,
        chips=operation.chips,
    )
    if point is not None:
        inputs = {"batch": str(point.batch), "chips": str(point.chips), "how": point.how}
        source = "ML.ENERGY v3: " + " and ".join(point.rows)
        return _complete(point.joules, Basis.REFERENCE, "declared", source, inputs)
    reasons.append(f"reference: {operation.model} was not measured on {operation.chip.slug}")
    if operation.size is None:
        reasons.append("estimator: the model's size is not known")
        return None
    try:
        estimate = estimate_joules(
            size=operation.size,
            chip=operation.chip,
            precision=operation.precision,
            batch=operation.batch,
            chips=operation.chips,
        )
    except OutOfRange as refusal:
        reasons.append(f"estimator: {refusal}")
        return None
    source = f"{SOURCE}, scaled to {operation.chip.slug}" if estimate.scaled else SOURCE
    return _complete(estimate.joules, Basis.ESTIMATED, "declared", source, estimate.inputs)


def _take_measured(measured: Measured) -> TokenJoules:
    inputs = {
        "readings": str(measured.readings),
        "left_out": str(measured.left_out),
        "spread": str(measured.spread),
        "weighted_tokens": str(measured.tokens),
    }
    return _complete(measured.joules, Basis.MEASURED, measured.tier, "receipts of the node", inputs)


def _take_declared(declaration: Declaration) -> TokenJoules:
    default = _complete(declaration.output, Basis.DECLARED, "declared", declaration.source, {})
    return TokenJoules(
        output=declaration.output,
        input=default.input if declaration.input is None else declaration.input,
        cached_input=default.cached_input if declaration.cached_input is None else declaration.cached_input,
        basis=Basis.DECLARED,
        tier="declared",
        source=declaration.source,
        inputs={},
    )


def _penalize(public: TokenJoules | None, declaration: Declaration | None, reasons: list[str]) -> TokenJoules:
    declared = None if declaration is None else _take_declared(declaration)
    known: list[TokenJoules] = [found for found in (public, declared) if found is not None]
    if not known:
        raise NoJoules("; ".join([*reasons, "declaration: none"]))
    base = max(known, key=lambda found: found.output)
    with localcontext(ROUNDING):
        return TokenJoules(
            output=round_half_even(base.output * PENALTY, PLACES),
            input=round_half_even(base.input * PENALTY, PLACES),
            cached_input=round_half_even(base.cached_input * PENALTY, PLACES),
            basis=base.basis,
            tier="declared",
            source=base.source,
            inputs={**base.inputs, "penalty": str(PENALTY)},
            penalty=PENALTY,
        )


def _complete(
    output: Decimal, basis: Basis, tier: str, source: str, inputs: Mapping[str, str]
) -> TokenJoules:
    with localcontext(ROUNDING):
        return TokenJoules(
            output=output,
            input=round_half_even(output * INPUT_RATIO, PLACES),
            cached_input=round_half_even(output * CACHED_RATIO, PLACES),
            basis=basis,
            tier=tier,
            source=source,
            inputs={**inputs, "input_ratio": str(INPUT_RATIO), "cached_ratio": str(CACHED_RATIO)},
        )
