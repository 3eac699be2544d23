"""
Key figures of a site over a span, as the standards define them. Pure; imports no Django.

PUE is facility over IT energy (ISO/IEC 30134-2), ERF reused over facility energy (30134-6), REF certified
renewable over facility energy (30134-3), CUE grams by the grid over IT energy (30134-8), and ERE what is left
of PUE after reuse: PUE x (1 - ERF) (The Green Grid). They are of the work that was sold, not of the whole
hall: a site's own meter knows more. Kilowatt-hours are at the meter unless they say otherwise.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.quantities import ROUNDING

INPUT_WEIGHT = Decimal("0.45")
GRAMS_PER_KG = 1000


@dataclass(frozen=True, slots=True)
class Sums:
    """What was used over the span; `renewable_share` is what of it the site certifies over the year."""

    joules: Decimal
    output_tokens: Decimal
    input_tokens: Decimal
    it_kwh: Decimal
    hall_kwh: Decimal
    kwh: Decimal
    heat_kwh: Decimal
    gco2e: Decimal
    market_gco2e: Decimal | None
    renewable_share: Decimal
    surplus_offered_kwh: Decimal = Decimal(0)
    surplus_absorbed_kwh: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Kpis:
    """Each figure, None where nothing was used that it could be of. CUE is in kg CO2e per IT kWh."""

    pue: Decimal | None
    erf: Decimal | None
    ere: Decimal | None
    ref: Decimal
    cue: Decimal | None
    market_cue: Decimal | None
    joules_per_token: Decimal | None
    surplus_absorbed_share: Decimal | None


def find_kpis(sums: Sums) -> Kpis:
    """The figures of a span. Tokens are output tokens, an uncached input token counting 0.45 of one."""
    with localcontext(ROUNDING):
        tokens = sums.output_tokens + INPUT_WEIGHT * sums.input_tokens
        market = None if sums.market_gco2e is None else sums.market_gco2e / GRAMS_PER_KG
        return Kpis(
            pue=_divide(sums.hall_kwh, sums.it_kwh),
            erf=_divide(sums.heat_kwh, sums.hall_kwh),
            ere=_divide(sums.hall_kwh - sums.heat_kwh, sums.it_kwh),
            ref=sums.renewable_share,
            cue=_divide(sums.gco2e / GRAMS_PER_KG, sums.it_kwh),
            market_cue=None if market is None else _divide(market, sums.it_kwh),
            joules_per_token=_divide(sums.joules, tokens),
            surplus_absorbed_share=_divide(sums.surplus_absorbed_kwh, sums.surplus_offered_kwh),
        )


def _divide(above: Decimal, below: Decimal) -> Decimal | None:
    return above / below if below else None
