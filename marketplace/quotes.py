"""
What an offer's price is made of: its site, machine and serving, as the build-up takes them. It reads the rows
it is given and nothing else; `marketplace.energy` does the sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from core.money import PRICE_PLACES
from core.quantities import EXACT, ROUNDING, format_plain, round_half_even
from marketplace.contracts import Contract, apply_terms, find_step, is_capped
from marketplace.energy.build_up import Pricer
from marketplace.energy.inputs import Carbon, CarbonBasis, Hall, Heat, Inputs, Machine, Power
from marketplace.energy.lines import BuildUp, Line
from marketplace.energy.work import Unit, list_chip_second_work, list_token_work
from marketplace.models import Offer, Site, SiteEnergy
from marketplace.offer_terms import read_terms
from marketplace.outlooks import Grams, Stretch
from marketplace.site_energy import describe_pue, find_energy

BREAKDOWN_VERSION = 2
ZERO, MILLION = Decimal(0), Decimal(1_000_000)
HALL_FIGURES = ("pue", "line_loss", "hall_capital_per_watt", "hall_years", "hall_rate")
HEAT_FIGURES = ("heat_reused", "heat_price")
CARBON_FIGURES = ("market_gco2_per_kwh", "matched_share", "carbon_price_per_tonne")
TOKENS = (Unit.INPUT, Unit.CACHED_INPUT, Unit.OUTPUT)


@dataclass(frozen=True, slots=True)
class Prices:
    """What one unit of each kind costs the buyer, 18 places."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    chip_second: Decimal


KINDS = tuple(Prices.__slots__)
NOTHING = Prices(*[round_half_even(Decimal(0), PRICE_PLACES)] * 4)


@dataclass(frozen=True, slots=True)
class Quote:
    """Prices and their breakdown, whose lines add up to them."""

    prices: Prices
    breakdown: dict[str, Any]


class Quoter:
    """Prices one offer, as its site and its serving are described now, at any price of electricity."""

    def __init__(self, *, offer: Offer, fee_bps: int) -> None:
        self._offer = offer
        self._inputs = read_inputs(offer=offer, fee_bps=fee_bps)
        self._terms = read_terms(offer=offer)
        self._pue = describe_pue(site=offer.site)
        # The grid's carbon moves lines that power does not.
        self._pricers: dict[Grams | None, Pricer] = {}
        # Most lines are the same object at every price of electricity.
        self._told: dict[int, tuple[Line, dict[str, Any]]] = {}

    def quote(self, stretch: Stretch | None = None, *, slack_hours: int = 0) -> Quote:
        """
        Price the offer while electricity costs that; without a stretch, the site's one price.

        Under a pass-through, while the price of electricity is not final, these are the prices at the cap.

        :param slack_hours: how long the work may wait, in one of the offer's steps of slack; 0 if it may not
        :raises marketplace.energy.refusals.PriceNegative: if credits outweigh costs
        """
        grams = stretch.grams if stretch else None
        if (pricer := self._pricers.get(grams)) is None:
            pricer = self._pricers[grams] = Pricer(_with_grams(self._inputs, grams))
        power = _read_power(self._offer, stretch)
        step = find_step(self._terms.steps, hours=slack_hours)
        share = step.share if step else ZERO
        built = pricer.price(power)
        said: dict[str, Any] = {}
        if stretch and is_capped(self._terms, final=stretch.is_final):
            said["pass_through"] = self._describe_cap(pricer, power, built, share)
            built = apply_terms(built, share=share, cap=self._terms.cap)
        elif share:
            built = apply_terms(built, share=share)
        if slack_hours:
            said["slack_hours"] = slack_hours
        if self._terms.contract is not Contract.FIXED:
            said["contract"] = self._terms.contract.value
        breakdown = {"unit": self._offer.unit, **self._describe(built, _read_prices(built))}
        electricity = {"electricity": stretch.described} if stretch else {}
        return Quote(_read_prices(built), breakdown | electricity | said)

    def _describe_cap(self, pricer: Pricer, power: Power, built: BuildUp, share: Decimal) -> dict[str, Any]:
        """What a final price of electricity leaves of the cap is reckoned from (`contracts.find_final`)."""
        expected = keep_unit(self._offer, _read_prices(apply_terms(built, share=share)))
        # Prices are linear in that of power: far away, what each of them was rounded by is next to nothing.
        dear = pricer.price(replace(power, per_kwh=EXACT.add(power.per_kwh, MILLION), components={}))
        raised = keep_unit(self._offer, _read_prices(apply_terms(dear, share=share)))
        moved = {name: EXACT.subtract(getattr(raised, name), getattr(expected, name)) for name in KINDS}
        return {
            "cap": format_plain(self._terms.cap),
            "expected": {name: format_plain(getattr(expected, name)) for name in KINDS},
            "per_kwh": {name: format_plain(EXACT.scaleb(moved[name], -6)) for name in KINDS},
        }

    def _describe(self, built: BuildUp, prices: Prices) -> dict[str, Any]:
        whole = built.footprints[Unit.OUTPUT]
        return {
            "version": BREAKDOWN_VERSION,
            "currency": built.currency,
            "fee_bps": built.fee_bps,
            "pue": self._pue,
            "lines": [self._describe_line(line) for line in built.lines],
            "groups": {
                name: format_plain(EXACT.multiply(amount, MILLION))
                for name, amount in built.group(Unit.OUTPUT).items()
            },
            "prices": {name: format_plain(getattr(prices, name)) for name in Prices.__slots__},
            "kwh_per_million_output": _write(whole.meter_kwh, 12),
            "gco2e_per_million_output": _write(whole.location_g, 9),
            "market_gco2e_per_million_output": _write(whole.market_g, 9),
            "heat_kwh_per_million_output": _write(whole.heat_kwh, 12),
        }

    def _describe_line(self, line: Line) -> dict[str, Any]:
        told = self._told.get(id(line))
        if told is None:
            # Kept with the line, so that no other gets its id.
            told = self._told[id(line)] = (line, _describe_line(line))
        return told[1]


