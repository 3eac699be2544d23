"""Words and figures of a price's build-up."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from babel import dates
from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from core import formats
from core.money import AMOUNT_PLACES
from core.quantities import format_plain
from core.templatetags.looks import read_locale
from marketplace.board import Row
from marketplace.comparisons import Comparison
from marketplace.pages import bars as drawing

register = template.Library()

PARTS: dict[str, Any] = {
    "electricity": _("Electricity"),
    "idle": _("Idle time"),
    "cooling": _("Cooling and losses"),
    "demand": _("Monthly charges of the grid"),
    "heat": _("Heat credit"),
    "carbon": _("Carbon"),
    "hardware": _("Machines and hall"),
    "network": _("Network and licence"),
    "margin": _("Margin"),
    "fee": _("Fee of the platform"),
    "other": _("Other"),
}
LINES: dict[str, Any] = {
    "electricity": _("Electricity"),
    "energy": _("Electricity"),
    "idle": _("Idle time"),
    "cooling_and_losses": _("Cooling and losses"),
    "demand": _("Monthly charges of the grid"),
    "demand_response": _("Demand response"),
    "heat_credit": _("Heat credit"),
    "heat": _("Heat credit"),
    "carbon": _("Carbon"),
    "hardware": _("Hardware"),
    "facility": _("Hall"),
    "operations": _("Upkeep"),
    "network": _("Network"),
    "licence": _("Licence"),
    "margin": _("Margin"),
    "platform_fee": _("Fee of the platform"),
}
# How well joules are known.
TIERS: dict[str, Any] = {
    "declared": _("declared"),
    "polled": _("polled"),
    "counter": _("counted"),
    "cross_checked": _("cross-checked"),
    "attested": _("attested"),
}
# Not a hyphen.
MINUS = "\N{MINUS SIGN}"
PLACES, SMALL_PLACES, SMALL = 4, 8, Decimal("0.01")


@register.filter
def part_name(name: str) -> Any:
    """What a part of a bar is called."""
    return PARTS.get(name, name)


@register.filter
def line_name(name: str) -> Any:
    """What a line of a breakdown is called."""
    return LINES.get(name, name)


@register.filter
def tier_name(name: str) -> Any:
    """How well a line's joules are known."""
    return TIERS.get(name, name)


@register.filter
def worth(row: Row, comparing: Comparison) -> Decimal | None:
    """A row's output token in the currency of comparing; None where that is its own, or unknown."""
    if row.currency == comparing.currency:
        return None
    return comparing.convert(row.output_price, currency=row.currency)


@register.filter
def charge(amount: Decimal) -> SafeString:
    """An amount in at most four places, eight where it is small; every digit stands in the title."""
    return format_html('<data value="{0}" title="{0}">{1}</data>', format_plain(amount), show_charge(amount))


@register.filter
def read_figure(value: Any) -> str:
    """A figure of a breakdown: numbers with grouped digits, everything else as it is."""
    try:
        return formats.show_decimal(Decimal(str(value)), places_max=9, locale=read_locale())
    except ArithmeticError:
        return str(value)


@register.filter
def read_exactly(value: Decimal) -> str:
    """An amount with every digit it has."""
    places = max(0, -int(value.as_tuple().exponent))
    return formats.show_decimal(value, places_max=places, locale=read_locale()).replace("-", MINUS)


@register.filter
def short(value: Decimal) -> SafeString:
    """A figure in at most four places, or three digits where it is small; every digit is in its title."""
    small = bool(value) and value.adjusted() < -2
    places = min(2 - value.adjusted(), AMOUNT_PLACES) if small else PLACES
    text = formats.show_decimal(value, places_max=places, locale=read_locale())
    return format_html('<data value="{0}" title="{0}">{1}</data>', format_plain(value), text)


@register.filter
def show(value: Decimal) -> str:
    """A round figure, where there may be no markup."""
    return formats.show_decimal(value, places_max=AMOUNT_PLACES, locale=read_locale())


@register.filter
def grams(value: Decimal) -> SafeString:
    """Grams in at most one place, three digits where there are few of them."""
    places = 1 if not value or value >= 1 else min(2 - value.adjusted(), AMOUNT_PLACES)
    text = formats.show_decimal(value, places_max=places, locale=read_locale())
    return format_html('<data value="{0}" title="{0}">{1}</data>', format_plain(value), text)


@register.filter
def clock(moment: datetime) -> str:
    """The time of day of a moment, in the zone it is told in."""
    return moment.strftime("%H:%M")


@register.filter
def weekday(moment: datetime) -> str:
    """The day of a moment, in the zone it is told in."""
    return dates.format_skeleton("MMMEd", moment, locale=read_locale())


@register.filter
def weekday_clock(moment: datetime) -> SafeString:
    """Day and time of a moment in the reader's zone."""
    local = timezone.localtime(moment)
    stamp = moment.astimezone(UTC).isoformat(timespec="seconds")
    return format_html('<time datetime="{}">{} {}</time>', stamp, weekday(local), clock(local))


@register.filter
def spell(bar: drawing.Bar) -> Any:
    """A bar in words, for those who do not see it."""
    parts = [
        format_lazy("{} {}", PARTS[part.name], show_charge(part.amount)) for part in bar.parts if part.amount
    ]
    return ", ".join(str(part) for part in parts)


def show_charge(amount: Decimal) -> str:
    """The text of `charge`."""
    places = PLACES if not amount or abs(amount) >= SMALL else SMALL_PLACES
    return formats.show_decimal(amount, places=2, places_max=places, locale=read_locale()).replace("-", MINUS)


@register.inclusion_tag("marketplace/bars.html")
def bars(drawn: list[drawing.Bar], *, name: str = "bars", unit: str = "tokens") -> dict[str, Any]:
    """
    Bars side by side, a legend, and the same as a table.

    :param name: makes the ids of this page's bars
    :param unit: `tokens` for prices of a million of them, `hours` for those of a chip-hour
    """
    rows = [
        (part, [next(one.amount for one in bar.parts if one.name == part) for bar in drawn])
        for part in drawing.list_parts(drawn)
    ]
    return {"bars": drawn, "rows": rows, "name": name, "unit": unit}


@register.inclusion_tag("marketplace/lines.html")
def lines(listed: Any, *, currency: str = "", unit: str = "tokens") -> dict[str, Any]:
    """Lines of a price, each of which opens into its figures and sources."""
    return {"lines": listed, "currency": currency, "unit": unit}
