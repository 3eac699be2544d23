"""What an index costs per kilowatt-hour over a span: read from its series, averaged, scaled, bounded."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

from core.quantities import EXACT, ROUNDING, round_half_even
from marketplace.tariffs.clock import periods
from marketplace.tariffs.components import IndexTerm
from marketplace.tariffs.refusals import PriceUnknown, SeriesMismatch, TariffInvalid
from marketplace.tariffs.series import Basis, Column, PriceSeries, SeriesUnit, resolve, to_moment, to_seconds

MEAN_PLACES = 12
"""Places of a mean, which is the one figure here that division may leave without end."""


def price_index(
    *,
    term: IndexTerm,
    component: str,
    currency: str,
    zone: ZoneInfo,
    series: Mapping[str, PriceSeries],
    span: tuple[int, int],
) -> Column:
    """
    Return the term's price per kWh over `span`, with the basis on which each is known.

    :raises PriceUnknown: where neither series nor forecast nor rule says anything
    :raises SeriesMismatch: if the series is in another currency than the tariff
    :raises TariffInvalid: if the series is no price, or its forecast is per another unit
    """
    unit = _unit_of(term, component, currency, series)
    factor = Decimal("0.001") if unit is SeriesUnit.MWH else Decimal(1)
    forecast = term.forecast
    if forecast and forecast.value is not None:
        forecast = replace(forecast, value=forecast.value / factor)
    lag = term.lag_minutes * 60

    def read(start: int, end: int) -> Column:
        asked = (start - lag, end - lag)
        found = resolve(name=term.series, forecast=forecast, series=series, span=asked, component=component)
        return found.shift(lag)

    edges = periods(zone, span, term.averaging, term.lag_periods) if term.averaging else list(span)
    try:
        column = read(edges[0], edges[-1 - term.lag_periods])
    except PriceUnknown as unknown:
        missed = to_seconds(unknown.time) + lag
        if term.averaging:
            missed = edges[bisect_right(edges, missed) - 1 + term.lag_periods]
        raise PriceUnknown(
            component=component,
            series=term.series,
            time=to_moment(max(missed, span[0])),
            missing=unknown.time,
        ) from None
    if term.averaging:
        column = _average(column, edges, term.lag_periods, span)
    return Column(column.edges, _scale(term, factor, column.values), column.bases)


def _unit_of(term: IndexTerm, component: str, currency: str, series: Mapping[str, PriceSeries]) -> SeriesUnit:
    names = (term.series, term.forecast.series if term.forecast else "")
    found = [series[name] for name in names if name in series]
    for one in found:
        if one.unit is SeriesUnit.KW:
            raise TariffInvalid(f"component {component}: {one.name} is a volume, no price", field="series")
        if one.currency != currency:
            raise SeriesMismatch(
                f"component {component}: {one.name} is in {one.currency}, not {currency}", field="series"
            )
        if one.unit is not found[0].unit:
            raise TariffInvalid(f"component {component}: series and forecast differ in unit", field="series")
    return found[0].unit if found else SeriesUnit.KWH


def _scale(term: IndexTerm, factor: Decimal, values: list[Decimal | None]) -> list[Decimal | None]:
    with localcontext(EXACT):
        a, b, low, high = term.a * factor, term.b, term.floor, term.cap
        prices = [a * value for value in values if value is not None]
        if b:
            prices = [price + b for price in prices]
        # Comparisons in place of max() and min(): calling those for each of 35,040 takes twice as long.
        if low is not None:
            prices = [low if price < low else price for price in prices]  # noqa: FURB136
        if high is not None:
            prices = [high if price > high else price for price in prices]  # noqa: FURB136
        return [*prices]


def _average(column: Column, edges: list[int], back: int, span: tuple[int, int]) -> Column:
    """Return time-weighted means of the periods between `edges`, each put `back` periods later."""
    means: list[Decimal | None] = []
    bases = []
    for number in range(len(edges) - 1 - back):
        mean, basis = _mean(column, edges[number], edges[number + 1])
        means.append(mean)
        bases.append(basis)
    moved = Column(edges[back:], means, bases)
    return _clip(moved, span)


def _mean(column: Column, start: int, end: int) -> tuple[Decimal, Basis]:
    at = bisect_right(column.edges, start) - 1
    total, worst = Decimal(0), column.bases[at]
    with localcontext(EXACT):
        while at < len(column.values) and column.edges[at] < end:
            if (value := column.values[at]) is not None:
                total += value * (min(end, column.edges[at + 1]) - max(start, column.edges[at]))
            worst = max(worst, column.bases[at])
            at += 1
    return round_half_even(ROUNDING.divide(total, Decimal(end - start)), MEAN_PLACES), worst


def _clip(column: Column, span: tuple[int, int]) -> Column:
    first = bisect_right(column.edges, span[0]) - 1
    last = bisect_right(column.edges, span[1] - 1)
    edges = [span[0], *column.edges[first + 1 : last], span[1]]
    return Column(edges, column.values[first:last], column.bases[first:last])
