"""Whether what a kilowatt-hour costs is final, and what it finally cost where a card was sold before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from marketplace.contracts import find_final
from marketplace.demand_events import list_effective
from marketplace.models import PriceCard, SeriesPoint, SiteTariff
from marketplace.outlooks import Outlook, Version, find_lookback, list_series, look_ahead, mark_estimated
from marketplace.site_tariffs import load_series, read_version

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
# Longer ago than any step of a series is.
STEP_MAX = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Final:
    """What a card would have cost from `start` to `end`, had it been known, by kind of unit; 18 places."""

    start: datetime
    end: datetime
    per_kwh: Decimal
    prices: dict[str, Decimal]


def with_estimates(*, versions: Sequence[Version], outlook: Outlook) -> Outlook:
    """The outlook, told where it rests on points that their source calls estimates."""
    if not outlook.stretches or not (names := list_series(versions)):
        return outlook
    back = find_lookback(versions)
    points = SeriesPoint.objects.filter(
        series__slug__in=[name.lower() for name in names],
        estimated=True,
        starts_at__gte=outlook.stretches[0].start - back - STEP_MAX,
        starts_at__lt=outlook.stretches[-1].end,
    )
    spans = [
        (start, start + minutes * MINUTE + back)
        for start, minutes in points.values_list("starts_at", "series__resolution")
    ]
    return mark_estimated(outlook, spans)


def find_finals(*, card: PriceCard, start: datetime, end: datetime) -> list[Final]:
    """
    What a capped card would have cost from `start` to `end`, as far as that is final by now.

    Reckoned with the version of the tariff, the rate of exchange and the description of the machine that the
    card was published with; only what was forecast is replaced.

    :param card: with its basis
    :param end: a second after the last moment, at least
    """
    said = card.explained
    electricity, terms = said["electricity"], said["pass_through"]
    tariff = SiteTariff.objects.select_related("site__energy").get(
        uid=UUID(electricity["tariff"].removeprefix("tariff:"))
    )
    rate = electricity["exchange_rate"]
    at = card.starts_at
    if rate is not None:
        at = datetime.combine(datetime.fromisoformat(rate["day"]), time(12), UTC)
    version = read_version(tariff, at=at)
    first, last = start.replace(microsecond=0), end.replace(microsecond=0)
    series = load_series(versions=[version], start=first, end=last)
    events = list_effective(site=tariff.site, start=first, end=last)
    # Of what is still forecast nothing is said.
    outlook = look_ahead(versions=[version], series=series, start=first, end=last, events=events)
    outlook = with_estimates(versions=[version], outlook=outlook)
    return [
        Final(
            stretch.start,
            stretch.end,
            stretch.price,
            find_final(
                expected=_read(terms["expected"]),
                per_kwh=_read(terms["per_kwh"]),
                quoted=Decimal(electricity["price_per_kwh"]),
                final=stretch.price,
            ),
        )
        for stretch in outlook.stretches
        if stretch.is_final
    ]


def _read(prices: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(price) for name, price in prices.items()}
