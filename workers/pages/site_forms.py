"""Forms of a site: its place, and what its electricity costs."""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.pages.forms import list_countries, list_zones
from marketplace import reference
from marketplace.models import Site
from marketplace.site_tariffs import NUMBERS, Terms
from marketplace.sites import Description
from marketplace.tariffs.documents import load_json
from marketplace.tariffs.refusals import TariffInvalid
from workers.pages.fields import FigureField, show_plainly

HOLD_HOURS_MAX = 7 * 24


def list_site_zones() -> list[tuple[str, str]]:
    """Time zones of places, UTC first."""
    return [("UTC", "UTC"), *list_zones()[1:]]


class SiteForm(forms.Form):
    """Where a site is, and the one price of its electricity until it has a tariff."""

    name = forms.CharField(
        label=_("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    country = forms.ChoiceField(label=_("Country"), choices=list_countries)
    region = forms.CharField(label=_("Region"), max_length=64, help_text=_("Province or state."))
    grid_zone = forms.CharField(
        label=_("Grid zone"),
        max_length=64,
        help_text=_("As its market names it: CN-GZ, SE3, DE."),
        widget=forms.TextInput(attrs={"list": "grid-zones", "autocomplete": "off"}),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=list_site_zones)
    currency = forms.RegexField(
        r"^[A-Z]{3,5}$",
        label=_("Currency"),
        help_text=_("What electricity is paid in, and what offers here are priced in. It stays."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": 5}),
    )
    energy_price = FigureField(
        label=_("Electricity, per kWh"),
        decimal_places=18,
        max_digits=38,
        help_text=_("One price for all hours. A tariff replaces it."),
    )
    pue = FigureField(
        label=_("PUE"),
        decimal_places=4,
        max_digits=6,
        min_value=Decimal(1),
        max_value=Decimal(4),
        help_text=_("Energy at the meter over energy at the machines, over a year."),
    )
    gco2_per_kwh = FigureField(
        label=_("Carbon of the grid, gCO₂e per kWh"),
        required=False,
        decimal_places=3,
        max_digits=10,
        help_text=_("Left empty, the published yearly mean of the grid zone."),
    )
    carbon_source = forms.CharField(
        label=_("Where that figure is from"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, site: Site | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if site is not None:
            # Offers are priced in it, and cards published.
            self.fields["currency"].disabled = True
            self.initial = {**{name: getattr(site, name) for name in self.fields}, **self.initial}

    def clean(self) -> dict[str, Any]:
        """Fill in the carbon of the grid where it was published and verified."""
        given = super().clean() or {}
        if given.get("gco2_per_kwh") is not None:
            if not given.get("carbon_source"):
                self.add_error("carbon_source", _("Say where the figure is from."))
            return given
        factor = next(
            (one for one in reference.read_grid_factors() if one.zone == given.get("grid_zone")), None
        )
        if factor is None:
            self.add_error("gco2_per_kwh", _("Nothing was published for this grid zone. State the figure."))
        elif not factor.evidence.verified:
            text = _("%(figure)s is what is said of it, and nobody verified that. State the figure.")
            figure = {"figure": show_plainly(factor.g_per_kwh)}
            self.add_error("gco2_per_kwh", forms.ValidationError(text, params=figure))
        else:
            given["gco2_per_kwh"] = factor.g_per_kwh
            given["carbon_source"] = f"{factor.evidence.source}, {factor.zone} {factor.year}"[:200]
        return given

    @property
    def described(self) -> Description:
        """What was said of the site."""
        return Description(**{name: self.cleaned_data[name] for name in Description.__slots__})


class TariffForm(forms.Form):
    """The next version of a site's tariff: its document, and the figures that it needs of the site."""

    document = forms.CharField(
        label=_("Tariff"),
        help_text=_("A JSON document. What is wrong is told with the path to its field."),
        widget=forms.Textarea(attrs={"rows": 22, "class": "code", "spellcheck": "false", "wrap": "off"}),
    )
    valid_from = forms.DateField(
        label=_("In force from"),
        required=False,
        help_text=_("Midnight at the site. Left empty, as the document says; the version before ends then."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    load_kw = FigureField(label=_("Load of the site, kW"), required=False)
    kwh_month = FigureField(label=_("Use in a month, kWh"), required=False)
    contract_kw = FigureField(label=_("Contracted power, kW"), required=False)
    capacity_kva = FigureField(label=_("Connected capacity, kVA"), required=False)
    power_factor = FigureField(label=_("Power factor"), required=False, max_value=Decimal(1))
    calendar = forms.CharField(
        label=_("Calendar"),
        required=False,
        help_text=_("A JSON document of holidays, where the tariff asks for one."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "code", "spellcheck": "false"}),
    )
    hold_hours = forms.IntegerField(
        label=_("How long the last known price may be asked, hours"),
        min_value=0,
        max_value=HOLD_HOURS_MAX,
        initial=24,
        help_text=_("When nobody knows what electricity will cost, offers are not sold after that."),
    )
    quotes_forecasts = forms.BooleanField(
        label=_("Quote prices that are only forecast, at my risk"), required=False
    )
    confirmed = forms.BooleanField(
        label=_("I confirm that this is what the site pays"),
        required=False,
        help_text=_("Needed unless the document says it was verified."),
    )

    def clean_document(self) -> dict[str, Any]:
        """Read the JSON."""
        return _read_object(self.cleaned_data["document"])

    def clean_calendar(self) -> dict[str, Any] | None:
        """Read the JSON, if there is any."""
        text = self.cleaned_data["calendar"]
        return _read_object(text) if text.strip() else None

    @property
    def terms(self) -> Terms:
        """What was said, as the tariff's service takes it."""
        given = self.cleaned_data
        document = dict(given["document"])
        if given["valid_from"]:
            document["valid_from"] = given["valid_from"].isoformat()
        figures: dict[str, Any] = {
            name: show_plainly(given[name]) for name in NUMBERS if given[name] is not None
        }
        if given["calendar"] is not None:
            figures["calendar"] = given["calendar"]
        return Terms(
            document=document,
            figures=figures,
            hold=timedelta(hours=given["hold_hours"]),
            quotes_forecasts=given["quotes_forecasts"],
            confirmed=given["confirmed"],
        )

    def refuse(self, refusal: TariffInvalid) -> None:
        """Tell at the field what the tariff engine refuses, with its path in the document."""
        path, _dot, rest = refusal.field.partition(".")
        if path == "figures" and rest.split(".")[0] in self.fields:
            self.add_error(rest.split(".")[0], refusal.problem)
        else:
            where = f"{refusal.field}: " if refusal.field else ""
            self.add_error("document", f"{where}{refusal.problem}")


def write_document(document: Mapping[str, Any]) -> str:
    """A document as a person edits it."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def _read_object(text: str) -> dict[str, Any]:
    try:
        found = load_json(text)
    except TariffInvalid as refusal:
        raise forms.ValidationError(
            f"{refusal.field}: {refusal.problem}" if refusal.field else refusal.problem
        )
    if not isinstance(found, dict):
        raise forms.ValidationError(_("Expected a JSON object."))
    return found
