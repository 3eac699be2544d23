"""The form of what a site's hall does with its electricity."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from marketplace.models import Series, SiteEnergy
from marketplace.reference.usable import FigureUnconfirmed
from marketplace.site_energy import FIGURES, Energy
from workers.pages.fields import FigureField, ShareField

SOURCE_LENGTH_MAX = 200
SOURCED = ("pue", "line_loss", "hall_capital_per_watt", "carbon_price_per_tonne", "opportunity_price")


def list_carbon_series() -> list[tuple[str, str]]:
    """Series of a grid's carbon, after the choice of none."""
    rows = Series.objects.filter(kind=Series.Kind.CARBON).order_by("name")
    return [("", str(_("The yearly mean of the grid"))), *((row.slug, row.name) for row in rows)]


def _source(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=SOURCE_LENGTH_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class EnergyForm(forms.Form):
    """Cooling, losses, heat, carbon, load, and what power earns otherwise."""

    field_order = (
        *("cooling", "pue_basis", "pue", "source_pue", "line_loss", "source_line_loss", "confirmed"),
        *("heat_reused", "heat_price", "heat_supply_c", "heat_source"),
        *("carbon_basis", "carbon_price_per_tonne", "source_carbon_price_per_tonne", "carbon_series"),
        *("market_gco2_per_kwh", "market_source", "renewable_share", "matched_share"),
        *("it_kw", "load_factor", "hall_capital_per_watt", "source_hall_capital_per_watt"),
    )

    cooling = forms.ChoiceField(
        label=_("Cooling"),
        required=False,
        choices=[
            (SiteEnergy.Cooling.UNKNOWN, _("Not said")),
            (SiteEnergy.Cooling.AIR_LEGACY, _("Air, older hall")),
            (SiteEnergy.Cooling.AIR, _("Air")),
            (SiteEnergy.Cooling.LIQUID, _("Direct liquid")),
            (SiteEnergy.Cooling.IMMERSION, _("Immersion")),
        ],
    )
    pue_basis = forms.ChoiceField(
        label=_("PUE"),
        choices=[
            (SiteEnergy.PueBasis.METERED, _("Measured by a meter")),
            (SiteEnergy.PueBasis.DECLARED, _("My own figure")),
            (SiteEnergy.PueBasis.COOLING, _("As published for this cooling")),
        ],
    )
    pue = FigureField(
        label=_("PUE, measured or my own"),
        required=False,
        max_digits=6,
        decimal_places=4,
        min_value=Decimal(1),
        max_value=Decimal(4),
    )
    confirmed = forms.BooleanField(
        label=_("I confirm that the published PUE of this cooling holds here"), required=False
    )
    line_loss = ShareField(label=_("Losses between meter and hall, %"), initial=Decimal(0))
    it_kw = FigureField(label=_("Power of the machines, kW"), required=False, decimal_places=3, max_digits=14)
    load_factor = ShareField(
        label=_("Load factor: mean over peak, %"), required=False, min_value=Decimal("0.01")
    )
    heat_reused = ShareField(
        label=_("Heat that is used again, in per cent of the energy"), initial=Decimal(0)
    )
    heat_price = FigureField(label=_("Price of heat, per kWh of heat"), initial=Decimal(0), decimal_places=9)
    heat_supply_c = FigureField(
        label=_("Temperature of the heat, °C"), required=False, max_digits=6, decimal_places=2
    )
    heat_source = _source(_("Who takes the heat"))
    carbon_basis = forms.ChoiceField(
        label=_("Carbon in the price"),
        choices=[
            (SiteEnergy.CarbonBasis.NONE, _("Not priced")),
            (SiteEnergy.CarbonBasis.LOCATION, _("Priced by the grid's carbon")),
            (SiteEnergy.CarbonBasis.MARKET, _("Priced by what is contracted")),
        ],
    )
    carbon_price_per_tonne = FigureField(
        label=_("Price of carbon, per tonne CO₂e"), initial=Decimal(0), decimal_places=9
    )
    carbon_series = forms.ChoiceField(label=_("Carbon of the grid"), required=False)
    market_gco2_per_kwh = FigureField(
        label=_("Carbon of contracted power, gCO₂e per kWh"),
        required=False,
        max_digits=10,
        decimal_places=3,
        help_text=_("Left empty where nothing is contracted."),
    )
    market_source = _source(_("What was contracted"))
    renewable_share = ShareField(label=_("Renewable over the year, %"), initial=Decimal(0))
    matched_share = ShareField(label=_("Carbon-free hour by hour, %"), initial=Decimal(0))
    hall_capital_per_watt = FigureField(
        label=_("Capital of the hall, per watt"), initial=Decimal(0), decimal_places=9
    )
    hall_years = forms.IntegerField(
        label=_("Hall written off over, years"), min_value=1, max_value=100, initial=15
    )
    hall_rate = ShareField(label=_("Interest on the hall a year, %"), initial=Decimal("0.08"))
    opportunity_price = FigureField(
        label=_("What a kWh earns when it is sold as power"),
        required=False,
        decimal_places=9,
        help_text=_("Beside it you see what the same kilowatt-hour earns as computing."),
    )
    source_pue = _source(_("Where the PUE is from"))
    source_line_loss = _source(_("Where the losses are from"))
    source_hall_capital_per_watt = _source(_("Where the hall's capital is from"))
    source_carbon_price_per_tonne = _source(_("Where the price of carbon is from"))
    source_opportunity_price = _source(_("Where the price of sold power is from"))

    def __init__(self, *args: Any, energy: SiteEnergy, pue: Decimal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["carbon_series"].choices = list_carbon_series()  # type: ignore[attr-defined]
        kept = {name: getattr(energy, name) for name in FIGURES if name in self.fields} | {"pue": pue}
        said = {f"source_{name}": energy.sources.get(name, "") for name in SOURCED}
        self.initial = {**kept, **said, **self.initial}
        self._sources = dict(energy.sources)

    @property
    def energy(self) -> Energy:
        """What was said, as the site's service takes it."""
        given = self.cleaned_data
        said = {name: given[f"source_{name}"] for name in SOURCED}
        sources = {name: text for name, text in (self._sources | said).items() if text}
        values = {name: given[name] for name in FIGURES if name in given}
        pue = None if given["pue_basis"] == SiteEnergy.PueBasis.COOLING else given["pue"]
        return Energy(**values, pue=pue, confirmed=given["confirmed"], sources=sources)

    def refuse(self, refusal: DomainError) -> None:
        """Tell at the field what the site's service refuses."""
        field = str(refusal.extra.get("field", ""))
        if isinstance(refusal, FigureUnconfirmed):
            text = _(
                "%(figure)s is said of this cooling, and nobody verified it. Confirm it, or give your own."
            )
            self.add_error("confirmed", forms.ValidationError(text, params=refusal.extra))
        else:
            self.add_error(field if field in self.fields else None, refusal.message)
