"""
A price as a bar: what of it is electricity, cooling, machines, margin. Pure; imports no Django.

Bars that stand beside each other share one scale, so that equal widths are equal money. A credit for heat
hangs to the left of nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Any

from core.quantities import ROUNDING

# What is drawn, in this order, and the lines of a card's breakdown that are in it. `energy` and `heat` were
# lines of the first cards.
PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "electricity": ("electricity", "energy"),
        "idle": ("idle",),
        "cooling": ("cooling_and_losses",),
        "demand": ("demand", "demand_response"),
        "heat": ("heat_credit", "heat"),
        "carbon": ("carbon",),
        "hardware": ("hardware", "facility", "operations"),
        "network": ("network", "licence"),
        "margin": ("margin",),
        "fee": ("platform_fee",),
        # Whatever later cards have besides.
        "other": (),
    }
)
TOKEN_KINDS, CHIP_KINDS = ("output", "input", "cached_input"), ("chip_second",)
HUNDRED, SECONDS_PER_HOUR = Decimal(100), 3600
CENTI = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of a breakdown, per million tokens or per chip-hour, and the figures it was worked out from."""

    name: str
    amount: Decimal
    figures: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]
    tier: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a bar: its money, its lines, and where it is in hundredths of the scale."""

    name: str
    amount: Decimal
    lines: tuple[LineView, ...]
    x: Decimal
    width: Decimal


@dataclass(frozen=True, slots=True)
class Priced:
    """What a bar is drawn of: a title, words below it, and a card's breakdown."""

    title: str
    about: str
    currency: str
    breakdown: Mapping[str, Any]
    address: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One price as a bar; `zero` is where nothing is, in hundredths of the scale."""

    title: str
    about: str
    currency: str
    address: str
    price: Decimal
    zero: Decimal
    parts: tuple[Part, ...]

    @property
    def lines(self) -> tuple[LineView, ...]:
        """Every line that is not nothing, in the order of the parts."""
        return tuple(line for part in self.parts for line in part.lines if line.amount)


@dataclass(frozen=True, slots=True)
class Scale:
    """The most below and above nothing of the bars that share it."""

    low: Decimal
    high: Decimal

    def at(self, amount: Decimal) -> Decimal:
        """Where an amount is, in hundredths."""
        with localcontext(ROUNDING):
            span = self.high - self.low or Decimal(1)
            return ((amount - self.low) / span * HUNDRED).quantize(CENTI)


def draw_bars(priced: Iterable[Priced], *, kind: str = "output") -> list[Bar]:
    """
    Draw prices beside each other; those in one currency share a scale.

    :param kind: which price, of `TOKEN_KINDS` (of a million tokens) or `CHIP_KINDS` (of a chip-hour)
    """
    listed = tuple(priced)
    amounts = [_add_parts(one.breakdown, kind) for one in listed]
    scales = {
        currency: _find_scale(
            [parts for one, parts in zip(listed, amounts, strict=True) if one.currency == currency]
        )
        for currency in {one.currency for one in listed}
    }
    return [_draw(one, parts, scales[one.currency]) for one, parts in zip(listed, amounts, strict=True)]


def list_parts(bars: Sequence[Bar]) -> list[str]:
    """Names of parts that are something in any of the bars, in their order."""
    there = {part.name for bar in bars for part in bar.parts if part.amount}
    return [name for name in PARTS if name in there]


def list_lines(breakdown: Mapping[str, Any], *, kind: str = "output") -> list[LineView]:
    """The lines of a breakdown, in its own order."""
    return [_view(line, kind) for line in breakdown["lines"]]


type Parts = dict[str, tuple[LineView, ...]]


def _add_parts(breakdown: Mapping[str, Any], kind: str) -> Parts:
    lines = list_lines(breakdown, kind=kind)
    known = {name for names in PARTS.values() for name in names}
    return {
        part: tuple(
            line for line in lines if line.name in names or (part == "other" and line.name not in known)
        )
        for part, names in PARTS.items()
    }


def _view(line: Mapping[str, Any], kind: str) -> LineView:
    if kind == "chip_second":
        amount = ROUNDING.multiply(Decimal(line["per_chip_second"]), SECONDS_PER_HOUR)
    else:
        amount = Decimal(line["per_million_tokens"][kind])
    return LineView(
        name=line["line"],
        amount=amount,
        figures=tuple((name, str(value)) for name, value in line.get("inputs", {}).items()),
        sources=tuple(line.get("sources", ())),
        tier=line.get("tier"),
    )


def _sum(lines: Iterable[LineView]) -> Decimal:
    with localcontext(ROUNDING):
        return sum((line.amount for line in lines), Decimal(0))


def _find_scale(bars: Sequence[Parts]) -> Scale:
    sums = [[_sum(lines) for lines in parts.values()] for parts in bars]
    lows = [sum((each for each in one if each < 0), Decimal(0)) for one in sums]
    highs = [sum((each for each in one if each > 0), Decimal(0)) for one in sums]
    return Scale(min(lows, default=Decimal(0)), max(highs, default=Decimal(0)))


def _draw(priced: Priced, parts: Parts, scale: Scale) -> Bar:
    above = below = Decimal(0)
    drawn = []
    for name, lines in parts.items():
        amount = _sum(lines)
        start = above if amount >= 0 else below + amount
        left, right = scale.at(start), scale.at(start + abs(amount))
        drawn.append(Part(name, amount, lines, left, right - left))
        if amount >= 0:
            above += amount
        else:
            below += amount
    return Bar(
        title=priced.title,
        about=priced.about,
        currency=priced.currency,
        address=priced.address,
        price=above + below,
        zero=scale.at(Decimal(0)),
        parts=tuple(drawn),
    )
