"""Electricity exported as computing: what jobs used whose buyers are in another country than the site."""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from decimal import Decimal

from django.db import connection

from billing.statements.periods import Period
from core.quantities import format_plain


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


COLUMNS = tuple(field.name for field in fields(Export))
QUERY = f"SELECT {', '.join(COLUMNS)} FROM exports_v1(%s, %s)"  # noqa: S608 - constants


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
