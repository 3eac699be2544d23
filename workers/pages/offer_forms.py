"""Forms of an offer: what is sold, on what machine, served how; and the levers that a provider may try."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace import reference, what_ifs
from marketplace.energy.refusals import BadInput
from marketplace.models import Model, Offer, ServingProfile
from marketplace.offers import Serving
from marketplace.reference import DECLARED
from marketplace.what_ifs import Served, Setup
from workers.pages.fields import FigureField, ShareField

OWN = ""
BATCH_MAX = 10_000
SERVING_ORDER = (
    *("chip", "chips", "setup", "batch", "joules_per_output_token", "tokens_per_second"),
    *("watts_idle", "host_factor", "utilisation", "capital", "capital_years", "capital_rate"),
    *("operations_rate", "residual", "embodied_g", "margin"),
)


def list_chips() -> list[tuple[str, str]]:
    """Chips of the catalogue that models run on."""
    chips = (chip for chip in reference.read_chips() if chip.kind != "asic_sha256")
    return [(OWN, str(_("Another one"))), *((chip.slug, chip.slug) for chip in chips)]


def list_setup_choices(setups: Iterable[Setup]) -> list[tuple[str, str]]:
    """Measured set-ups by model; the first choice is to say one's own figures."""
    listed = [
        (setup.key, f"{setup.model}, {setup.precision}, {setup.chips} × {setup.chip}") for setup in setups
    ]
    return [(OWN, str(_("My own figures"))), *listed]


