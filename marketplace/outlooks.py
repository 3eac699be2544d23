"""
What a kilowatt-hour will cost at a site, as far as anybody knows. Pure; imports no Django.

A site's tariff comes in versions; of those in force at a moment the newest counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, reduce
from typing import Any

from billing.fx.central_bank import Rate
from core.money import PRICE_PLACES
from core.quantities import EXACT, ROUNDING, format_plain, round_half_even
from marketplace.tariffs.components import Averaging, Indexed
from marketplace.tariffs.pricing import Segment, segments
from marketplace.tariffs.refusals import PriceUnknown
from marketplace.tariffs.series import PriceSeries
from marketplace.tariffs.supplies import DrEvent, Ppa
from marketplace.tariffs.tariff import PowerSite, Tariff

# A day of 25 hours and a month of 31 days, begun anywhere.
AVERAGED = {Averaging.DAY: timedelta(days=2), Averaging.MONTH: timedelta(days=62)}


@dataclass(frozen=True, slots=True)
class Version:
    """
    A version of a site's tariff; `source` names it in breakdowns. `adders` has, by component, what a month
    costs whatever is used, as a price per kWh at the site's mean load, in the site's currency; `rate` turns
    the tariff's currency into that, where they differ.
    """

    number: int
    source: str
    content_hash: str
    tariff: Tariff
    site: PowerSite
    quotes_forecasts: bool = False
    adders: Mapping[str, Decimal] = field(default_factory=dict)
    rate: Rate | None = None

    def convert(self, per_kwh: Decimal) -> Decimal:
        """A price of the tariff in the site's currency, 18 places."""
        if self.rate is None:
            return per_kwh
        return round_half_even(ROUNDING.multiply(per_kwh, self.rate.rate), PRICE_PLACES)


@dataclass(frozen=True, slots=True)
class Grams:
    """Grams CO2e per kWh of the grid at some time, and where the figure comes from."""

    per_kwh: Decimal
    source: str


@dataclass(frozen=True)
class Stretch:
    """
    One price per kWh from `start` to `end`, by a version; `segment` is the first that it is made of, `grams`
    the grid's carbon then, if it is known better than by the site's own figure. `surplus`: the next kWh is
    taken from a lot of surplus power; `estimated`: the price rests on what its source calls an estimate.
    """

    start: datetime
    end: datetime
    price: Decimal
    forecast: bool
    version: Version
    segment: Segment
    grams: Grams | None = None
    surplus: bool = False
    estimated: bool = False

    @property
    def is_final(self) -> bool:
        """Whether nobody expects to correct the price."""
        return not (self.forecast or self.estimated)

    @cached_property
    def prices(self) -> dict[str, Decimal]:
        """The price of each component per kWh, in the site's currency; they sum to `price`."""
        return {name: self.version.convert(price) for name, price in self.segment.components.items()}

    @cached_property
    def components(self) -> dict[str, str]:
        """The same as decimal strings."""
        return {name: format_plain(price) for name, price in self.prices.items()}

    @cached_property
    def described(self) -> dict[str, Any]:
        """Where the price comes from, as JSON."""
        reasons = self.segment.provenance.reasons
        return {
            "tariff": self.version.source,
            "content_hash": self.version.content_hash,
            "verified": self.version.tariff.verified,
            "price_per_kwh": format_plain(self.price),
            "forecast": self.forecast,
            **({"estimated": True} if self.estimated else {}),
            "components": self.components,
            "adders": {name: format_plain(price) for name, price in self.version.adders.items()},
            "gco2e_per_kwh": format_plain(self.grams.per_kwh) if self.grams else None,
            "exchange_rate": self.version.rate.describe() if self.version.rate else None,
            "reasons": {name: {"basis": why.basis.name, "text": why.text} for name, why in reasons.items()},
        }


@dataclass(frozen=True, slots=True)
class Outlook:
    """
    Prices without a gap from the start that was asked for, as far as they may be quoted.

    `problem` says why they end before the end that was asked for, in words for the provider.
    """

    stretches: tuple[Stretch, ...]
    problem: str = ""

    @property
    def known_until(self) -> datetime | None:
        """When what may be quoted ends; None if nothing may be."""
        return self.stretches[-1].end if self.stretches else None


def look_ahead(
    *,
    versions: Iterable[Version],
    series: Mapping[str, PriceSeries],
    start: datetime,
    end: datetime,
    events: Sequence[DrEvent] = (),
) -> Outlook:
    """
    Price a site's kilowatt-hour from `start` to `end`, or to where the first price is missing.

    Prices change at whole seconds: the first stretch begins with the second of `start`.

    :param events: what the site is asked to do meanwhile
    :raises marketplace.tariffs.refusals.FigureMissing: if a component needs a figure that the site has not
    """
    found: list[Stretch] = []
    at = start = start.replace(microsecond=0)
    for version, until in _find_terms(tuple(versions), start, end):
        if version is None:
            return Outlook(tuple(found), f"No version of the tariff is in force at {at.isoformat()}.")
        priced, problem = _price(version, series, events, at, until)
        for stretch in priced:
            _append(found, stretch)
        if problem:
            return Outlook(tuple(found), problem)
        at = until
    return Outlook(tuple(found))


