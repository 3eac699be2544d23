"""
What a node's receipts say a token takes, with a few of them wrong. Pure; imports no Django.

Each reading is a window's joules over its weighted tokens. The estimate is the median by weight, a reading
weighing its tokens times its tier; readings that lie more than five robust deviations from it are left out.
Half of the weight would have to lie before the median did.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.quantities import ROUNDING, round_half_even
from marketplace.energy.refusals import BadInput, require
from marketplace.energy.table import PLACES
from marketplace.energy.work import CACHED_RATIO, INPUT_RATIO

# A reading counts by how well its tier measures: errors of tens, a few, about two per cent. What is only
# declared is no measurement.
WEIGHTS: Mapping[str, int] = {
    "declared": 0,
    "polled": 1,
    "counter": 4,
    "cross_checked": 8,
    "attested": 8,
}
TIERS = tuple(WEIGHTS)
# Power that is polled catches a quarter of the time; over shorter windows it says nothing.
POLLED_SECONDS_MIN = Decimal(10)
READINGS_MIN = 5
TOKENS_MIN = Decimal(1_000)
# What makes the median deviation of normal noise its standard deviation.
NORMAL = Decimal("1.4826")
DEVIATIONS_MAX = 5
# No counter repeats better than this, however alike its readings look.
SPREAD_MIN = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Reading:
    """A window of one node and one model: chip joules, tokens delivered in it, its seconds and its tier."""

    joules: Decimal
    output_tokens: Decimal
    input_tokens: Decimal
    seconds: Decimal
    tier: str
    cached_tokens: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for name in ("joules", "output_tokens", "input_tokens", "cached_tokens", "seconds"):
            require(name, getattr(self, name), low=Decimal(0))
        if self.tier not in WEIGHTS:
            raise BadInput("tier", f"{self.tier!r} is none of {', '.join(TIERS)}")

    @property
    def weighted_tokens(self) -> Decimal:
        """Tokens by what they take, an output token being one."""
        with localcontext(ROUNDING):
            return self.output_tokens + INPUT_RATIO * self.input_tokens + CACHED_RATIO * self.cached_tokens

    @property
    def is_usable(self) -> bool:
        """Whether it measured something."""
        too_short = self.tier == "polled" and self.seconds < POLLED_SECONDS_MIN
        return bool(WEIGHTS[self.tier] and self.joules and self.weighted_tokens) and not too_short


@dataclass(frozen=True, slots=True)
class Measured:
    """
    Joules per output token by receipts, and their `spread`: the robust deviation over the median.

    `tier` is such that at least half of the weight is of it or of a better one.
    """

    joules: Decimal
    spread: Decimal
    tier: str
    readings: int
    left_out: int
    tokens: Decimal


def summarize(readings: Iterable[Reading]) -> Measured | None:
    """
    What the receipts of one node and model say together; None while there are too few to say anything.

    Needed are five usable readings with a thousand weighted tokens.
    """
    with localcontext(ROUNDING):
        usable = [reading for reading in readings if reading.is_usable]
        values = [(one.joules / one.weighted_tokens, _weigh(one), one) for one in usable]
        if not _are_enough(usable):
            return None
        pairs = [(value, weight) for value, weight, _ in values]
        middle = find_weighted_median(pairs)
        spread = _find_spread(pairs, middle)
        kept = [each for each in values if abs(each[0] - middle) <= DEVIATIONS_MAX * spread]
        if not _are_enough([one for _, _, one in kept]):
            return None
        pairs = [(value, weight) for value, weight, _ in kept]
        joules = find_weighted_median(pairs)
        return Measured(
            joules=round_half_even(joules, PLACES),
            spread=round_half_even(_find_spread(pairs, joules) / joules, PLACES),
            tier=_find_tier([(one.tier, weight) for _, weight, one in kept]),
            readings=len(kept),
            left_out=len(values) - len(kept),
            tokens=sum((one.weighted_tokens for _, _, one in kept), Decimal(0)),
        )


def find_weighted_median(pairs: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The value with at most half of the weight below and at most half above; of two such, their mean."""
    ordered = sorted(pairs)
    half = sum((weight for _, weight in ordered), Decimal(0)) / 2
    below = Decimal(0)
    for index, (value, weight) in enumerate(ordered):
        below += weight
        if below == half and index + 1 < len(ordered):
            return (value + ordered[index + 1][0]) / 2
        if below > half:
            return value
    return ordered[-1][0]


def _find_spread(pairs: Sequence[tuple[Decimal, Decimal]], middle: Decimal) -> Decimal:
    found = NORMAL * find_weighted_median([(abs(value - middle), weight) for value, weight in pairs])
    return max(found, SPREAD_MIN * middle)


def _find_tier(weights: Sequence[tuple[str, Decimal]]) -> str:
    whole = sum((weight for _, weight in weights), Decimal(0))
    for tier in reversed(TIERS):
        better = sum((w for name, w in weights if TIERS.index(name) >= TIERS.index(tier)), Decimal(0))
        if better * 2 >= whole:
            return tier
    raise AssertionError("all of the weight is of the lowest tier or a better one")


def _weigh(reading: Reading) -> Decimal:
    return reading.weighted_tokens * WEIGHTS[reading.tier]


def _are_enough(readings: Sequence[Reading]) -> bool:
    tokens = sum((reading.weighted_tokens for reading in readings), Decimal(0))
    return len(readings) >= READINGS_MIN and tokens >= TOKENS_MIN
