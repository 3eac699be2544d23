"""What a preview means, as a page shows it: chart, groups, lines, income per kWh, payback, idle hours."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from core import formats
from core.quantities import ROUNDING
from core.templatetags.looks import read_locale
from marketplace.energy import returns
from marketplace.energy.levers import Change
from marketplace.energy.lines import BuildUp
from marketplace.energy.refusals import BadInput
from marketplace.energy.returns import Idleness, Payback, PowerUse
from marketplace.energy.work import Unit
from marketplace.models import Offer, Site
from marketplace.outlooks import Outlook
from marketplace.pages.bars import LineView
from marketplace.previews import Preview
from marketplace.prospects import Prospect, Step, is_surplus, list_hours
from workers.pages.charts import Chart, Column, draw, list_parts

MILLION, SECONDS = Decimal(1_000_000), Decimal(3600)
# A price per kWh has so many places at most where people look at it.
PLACES = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """By how much one unit's price is multiplied to be readable: a million tokens, a chip-hour."""

    unit: Unit
    times: Decimal

    @property
    def name(self) -> str:
        """What the price is of."""
        return _("1M output tokens") if self.unit is Unit.OUTPUT else _("one chip-hour")


@dataclass(frozen=True, slots=True)
class Share:
    """A group of a price, and its share of the price in hundredths."""

    name: str
    amount: Decimal
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the table beside the chart."""

    start: datetime
    per_kwh: Decimal
    price: Decimal | None
    is_surplus: bool
    is_forecast: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A preview of one unit; amounts are in the site's currency, per million tokens or per chip-hour."""

    scale: Scale
    price: Decimal
    low: Decimal
    high: Decimal
    chart: Chart
    groups: tuple[Share, ...]
    lines: tuple[LineView, ...]
    hours: tuple[Hour, ...]


@dataclass(frozen=True, slots=True)
class Returns:
    """
    What power and machine earn; `use` and `better_sold` (hours of those ahead) only where the site says what
    its power earns otherwise.
    """

    ask_per_kwh: Decimal
    use: PowerUse | None
    better_sold: Decimal
    payback: Payback
    idleness: Idleness
    utilisation: Decimal


def list_scales(offer: Offer) -> tuple[Scale, Scale]:
    """Both units, the one the offer is sold by first."""
    token, chip = Scale(Unit.OUTPUT, MILLION), Scale(Unit.CHIP_SECOND, SECONDS)
    return (token, chip) if offer.unit == Offer.Unit.TOKEN else (chip, token)


def show_offer(preview: Preview) -> dict[str, Any]:
    """Context of the templates of a preview."""
    if preview.prospect is None:
        return {"preview": preview}
    scales = list_scales(preview.offer)
    zone = ZoneInfo(preview.offer.site.time_zone)
    return {
        "preview": preview,
        "shown": [_show(preview.prospect, scale, preview.offer.currency, zone) for scale in scales],
        "returns": _find_returns(preview, scales[0].unit),
        "power_chart": draw_power(
            [(step, step.per_kwh, step.surplus) for step in list_hours(preview.prospect.steps)],
            currency=preview.offer.currency,
            zone=zone,
        ),
    }


def show_power(*, site: Site, outlook: Outlook | None) -> dict[str, Any]:
    """The price of electricity over the hours ahead, for a site without offers or before them."""
    if outlook is None or not outlook.stretches:
        return {"outlook": outlook}
    stretches = [(one, one.price, is_surplus(one)) for one in outlook.stretches]
    chart = draw_power(stretches, currency=site.currency, zone=ZoneInfo(site.time_zone))
    return {"outlook": outlook, "power_chart": chart}


def draw_power(steps: Any, *, currency: str, zone: ZoneInfo) -> Chart:
    """Columns of the price per kWh; `steps` are what has a start and an end, its price, whether surplus."""
    columns = [
        Column(
            one.start,
            one.end,
            (("electricity", price),),
            surplus,
            f"{_write_clock(one.start, zone)}: {_write(price)} {currency}/kWh",
        )
        for one, price, surplus in steps
    ]
    return draw(columns, zone=zone)