def add_grams(
    *, outlook: Outlook, known: Iterable[tuple[datetime, Decimal]], step: timedelta, source: str
) -> Outlook:
    """
    Cut an outlook where the grid's carbon changes; where nothing is known of it nothing is said.

    :param known: start and grams CO2e per kWh of steps as long as `step`, in the order of time
    """
    spans = [(start, start + step, Grams(grams, source)) for start, grams in known]
    cut: list[Stretch] = []
    for stretch in outlook.stretches:
        at = stretch.start
        for start, end, grams in spans:
            if end <= at or start >= stretch.end:
                continue
            if at < start:
                cut.append(replace(stretch, start=at, end=start))
            at = min(end, stretch.end)
            cut.append(replace(stretch, start=max(start, stretch.start), end=at, grams=grams))
        if at < stretch.end:
            cut.append(replace(stretch, start=at))
    merged: list[Stretch] = []
    for stretch in cut:
        last = merged[-1] if merged else None
        # Stretches were cut at prices before: only what was cut here can be one again.
        if last is not None and last.segment is stretch.segment and last.grams == stretch.grams:
            merged[-1] = replace(last, end=stretch.end)
        else:
            merged.append(stretch)
    return replace(outlook, stretches=tuple(merged))


def mark_estimated(outlook: Outlook, spans: Sequence[tuple[datetime, datetime]]) -> Outlook:
    """The outlook with those stretches marked that lie in spans of estimates, if only in part."""
    if not spans:
        return outlook
    stretches = tuple(
        replace(one, estimated=any(start < one.end and one.start < end for start, end in spans))
        for one in outlook.stretches
    )
    return replace(outlook, stretches=stretches)


def find_lookback(versions: Iterable[Version]) -> timedelta:
    """How much older than its price a point may be which it follows: lags and averages."""
    back = timedelta(0)
    for part in (part for version in versions for part in version.tariff.components):
        if isinstance(part, Indexed):
            term = part.term
            averaged = timedelta(0)
            if term.averaging or term.lag_periods:
                period = AVERAGED.get(term.averaging or Averaging.HOUR, timedelta(hours=1))
                averaged = period * (1 + term.lag_periods)
            back = max(back, averaged + timedelta(minutes=term.lag_minutes))
    return back


def list_series(versions: Iterable[Version]) -> frozenset[str]:
    """Names of the series that the versions' prices follow."""
    names: set[str] = set()
    for part in (part for version in versions for part in version.tariff.components):
        if isinstance(part, Indexed):
            names |= {part.term.series, part.term.forecast.series if part.term.forecast else ""}
        elif isinstance(part, Ppa):
            names |= {part.volume.series, part.volume.forecast.series if part.volume.forecast else ""}
    return frozenset(names - {""})


def find_reach(versions: Iterable[Version]) -> timedelta:
    """How far back before a moment the series must be known for its price: lags, averages, repeated weeks."""
    reach = timedelta(days=1)
    for part in (part for version in versions for part in version.tariff.components):
        forecast = None
        if isinstance(part, Indexed):
            term = part.term
            forecast = term.forecast
            averaged = AVERAGED.get(term.averaging or Averaging.HOUR, timedelta(hours=1)) * (
                1 + term.lag_periods
            )
            reach = max(reach, averaged + timedelta(minutes=term.lag_minutes))
        elif isinstance(part, Ppa):
            forecast = part.volume.forecast
        if forecast is not None:
            reach = max(reach, timedelta(hours=forecast.hours_back) + timedelta(days=8))
    return reach


def _find_terms(
    versions: Sequence[Version], start: datetime, end: datetime
) -> Iterator[tuple[Version | None, datetime]]:
    """Yield which version counts, and until when, from `start` to `end`."""
    terms = [(version, *version.tariff.in_force()) for version in versions]
    edges = {moment for _, *term in terms for moment in term if moment is not None and start < moment < end}
    at = start
    for edge in [*sorted(edges), end]:
        there = [version for version, begin, stop in terms if begin <= at and (stop is None or at < stop)]
        yield max(there, key=lambda version: version.number, default=None), edge
        at = edge


def _price(
    version: Version,
    series: Mapping[str, PriceSeries],
    events: Sequence[DrEvent],
    start: datetime,
    end: datetime,
) -> tuple[list[Stretch], str]:
    problem = ""
    while start < end:
        try:
            priced = segments(
                tariff=version.tariff, site=version.site, start=start, end=end, series=series, events=events
            )
        except PriceUnknown as unknown:
            # What is known before that moment is worth asking for; each time less is asked.
            problem, end = str(unknown), min(max(unknown.time, start), end)
        else:
            return _list_stretches(version, priced, problem)
    return [], problem


def _list_stretches(version: Version, priced: Iterable[Segment], problem: str) -> tuple[list[Stretch], str]:
    found: list[Stretch] = []
    for segment in priced:
        if segment.forecast and not version.quotes_forecasts:
            return found, f"The price is only forecast from {segment.start.isoformat()} on."
        price = segment.price
        if version.rate is not None:
            # Each component is rounded, and the price is their sum.
            price = reduce(EXACT.add, map(version.convert, segment.components.values()))
        _append(
            found,
            Stretch(
                *(segment.start, segment.end, price, segment.forecast, version, segment),
                surplus=segment.surplus,
            ),
        )
    return found, problem


def _append(found: list[Stretch], stretch: Stretch) -> None:
    last = found[-1] if found else None
    if last is not None and (last.price, last.forecast, last.version, last.surplus) == (
        stretch.price,
        stretch.forecast,
        stretch.version,
        stretch.surplus,
    ):
        found[-1] = replace(last, end=stretch.end)
    else:
        found.append(stretch)
