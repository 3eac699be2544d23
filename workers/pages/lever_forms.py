"""Forms of what a provider may try at an offer: cooling, heat, batch, chip. Nothing of it is stored."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace import reference, what_ifs
from marketplace.energy.inputs import Inputs
from marketplace.energy.levers import Change
from marketplace.energy.work import Unit
from marketplace.what_ifs import Setup
from workers.pages.fields import FigureField, ShareField
from workers.pages.offer_forms import ServedForm, list_chips


class LeverForm(forms.Form):
    """One lever; `name` tells it from the others in an address."""

    name: ClassVar[str]
    title: ClassVar[Any]
    text: ClassVar[Any]
    suggestion: dict[str, Any] | None = None

    def suggest(self, *, inputs: Inputs, unit: Unit, likely: Iterable[Setup]) -> tuple[str, Change] | None:
        """
        What published figures would make better, in words, and what it does; None where they say nothing.

        :param likely: measured set-ups of the model that is sold
        """
        return None

    def try_out(self, *, inputs: Inputs, unit: Unit) -> Change:
        """
        What it does to the price of one unit.

        :raises marketplace.energy.refusals.BadInput: naming the figure that cannot be
        :raises marketplace.energy.refusals.PriceNegative: if credits outweigh every cost
        """
        raise NotImplementedError


class CoolingForm(LeverForm):
    """Another cooling."""

    name = "cooling"
    title = _("Better cooling")
    text = _("Direct liquid cooling or immersion takes less power than air.")

    pue = FigureField(
        label=_("PUE"), max_digits=6, decimal_places=4, min_value=Decimal(1), max_value=Decimal(4)
    )

    def suggest(self, *, inputs: Inputs, unit: Unit, likely: Iterable[Setup]) -> tuple[str, Change] | None:
        """The next better kind of cooling."""
        better = what_ifs.find_better_cooling(inputs=inputs, known=reference.read_default_pues())
        if better is None:
            return None
        change = what_ifs.try_cooling(inputs=inputs, unit=unit, pue=better.pue)
        return f"PUE {better.pue} ({better.cooling})", change

    def try_out(self, *, inputs: Inputs, unit: Unit) -> Change:
        """The hall at another PUE."""
        return what_ifs.try_cooling(inputs=inputs, unit=unit, pue=self.cleaned_data["pue"])


class HeatForm(LeverForm):
    """Heat that is sold."""

    name = "heat"
    title = _("Heat that is used again")
    text = _("A district heating net or a greenhouse pays for heat that would be blown away.")

    reused = ShareField(label=_("Heat that is used again, in per cent of the energy"), initial=Decimal("0.5"))
    per_kwh = FigureField(label=_("Price of heat, per kWh of heat"))

    def try_out(self, *, inputs: Inputs, unit: Unit) -> Change:
        """A share of the energy sold as heat."""
        given = self.cleaned_data
        return what_ifs.try_heat(inputs=inputs, unit=unit, reused=given["reused"], per_kwh=given["per_kwh"])


class BatchForm(LeverForm, ServedForm):
    """More requests at a time."""

    name = "batch"
    title = _("A bigger batch")
    text = _("More requests at a time share the reading of the model's weights.")

    def suggest(self, *, inputs: Inputs, unit: Unit, likely: Iterable[Setup]) -> tuple[str, Change] | None:
        """The largest batch that was measured of this model, if that is better than now."""
        if unit is not Unit.OUTPUT:
            return None
        mine = what_ifs.list_on_chip_of(likely, inputs.work_source)
        served = what_ifs.find_larger_batch(inputs=inputs, rows=reference.read_joules(), setups=mine)
        if served is None:
            return None
        return str(served.point.batch), what_ifs.try_batch(inputs=inputs, unit=unit, served=served)

    def try_out(self, *, inputs: Inputs, unit: Unit) -> Change:
        """The same machine, fuller."""
        return what_ifs.try_batch(inputs=inputs, unit=unit, served=self.served)


class ChipForm(LeverForm, ServedForm):
    """Another chip."""

    name = "chip"
    title = _("A newer chip")
    text = _("Newer chips take less for a token and cost more to buy.")

    chip = forms.ChoiceField(label=_("Chip"), choices=list_chips, required=False)
    idle_watts = FigureField(label=_("Watts of the whole machine when idle"), required=False)
    capital = FigureField(label=_("Capital of the machine"), max_digits=38, decimal_places=9)

    field_order = (
        *("chip", "chips", "setup", "batch", "joules_per_output_token", "tokens_per_second"),
        *("idle_watts", "capital"),
    )

    def try_out(self, *, inputs: Inputs, unit: Unit) -> Change:
        """Another machine."""
        given = self.cleaned_data
        return what_ifs.try_chip(
            inputs=inputs,
            unit=unit,
            served=self.served,
            chip=reference.find_chip(given["chip"]) if given["chip"] else None,
            chips=given["chips"],
            capital=given["capital"],
            idle_watts=given["idle_watts"],
        )


FORMS: tuple[type[LeverForm], ...] = (CoolingForm, HeatForm, BatchForm, ChipForm)


def make_forms(*, inputs: Inputs, setups: Iterable[Setup], asked: Any) -> list[LeverForm]:
    """A form for each lever; the one that was asked holds what was asked, the others a good guess."""
    listed, made = tuple(setups), []
    for kind in FORMS:
        options: dict[str, Any] = {"setups": listed} if issubclass(kind, ServedForm) else {}
        data = asked if asked.get("lever") == kind.name else None
        made.append(kind(data, initial=_guess(kind, inputs), auto_id=f"{kind.name}_%s", **options))
    return made


def _guess(kind: type[LeverForm], inputs: Inputs) -> dict[str, Any]:
    if kind is CoolingForm:
        better = what_ifs.find_better_cooling(inputs=inputs, known=reference.read_default_pues())
        return {"pue": better.pue if better else inputs.hall.pue}
    if kind is HeatForm:
        return {"per_kwh": inputs.heat.per_kwh or None}
    chips: dict[str, Any] = {"chips": inputs.machine.chips}
    return chips if kind is BatchForm else {**chips, "capital": inputs.machine.capital}
