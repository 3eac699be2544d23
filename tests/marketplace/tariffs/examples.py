"""The documents shown in docs/reference/tariffs.md, by the name after each block's language."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.sql import REPOSITORY
from marketplace.tariffs.documents import parse_calendar, parse_tariff
from marketplace.tariffs.pricing import Segments, segments
from marketplace.tariffs.series import PriceSeries, SeriesUnit
from marketplace.tariffs.tariff import PowerSite, Tariff

PAGE = REPOSITORY / "docs/reference/tariffs.md"
BLOCK = re.compile(r"^```json (\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEXTS = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
CALENDAR = parse_calendar(json.loads(TEXTS["calendar"]))
TARIFFS = sorted(TEXTS.keys() - {"calendar"})


def document(name: str) -> dict[str, Any]:
    """A fresh copy of an example."""
    found: dict[str, Any] = json.loads(TEXTS[name])
    return found


def tariff(name: str) -> Tariff:
    return parse_tariff(document(name))


def site(currency: str = "CNY", **figures: Any) -> PowerSite:
    return PowerSite(name="hall", currency=currency, calendar=CALENDAR, **figures)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def prices(name: str, start: datetime, minutes: int, values: list[str], currency: str = "EUR") -> PriceSeries:
    return PriceSeries.regular(
        name=name,
        start=start,
        step_minutes=minutes,
        values=[Decimal(value) if value else None for value in values],
        currency=currency,
    )


def power(name: str, start: datetime, minutes: int, values: list[str]) -> PriceSeries:
    return PriceSeries.regular(
        name=name,
        start=start,
        step_minutes=minutes,
        values=[Decimal(value) if value else None for value in values],
        unit=SeriesUnit.KW,
    )


def price(name: str, start: datetime, end: datetime, *series: PriceSeries, **figures: Decimal) -> Segments:
    return ask(tariff(name), start, end, *series, **figures)


def ask(what: Tariff, start: datetime, end: datetime, *series: PriceSeries, **figures: Decimal) -> Segments:
    where = site(what.currency, **figures)
    return segments(tariff=what, site=where, start=start, end=end, series={one.name: one for one in series})


def said(found: Segments) -> list[tuple[str, str, str]]:
    return [(f"{one.start:%d %H:%M}", f"{one.end:%d %H:%M}", f"{one.price.normalize():f}") for one in found]
