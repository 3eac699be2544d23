"""What an answer used: energy by its parts, grams by two accounts that are never added up, heat. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.quantities import EXACT, format_plain


@dataclass(frozen=True, slots=True)
class Footprint:
    """
    `joules` are those of the machine and `it_kwh` the same in kWh; `cooling_kwh` is what the hall takes
    beside them, `kwh` what its meter at the grid shows; what is left was lost on the way.

    `gco2e` is by the grid where the site is (location-based), `market_gco2e` by what was contracted, None
    where nothing is; intensities are grams a kWh. `heat_kwh` was delivered as heat.
    """

    joules: Decimal
    kwh: Decimal
    it_kwh: Decimal
    cooling_kwh: Decimal
    heat_kwh: Decimal
    gco2e: Decimal
    intensity: Decimal
    grid: str
    market_gco2e: Decimal | None
    market_intensity: Decimal | None
    tier: str
    attribution: str

    @property
    def loss_kwh(self) -> Decimal:
        """Lost between the grid's meter and the hall."""
        return EXACT.subtract(EXACT.subtract(self.kwh, self.it_kwh), self.cooling_kwh)


# The columns of answer_energy_v1, in the order of the fields.
COLUMNS = tuple(Footprint.__dataclass_fields__)


def describe_energy(used: Footprint) -> dict[str, Any]:
    """The object `energy` of an answer's usage."""
    return {
        "joules": format_plain(used.joules),
        "kwh": format_plain(used.kwh),
        "it_kwh": format_plain(used.it_kwh),
        "cooling_kwh": format_plain(used.cooling_kwh),
        "loss_kwh": format_plain(used.loss_kwh),
        "heat_kwh": format_plain(used.heat_kwh),
        "method": used.attribution,
        "tier": used.tier,
        "attribution": used.attribution,
    }


def describe_carbon(used: Footprint) -> dict[str, Any]:
    """The object `carbon` of an answer's usage: by the grid, and under `market` by what was contracted."""
    market = None
    if used.market_gco2e is not None and used.market_intensity is not None:
        market = {
            "gco2e": format_plain(used.market_gco2e),
            "intensity": format_plain(used.market_intensity),
        }
    return {
        "gco2e": format_plain(used.gco2e),
        "grid": used.grid,
        "intensity": format_plain(used.intensity),
        "market": market,
    }
