"""What pages are made of: amounts, prices, moments, form fields, icons."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from babel import Locale
from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxSelectMultiple, Form, RadioSelect
from django.templatetags.static import static
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core import formats
from core.money import AMOUNT_PLACES, Money
from core.quantities import format_plain

register = template.Library()
DEVELOPERS_CHAIN = 31337
"""The number that chains on a developer's desk have; nothing on such a chain is worth anything."""


def read_locale() -> Locale:
    """CLDR's locale of the language this page is in."""
    return formats.find_locale(translation.get_language() or "en")


@register.filter
def money(value: Money) -> SafeString:
    """An amount in the places of its currency, with its code; every digit stands in the title."""
    text = formats.show_amount(value.amount, value.currency, locale=read_locale())
    return _tag(text, value)


@register.filter
def exact_money(value: Money) -> SafeString:
    """An amount with every digit of the ledger, and its code."""
    text = formats.show_exactly(value.amount, value.currency, locale=read_locale())
    return _tag(text, value)


@register.filter
def amount(value: Decimal, currency: str) -> str:
    """An amount with every digit, where its currency stands beside it already."""
    return formats.show_exactly(value, currency, locale=read_locale())


def _tag(text: str, value: Money) -> SafeString:
    return format_html(
        '<data class="money" value="{}" title="{}">{}&nbsp;<span class="currency">{}</span></data>',
        value.literal,
        str(value),
        text,
        value.currency,
    )


@register.filter
def per_million(price: Decimal) -> SafeString:
    """The price of one token as that of a million; every digit stands in the title."""
    exact = format_plain(price * formats.MILLION)
    text = formats.show_price(price, locale=read_locale())
    return format_html('<data value="{0}" title="{0}">{1}</data>', exact, text)


@register.filter
def plain(value: Decimal) -> str:
    """A decimal as programs write it."""
    return format_plain(value)


@register.filter
def number(value: Decimal | int) -> str:
    """A number with grouped digits."""
    return formats.show_decimal(Decimal(value), places_max=AMOUNT_PLACES, locale=read_locale())


@register.filter
def figure(value: Decimal, places: int = 4) -> str:
    """A figure people compare: up to so many decimal places, three digits where that would show nothing."""
    small = bool(value) and places > 1 and value.adjusted() < -2
    shown = min(2 - value.adjusted(), AMOUNT_PLACES) if small else places
    return formats.show_decimal(Decimal(value), places_max=shown, locale=read_locale())


@register.filter
def percent(value: Decimal) -> str:
    """A share in hundredths."""
    return formats.show_decimal(value * 100, places_max=2, locale=read_locale())


@register.filter
def magnitude(value: Decimal) -> Decimal:
    """A number without its sign."""
    return abs(value)


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """A moment in the reader's zone, with the zone's distance from UTC."""
    return "–" if value is None else _show_moment(value, seconds=False)


@register.filter
def moment_seconds(value: datetime) -> SafeString:
    """The same with its second: for what ends soon."""
    return _show_moment(value, seconds=True)


def _show_moment(value: datetime, *, seconds: bool) -> SafeString:
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}">{} <span class="zone">{}</span></time>',
        value.astimezone(UTC).isoformat(timespec="seconds"),
        formats.show_moment(local, locale=read_locale(), seconds=seconds),
        formats.show_offset(local),
    )


@register.filter
def day(value: date) -> str:
    """A day of the calendar."""
    return formats.show_day(value, locale=read_locale())


@register.filter
def age(value: Any) -> str:
    """How long something takes or has waited."""
    return formats.show_age(value, locale=read_locale())


@register.simple_tag
def stand_ins() -> list[str]:
    """What here only looks like money: said on every page, those of errors and operators too."""
    texts = []
    if settings.STRIPE_URL and not settings.STRIPE_KEY:
        texts.append(_("Payments go to a stand-in for Stripe: no money moves here."))
    if settings.CHAIN_URL and settings.CHAIN_ID == DEVELOPERS_CHAIN:
        texts.append(_("USDC comes from a stand-in for a chain: it is worth nothing."))
    return texts


@register.simple_tag
def icon(name: str) -> SafeString:
    """A drawing beside words that say the same; readers of the screen skip it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("core/icons.svg"),
        name,
    )


@register.inclusion_tag("core/form.html")
def fields(form: Form, *, only: str = "") -> dict[str, Any]:
    """
    A form's fields by the one convention: label, field, help, errors tied to it, and a summary on top.

    :param only: names of the fields to show, separated by spaces; all without it
    """
    wanted = only.split()
    shown = [field for field in form.visible_fields() if not wanted or field.name in wanted]
    return {
        "form": form,
        "shown": [_describe(field) for field in shown],
        "hidden": form.hidden_fields(),
        "wrong": [field for field in shown if field.errors],
    }


def _describe(field: BoundField) -> dict[str, Any]:
    # Labels are shown; words inside fields vanish when one types, and are hard to read.
    field.field.widget.attrs.pop("placeholder", None)
    kind = str(getattr(field.field.widget, "input_type", ""))
    is_group = isinstance(field.field.widget, RadioSelect | CheckboxSelectMultiple)
    return {"bound": field, "is_check": kind == "checkbox" and not is_group, "is_radio": is_group}


@register.filter
def stack(shares: Iterable[Decimal]) -> list[tuple[Decimal, Decimal]]:
    """Where each of several parts begins and how wide it is, in hundredths of their sum."""
    parts = list(shares)
    whole = sum(parts, Decimal(0)) or Decimal(1)
    found, start = [], Decimal(0)
    for part in parts:
        width = (part / whole * 100).quantize(Decimal("0.01"))
        found.append((start, width))
        start += width
    return found
