"""
What electricity is at the demo's sites: three kinds of tariff, illustrative like the rest. The solar park is
the cheapest at every hour, so that the demo tells the same story at any time of day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from marketplace.site_energy import Energy

SERIES = "demo-day-ahead"
SERIES_DAYS = 60
ILLUSTRATIVE = "illustrative"


def _write(
    name: str, zone: str, currency: str, components: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    return {
        "format": "jouleport-tariff/1",
        "name": name,
        "version": 1,
        "currency": currency,
        "zone": zone,
        "valid_from": "2026-01-01",
        "grade": "S",
        "verified": False,
        "components": components,
        **more,
    }


@dataclass(frozen=True, slots=True)
class Electricity:
    """A site's tariff, the figures it needs, and its energy; whether forecasts are quoted."""

    tariff: Mapping[str, Any]
    energy: Energy
    figures: Mapping[str, str] = field(default_factory=dict)


def _describe_solar_park(now: datetime) -> Electricity:
    """Half price while the sun is high, less for what the grid cannot take; carrying it costs the same."""
    noon = now.replace(hour=4, minute=0, second=0, microsecond=0)
    lots = [
        {
            "start": (noon + timedelta(days=day)).isoformat(),
            "end": (noon + timedelta(days=day, hours=3)).isoformat(),
            "kw": "800",
            "price": "0.0400",
            "firmness": "INTERRUPTIBLE",
            "source": ILLUSTRATIVE,
        }
        for day in range(SERIES_DAYS)
    ]
    return Electricity(
        tariff=_write(
            "demo-solar-valley",
            "Asia/Shanghai",
            "CNY",
            [
                {"kind": "FIXED_ENERGY", "name": "energy", "price": "0.1800", "floats": True},
                {"kind": "T&D", "name": "network", "price": "0.0450"},
                {"kind": "SURPLUS", "name": "surplus", "replaces": ["energy"], "lots": lots},
            ],
            multipliers=[
                {"start": "09:00", "end": "17:00", "multiplier": "0.5", "period": "valley"},
                {"start": "17:00", "end": "09:00", "multiplier": "1", "period": "flat"},
            ],
        ),
        energy=Energy(cooling="AIR", pue=Decimal("1.20"), opportunity_price=Decimal("0.14")),
    )


# Quarter-hours of a synthetic market in euros, never below what brings them there; half of it leaves as heat.
HEAT_REUSE = Electricity(
    tariff=_write(
        "demo-day-ahead",
        "Europe/Stockholm",
        "EUR",
        [
            {
                "kind": "INDEX_ENERGY",
                "name": "day-ahead",
                "term": {"series": SERIES, "floor": "0.0300", "forecast": {"hours_back": 24}},
            },
            {"kind": "T&D", "name": "network", "price": "0.0250"},
        ],
    ),
    energy=Energy(
        cooling="LIQUID",
        pue=Decimal("1.15"),
        heat_reused=Decimal("0.5"),
        heat_supply_c=Decimal(65),
        heat_price=Decimal("0.0100"),
        heat_source=ILLUSTRATIVE,
        market_gco2_per_kwh=Decimal(12),
        market_source=ILLUSTRATIVE,
        renewable_share=Decimal("0.8"),
    ),
)
# A price by the hour is not all: who draws most at once pays for that, and a least bill is owed anyway.
DEMAND_CHARGED = Electricity(
    tariff=_write(
        "demo-demand-charged",
        "America/New_York",
        "USD",
        [
            {"kind": "FIXED_ENERGY", "name": "energy", "price": "0.0620"},
            {"kind": "DEMAND", "name": "demand", "rate": "9", "basis": "MEASURED_MAX_30MIN"},
            {"kind": "MIN_BILL", "name": "least", "of": ["energy", "demand"], "rate_per_kw": "20"},
        ],
    ),
    energy=Energy(
        cooling="AIR_LEGACY",
        pue=Decimal("1.54"),
        it_kw=Decimal(400),
        load_factor=Decimal("0.7"),
        carbon_basis="LOCATION",
        carbon_price_per_tonne=Decimal(20),
    ),
    figures={"contract_kw": "700"},
)


def list_electricity(now: datetime) -> dict[str, Electricity]:
    """By site, as it is from now on."""
    return {
        "qinghai": _describe_solar_park(now),
        "stockholm": HEAT_REUSE,
        "virginia": DEMAND_CHARGED,
    }