def _read_prices(built: BuildUp) -> Prices:
    return Prices(*(built.prices[unit] for unit in (*TOKENS, Unit.CHIP_SECOND)))


def keep_unit(offer: Offer, prices: Prices) -> Prices:
    """Of prices those of the offer's unit; the others are nothing."""
    if offer.unit == Offer.Unit.TOKEN:
        return replace(prices, chip_second=NOTHING.chip_second)
    return replace(NOTHING, chip_second=prices.chip_second)


def _describe_line(line: Line) -> dict[str, Any]:
    """A line as JSON: amounts per million tokens and per chip-second, with figures and sources."""
    return {
        "line": line.name,
        "per_million_tokens": {
            unit.value: format_plain(EXACT.multiply(line.amounts[unit], MILLION)) for unit in TOKENS
        },
        "per_chip_second": format_plain(line.amounts[Unit.CHIP_SECOND]),
        "inputs": dict(line.inputs),
        "sources": list(line.sources),
        "tier": line.tier,
    }


def read_inputs(*, offer: Offer, stretch: Stretch | None = None, fee_bps: int = 0) -> Inputs:
    """What an offer's price is built from, as its site and its serving are described now."""
    site, profile, energy = offer.site, offer.profile, find_energy(site=offer.site)
    joules, finding = profile.joules, profile.finding
    chip_watts = ROUNDING.multiply(joules, profile.tokens_per_second)
    inputs = Inputs(
        currency=site.currency,
        power=_read_power(offer, stretch),
        hall=_read_hall(site, energy),
        carbon=_read_carbon(offer, energy),
        heat=Heat(
            reused=energy.heat_reused,
            per_kwh=energy.heat_price,
            source=_name_source(energy, energy.heat_source, figures=HEAT_FIGURES),
        ),
        machine=Machine(
            chips=profile.chips,
            chip_watts=chip_watts,
            host_watts=ROUNDING.multiply(chip_watts, profile.host_factor - 1),
            idle_watts=profile.watts_idle,
            utilisation=profile.utilisation,
            capital=profile.capital,
            source=f"offer:{offer.uid}",
            years=profile.capital_years,
            rate=profile.capital_rate,
            operations_rate=profile.operations_rate,
            residual=profile.residual,
        ),
        work={
            **list_token_work(
                output_joules=joules,
                output_per_second=profile.tokens_per_second,
                input_joules=ROUNDING.multiply(joules, profile.input_ratio),
                cached_joules=ROUNDING.multiply(joules, profile.cached_ratio),
            ),
            **list_chip_second_work(chip_watts=chip_watts, chips=profile.chips),
        },
        work_source=f"finding {finding.number}: {finding.source}" if finding else profile.joules_source,
        tier=finding.tier if finding else "declared",
        margin=profile.margin,
        fee_bps=fee_bps,
    )
    return _with_grams(inputs, stretch.grams if stretch else None)


def _read_hall(site: Site, energy: SiteEnergy) -> Hall:
    return Hall(
        pue=site.pue,
        source=_name_source(energy, f"site:{site.uid}", figures=HALL_FIGURES),
        line_loss=energy.line_loss,
        capital_per_watt=energy.hall_capital_per_watt,
        years=energy.hall_years,
        rate=energy.hall_rate,
    )


def _read_carbon(offer: Offer, energy: SiteEnergy) -> Carbon:
    grid, contracted = offer.site.gco2_per_kwh, energy.market_gco2_per_kwh
    return Carbon(
        location_g=grid,
        # Who contracted nothing gets what the grid has.
        market_g=grid if contracted is None else contracted,
        source=_name_source(energy, offer.site.carbon_source, energy.market_source, figures=CARBON_FIGURES),
        matched=energy.matched_share,
        embodied_g=offer.profile.embodied_g,
        basis=CarbonBasis[energy.carbon_basis],
        price_per_tonne=energy.carbon_price_per_tonne,
    )


def _name_source(energy: SiteEnergy, *sources: str, figures: Sequence[str]) -> str:
    """What is known of a line's origin, and what the provider says of each figure in it."""
    said = (f"{name}: {energy.sources[name]}" for name in figures if energy.sources.get(name))
    return "; ".join(filter(None, (*sources, *said)))


def _with_grams(inputs: Inputs, grams: Grams | None) -> Inputs:
    """The inputs with the grid's carbon of some time, where it is known."""
    if grams is None:
        return inputs
    carbon = inputs.carbon
    is_contracted = carbon.market_g != carbon.location_g
    return replace(
        inputs,
        carbon=replace(
            carbon,
            location_g=grams.per_kwh,
            market_g=carbon.market_g if is_contracted else grams.per_kwh,
            source=f"{grams.source}; {carbon.source}",
        ),
    )


def _read_power(offer: Offer, stretch: Stretch | None) -> Power:
    if stretch is None:
        return Power(per_kwh=offer.site.energy_price, source=f"site:{offer.site.uid}")
    version = stretch.version
    return Power(
        per_kwh=stretch.price,
        source=f"{version.source}; {version.rate.source}" if version.rate else version.source,
        components=stretch.prices,
        demand_source=version.source if version.adders else "",
        monthly=version.adders,
    )


def _write(amount: Decimal, places: int) -> str:
    return format_plain(round_half_even(ROUNDING.multiply(amount, MILLION), places))