def describe_change(change: Change, scale: Scale) -> dict[str, Any]:
    """A lever's before and after, in the scale of the page; `saved` is in hundredths of the price."""

    def enlarge(amount: Decimal) -> Decimal:
        return ROUNDING.multiply(amount, scale.times)

    return {
        "scale": scale,
        "before": enlarge(change.before),
        "after": enlarge(change.after),
        "saved": ROUNDING.multiply(change.saved, Decimal(100)),
        "groups": [
            (name, enlarge(moved)) for name, moved in change.groups.items() if round(enlarge(moved), 9)
        ],
    }


def _show(prospect: Prospect, scale: Scale, currency: str, zone: ZoneInfo) -> Shown:
    built, unit = prospect.built, scale.unit
    low, high = prospect.find_range(unit) or (built.prices[unit], built.prices[unit])
    hours = list_hours(prospect.steps)
    return Shown(
        scale=scale,
        price=ROUNDING.multiply(built.prices[unit], scale.times),
        low=ROUNDING.multiply(low, scale.times),
        high=ROUNDING.multiply(high, scale.times),
        chart=draw([_make_column(step, scale, currency, zone) for step in hours], zone=zone),
        groups=tuple(_list_shares(built, scale, built.group(unit))),
        lines=tuple(
            LineView(
                name=line.name,
                amount=ROUNDING.multiply(line.amounts[unit], scale.times),
                figures=tuple(line.inputs.items()),
                sources=line.sources,
                tier=line.tier,
            )
            for line in built.lines
            if line.amounts[unit]
        ),
        hours=tuple(_make_hour(step, scale) for step in hours),
    )


def _list_shares(built: BuildUp, scale: Scale, parts: dict[str, Decimal]) -> list[Share]:
    whole = built.prices[scale.unit] or Decimal(1)
    return [
        Share(
            name,
            ROUNDING.multiply(amount, scale.times),
            ROUNDING.divide(ROUNDING.multiply(amount, Decimal(100)), whole),
        )
        for name, amount in parts.items()
        if amount
    ]


def _make_column(step: Step, scale: Scale, currency: str, zone: ZoneInfo) -> Column:
    if step.built is None:
        return Column(step.start, step.end, (), step.surplus, _write_clock(step.start, zone))
    price = ROUNDING.multiply(step.built.prices[scale.unit], scale.times)
    text = (
        f"{_write_clock(step.start, zone)}: {_write(price)} {currency}, {_write(step.per_kwh)} {currency}/kWh"
    )
    parts = list_parts(step.built.group(scale.unit), times=scale.times)
    return Column(step.start, step.end, parts, step.surplus, text)


def _make_hour(step: Step, scale: Scale) -> Hour:
    price = None if step.built is None else ROUNDING.multiply(step.built.prices[scale.unit], scale.times)
    return Hour(step.start, step.per_kwh, price, step.surplus, step.forecast)


def _find_returns(preview: Preview, unit: Unit) -> Returns | None:
    assert preview.prospect is not None  # noqa: S101 - asked only where there is one
    prospect, energy = preview.prospect, getattr(preview.offer.site, "energy", None)
    selling: Decimal | None = None if energy is None else energy.opportunity_price
    try:
        use = returns.compare_with_selling(
            built=prospect.built, unit=unit, selling_per_kwh=selling or Decimal(0)
        )
        payback = returns.find_payback(inputs=prospect.inputs, built=prospect.built, unit=unit)
    except BadInput:
        # A unit that takes neither energy nor time earns nothing by them.
        return None
    return Returns(
        ask_per_kwh=use.ask,
        use=None if selling is None else use,
        better_sold=Decimal(0)
        if selling is None
        else prospect.count_idle_hours(unit=unit, selling_per_kwh=selling),
        payback=payback,
        idleness=returns.find_idleness(inputs=prospect.inputs),
        utilisation=ROUNDING.multiply(prospect.inputs.machine.utilisation, Decimal(100)),
    )


def _write(amount: Decimal) -> str:
    return formats.show_decimal(amount, places=2, places_max=PLACES, locale=read_locale())


def _write_clock(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%H:%M")
