"""Electricity exported as computing: what jobs used whose buyers are in another country than the site."""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import connection

from core.errors import Invalid
from core.quantities import format_plain


class PeriodInvalid(Invalid):
    """A period that ends before it begins, or whose days cannot be read."""

    code = "invalid_period"


@dataclass(frozen=True, slots=True)
class Export:
    """
    What went from the country of sites (`origin`) to that of buyers (`destination`), paid in one currency.

    `amount` is what buyers were charged. Energy is at the grid's meter; grams of the grid and of what was
    contracted stand apart, and the latter speak of `market_kwh` only.
    """

    destination: str
    origin: str
    currency: str
    charges: int
    amount: Decimal
    kwh: Decimal
    gco2e: Decimal
    market_gco2e: Decimal | None
    market_kwh: Decimal
    heat_kwh: Decimal


@dataclass(frozen=True, slots=True)
class Period:
    """Days of UTC, from `since` to the one before `until`."""

    since: date
    until: date

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise PeriodInvalid("A period ends after it begins.", field="until")


COLUMNS = tuple(field.name for field in fields(Export))
QUERY = f"SELECT {', '.join(COLUMNS)} FROM exports_v1(%s, %s)"  # noqa: S608 - constants


def read_period(*, since: str | None, until: str | None, now: datetime) -> Period:
    """
    The period of two days as texts; without them this month so far, or up to today.

    :raises PeriodInvalid: if one is no day, or they are in the wrong order
    """
    try:
        first = date.fromisoformat(since) if since else now.date().replace(day=1)
        last = date.fromisoformat(until) if until else now.date() + timedelta(days=1)
    except ValueError as error:
        raise PeriodInvalid("Write days as 2026-11-30.") from error
    return Period(first, last)


def list_exports(*, period: Period) -> list[Export]:
    """By destination, origin and currency; the charges of a day count on it, posted or not. No test money."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY, [period.since, period.until])
        return [Export(*row) for row in cursor.fetchall()]


def write_csv(exports: Iterable[Export], *, period: Period) -> str:
    """One line each, with the period in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("since", "until", *COLUMNS))
    for one in exports:
        texts = [format_plain(value) if isinstance(value, Decimal) else value for value in astuple(one)]
        writer.writerow((period.since, period.until, *texts))
    return out.getvalue()
