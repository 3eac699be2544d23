"""How positions and rates went, day by day, as the FX book draws them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext

from django.db.models import Q, Sum

from billing.fx import charts
from billing.fx.charts import Chart, Point
from billing.fx.positions import Exposure
from billing.fx.rates import REPORTING_CURRENCY
from billing.models import FxLeg, FxPosition, FxRate
from core.money import PRICE_PLACES
from core.quantities import ROUNDING

SHOWN = timedelta(days=90)
SHARE_PLACES = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Line:
    """One figure by day, drawn and as the rows of a table, the newest first."""

    title: str
    chart: Chart
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is taken: `share` in hundredths, `width` of 100 to draw."""

    exposure: Exposure
    share: Decimal
    width: Decimal


@dataclass(frozen=True, slots=True)
class History:
    """All that is drawn."""

    positions: tuple[Line, ...]
    usages: tuple[Usage, ...]
    rates: tuple[Line, ...]


def read_history(*, exposures: Sequence[Exposure], now: datetime) -> History:
    """How positions went, what of their limits is taken, and what their currencies were worth."""
    until = now.astimezone(UTC).date()
    since = until - SHOWN
    moves = _read_moves(since)
    positions = []
    for one in exposures:
        bounds = () if one.limit is None else (-one.limit, one.limit)
        moved = moves.get((one.entity, one.currency), [])
        points = follow_back(amount=one.amount, moves=moved, since=since)
        chart = charts.draw(points, since=since, until=until, bounds=_list_bounds(points, bounds))
        positions.append(Line(f"{one.currency}, {one.entity}", chart, tuple(reversed(points))))
    currencies = sorted({one.currency for one in exposures} - {REPORTING_CURRENCY})
    rates = [
        Line(currency, charts.draw(points, since=since, until=until), tuple(reversed(points)))
        for currency, points in _read_rates(currencies, since).items()
    ]
    return History(tuple(positions), tuple(list_usages(exposures)), tuple(rates))


def list_usages(exposures: Iterable[Exposure]) -> Iterable[Usage]:
    """Of positions with a limit, how much of it they take."""
    for one in exposures:
        if one.limit:
            with localcontext(ROUNDING):
                share = (one.amount.copy_abs() * 100 / one.limit).quantize(SHARE_PLACES)
            yield Usage(one, share, min(share, Decimal(100)))


def _list_bounds(points: Sequence[Point], bounds: Sequence[Decimal]) -> list[Decimal]:
    """Limits on the side on which the position ever was; both for one that never was anything."""
    sides = {one.value > 0 for one in points if one.value}
    return [one for one in bounds if not sides or (one >= 0) in sides]


def _read_moves(since: date) -> dict[tuple[str, str], list[Point]]:
    """By entity and currency, what each day after `since` moved the position by."""
    accounts = list(FxPosition.objects.values_list("account_id", flat=True))
    rows = (
        FxLeg.objects.filter(account_id__in=accounts, day__gt=since)
        .values_list("account__entity", "account__currency", "day")
        .annotate(moved=Sum("amount"))
        .order_by("day")
    )
    found: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for entity, currency, day, moved in rows:
        found[entity, currency].append(Point(day, moved))
    return found


def follow_back(*, amount: Decimal, moves: Sequence[Point], since: date) -> list[Point]:
    """The position at the end of each day that moved it, from what it is now; the first is of `since`."""
    held = amount - sum((one.value for one in moves), Decimal(0))
    points = [Point(since, held)]
    for one in moves:
        held += one.value
        points.append(Point(one.day, held))
    return points


def _read_rates(currencies: Sequence[str], since: date) -> dict[str, list[Point]]:
    rows = FxRate.objects.filter(as_of__gte=datetime.combine(since, time.min, UTC))
    wanted = [*currencies, REPORTING_CURRENCY]
    said = rows.filter(Q(currency__in=wanted) | Q(unit__in=wanted)).order_by("as_of", "id")
    return cross_rates(said, currencies=currencies)


def cross_rates(said: Iterable[FxRate], *, currencies: Sequence[str]) -> dict[str, list[Point]]:
    """
    What one of each currency was worth in US dollars, by day; the newest that was said of a day counts.

    :param said: in the order of their moments; crossed only through a unit of which one source told both
    """
    days: dict[tuple[date, str, str], dict[str, Decimal]] = defaultdict(dict)
    for one in said:
        day = one.as_of.astimezone(UTC).date()
        days[day, one.source, one.unit] |= {one.unit: Decimal(1), one.currency: one.rate}
    found: dict[str, dict[date, Decimal]] = {currency: {} for currency in currencies}
    with localcontext(ROUNDING):
        for (day, _, _), worth in days.items():
            for currency in currencies:
                if currency in worth and REPORTING_CURRENCY in worth:
                    found[currency][day] = round(worth[REPORTING_CURRENCY] / worth[currency], PRICE_PLACES)
    return {
        currency: [Point(day, found[currency][day]) for day in sorted(found[currency])]
        for currency in currencies
        if found[currency]
    }