class ServedForm(forms.Form):
    """How fast and with how much energy a machine serves: as it was measured elsewhere, or in own figures."""

    setup = forms.ChoiceField(
        label=_("Energy and speed"),
        required=False,
        help_text=_("As measured by ML.ENERGY, or your own figures."),
    )
    batch = forms.IntegerField(
        label=_("Requests at a time (batch), for measured figures"),
        required=False,
        min_value=1,
        max_value=BATCH_MAX,
    )
    joules_per_output_token = FigureField(
        label=_("Joules of the chips per output token"), required=False, max_digits=20, decimal_places=9
    )
    tokens_per_second = FigureField(
        label=_("Output tokens per second, whole machine"), required=False, max_digits=14, decimal_places=3
    )
    chips = forms.IntegerField(label=_("Number of chips"), min_value=1, max_value=100_000)

    served: Served

    def __init__(self, *args: Any, setups: Iterable[Setup], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.setups = tuple(setups)
        self.fields["setup"].choices = list_setup_choices(self.setups)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Take the figures that were measured, or those that were said."""
        given = super().clean() or {}
        if "chips" not in given:
            return given
        setup = what_ifs.find_setup(self.setups, given.get("setup") or OWN)
        try:
            if setup is None:
                self.served = what_ifs.state_served(
                    joules=self._require("joules_per_output_token"),
                    tokens_per_second=self._require("tokens_per_second"),
                    chips=given["chips"],
                )
            else:
                self.served = what_ifs.find_served(
                    rows=reference.read_joules(),
                    setup=setup,
                    batch=Decimal(self._require("batch")),
                    chips=given["chips"],
                )
        except BadInput as refusal:
            self.add_error(SERVED_FIELDS.get(refusal.field, "setup"), refusal.reason)
        except forms.ValidationError:
            # Said at the field that is missing.
            return given
        return given

    def _require(self, name: str) -> Any:
        value = self.cleaned_data.get(name)
        if value is None:
            if name not in self.errors:
                self.add_error(name, _("This figure is needed."))
            raise forms.ValidationError(name)
        return value


SERVED_FIELDS = {
    "chips": "chips",
    "batch": "batch",
    "joules": "joules_per_output_token",
    "tokens_per_second": "tokens_per_second",
}


class ServingForm(ServedForm):
    """The machine behind an offer, and what it costs."""

    field_order: Sequence[str] = SERVING_ORDER

    chip = forms.ChoiceField(label=_("Chip"), choices=list_chips, required=False)
    watts_idle = FigureField(
        label=_("Watts of the whole machine when idle"),
        required=False,
        max_digits=12,
        decimal_places=2,
        help_text=_("Left empty, as the catalogue says of the chips."),
    )
    host_factor = FigureField(
        label=_("Power of the whole machine over that of its chips"),
        max_digits=6,
        decimal_places=4,
        min_value=Decimal(1),
        initial=Decimal("1.25"),
    )
    utilisation = ShareField(
        label=_("Busy share of the hours, %"), min_value=Decimal("0.01"), initial=Decimal("0.6")
    )
    capital = FigureField(label=_("Capital of the machine"), max_digits=38, decimal_places=9)
    capital_years = forms.IntegerField(
        label=_("Written off over, years"), min_value=1, max_value=100, initial=4
    )
    capital_rate = ShareField(label=_("Interest a year, %"), initial=Decimal("0.10"))
    operations_rate = ShareField(
        label=_("Upkeep a year, in per cent of the capital"), initial=Decimal("0.05")
    )
    residual = ShareField(
        label=_("What the machine is still worth in the end, in per cent of the capital"),
        required=False,
        initial=Decimal(0),
    )
    embodied_g = FigureField(
        label=_("Grams CO₂e of making the machine"),
        required=False,
        max_digits=14,
        decimal_places=3,
        initial=Decimal(0),
    )
    margin = ShareField(
        label=_("Margin, in per cent of the cost"), max_value=Decimal(1000), initial=Decimal("0.10")
    )

    def __init__(self, *args: Any, profile: ServingProfile | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.profile = profile
        if profile is not None:
            kept = {name: getattr(profile, name) for name in self.fields if hasattr(profile, name)}
            self.initial = {**kept, **self.initial}

    def clean(self) -> dict[str, Any]:
        """Take from the catalogue what the machine draws when idle, where that was not said."""
        given = super().clean() or {}
        if given.get("watts_idle") is None and "chips" in given and "watts_idle" not in self.errors:
            chip = reference.find_chip(given["chip"]) if given.get("chip") else None
            given["watts_idle"] = what_ifs.find_idle_watts(chip=chip, chips=given["chips"])
            if given["watts_idle"] is None:
                self.add_error("watts_idle", _("The catalogue does not say. State the figure."))
        return given

    @property
    def serving(self) -> Serving:
        """What was said, as the offer's service takes it."""
        given = self.cleaned_data
        kept = {} if self.profile is None else _list_kept(self.profile)
        taken = ("watts_idle", "host_factor", "utilisation", "capital", "capital_years", "capital_rate")
        return Serving(
            **kept,
            **{name: given[name] for name in (*taken, "operations_rate", "margin", "chips")},
            residual=given["residual"] or Decimal(0),
            embodied_g=given["embodied_g"] or Decimal(0),
            joules_per_output_token=self.served.point.joules,
            tokens_per_second=self.served.tokens_per_second.quantize(Decimal("0.001")),
            joules_source=self._find_source(),
        )

    def _find_source(self) -> str:
        profile = self.profile
        is_own = self.served.source == DECLARED
        if profile is not None and is_own and self.served.point.joules == profile.joules_per_output_token:
            # The same figure is from where it was before.
            return profile.joules_source
        return self.served.source[:200]


def _list_kept(profile: ServingProfile) -> dict[str, Any]:
    """What this form does not ask and a change must not lose."""
    return {name: getattr(profile, name) for name in ("input_ratio", "cached_ratio")}


class OfferForm(ServingForm):
    """A new offer at a site."""

    model = forms.ChoiceField(label=_("Model"))
    unit = forms.ChoiceField(
        label=_("Sold by"),
        choices=[(Offer.Unit.TOKEN, _("Token")), (Offer.Unit.CHIP_SECOND, _("Chip-second"))],
    )
    slots = forms.IntegerField(
        label=_("Requests it takes at once"), min_value=1, max_value=1_000_000, initial=8
    )
    max_output_default = forms.IntegerField(
        label=_("Output tokens of a request that names no limit"), min_value=1, initial=1024
    )
    max_output_cap = forms.IntegerField(
        label=_("Output tokens of any request, at most"), min_value=1, initial=4096
    )

    field_order = ("model", "unit", "slots", "max_output_default", "max_output_cap", *SERVING_ORDER)

    def __init__(self, *args: Any, models: Iterable[Model], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"].choices = [(one.slug, one.name) for one in models]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A request that names no limit gets no more than any request may."""
        given = super().clean() or {}
        default, cap = given.get("max_output_default"), given.get("max_output_cap")
        if default is not None and cap is not None and default > cap:
            self.add_error("max_output_default", _("No more than any request may have."))
        return given
