"""What electricity costs at a site: its tariff in versions, and what that makes of the hours ahead."""

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.audit import Actor
from billing.fx.central_bank import Rate, RateUnknown, find_rate
from core import ids
from core.errors import DomainError, Invalid
from core.quantities import ROUNDING, round_half_even
from marketplace import series as series_shelf
from marketplace.demand_events import list_effective
from marketplace.energy.inputs import Hall
from marketplace.feeds.points import Span
from marketplace.models import Series, Site, SiteTariff
from marketplace.outlooks import Outlook, Stretch, Version, add_grams, find_reach, list_series, look_ahead
from marketplace.site_energy import find_energy
from marketplace.tariffs.adders import levelised_adders
from marketplace.tariffs.codec import inside
from marketplace.tariffs.components import Component
from marketplace.tariffs.documents import content_hash, parse_calendar, parse_tariff, write_tariff
from marketplace.tariffs.monthly import Credit, MinimumBill
from marketplace.tariffs.refusals import FigureMissing, TariffInvalid
from marketplace.tariffs.series import PriceSeries
from marketplace.tariffs.tariff import MONTHLY, PowerSite, Tariff

HOLD = timedelta(days=1)
HOLD_MAX = timedelta(days=7)
NUMBERS = ("load_kw", "kwh_month", "contract_kw", "capacity_kva", "power_factor")
MINUTE, SECOND, DAY = timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)

# What tariffs follow; carbon is no part of them.
FOLLOWED = (Series.Kind.PRICE, Series.Kind.VOLUME)

type Wanted = tuple[str, Span]


class TariffUnverified(DomainError):
    """Prices would be made of figures that nobody has confirmed."""

    code = "tariff_unverified"
    message = "This tariff is not verified. Confirm that it is what the site pays, or change it until it is."


class TariffRaced(DomainError):
    """Somebody else set a tariff of this site at the same moment."""

    code = "tariff_changed_meanwhile"


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What a provider says of a site's electricity: the tariff's document, and the figures of the site it needs.

    `figures` has decimal strings under `load_kw`, `kwh_month`, `contract_kw`, `capacity_kva` and
    `power_factor`, and a calendar's document under `calendar`. `hold` is how long the last known price may be
    asked; `quotes_forecasts`: the provider takes the risk of prices that are only forecast; `confirmed`: an
    unverified tariff is what the site pays, on the provider's word.
    """

    document: Mapping[str, Any]
    figures: Mapping[str, Any] = field(default_factory=dict)
    hold: timedelta = HOLD
    quotes_forecasts: bool = False
    confirmed: bool = False


def set_tariff(*, site: Site, terms: Terms, actor: Actor, now: datetime) -> SiteTariff:
    """
    Write the next version of a site's tariff. Price cards ahead follow within a minute.

    :raises marketplace.tariffs.refusals.TariffInvalid: naming the field that cannot be meant
    :raises marketplace.tariffs.refusals.FigureMissing: if a component needs a figure that is not given
    :raises TariffUnverified: if nobody stands for it
    :raises TariffRaced: if another version was written at the same moment
    """
    tariff = parse_tariff(terms.document)
    _find_rate(site, tariff, now)
    if not timedelta(0) <= terms.hold <= HOLD_MAX or terms.hold % MINUTE:
        raise Invalid(f"A price holds for whole minutes, at most {HOLD_MAX.days} days.", field="hold_minutes")
    power_site = _read_figures(site, terms.figures, tariff.currency)
    if tariff.calendar and (power_site.calendar is None or power_site.calendar.name != tariff.calendar):
        raise TariffInvalid(f"the tariff needs the calendar {tariff.calendar}", field="figures.calendar")
    if not (tariff.verified or terms.confirmed):
        raise TariffUnverified
    _try_out(site, tariff, power_site, now)
    latest = SiteTariff.objects.filter(site=site).order_by("-number").first()
    try:
        with transaction.atomic():
            made = SiteTariff.objects.create(
                uid=ids.make_uid(),
                site=site,
                number=latest.number + 1 if latest else 1,
                document=write_tariff(tariff),
                content_hash=content_hash(tariff=tariff),
                figures=dict(terms.figures),
                hold_minutes=terms.hold // MINUTE,
                quotes_forecasts=terms.quotes_forecasts,
                created_at=now,
            )
            audit.record_event(
                actor=actor,
                action="site.set_tariff",
                subject_kind="site_tariff",
                subject_uid=made.uid,
                organization=site.organization,
                now=now,
                details={"site": str(site.uid), "number": made.number, "content_hash": made.content_hash},
            )
    except IntegrityError as error:
        raise TariffRaced from error
    return made


def list_versions(tariffs: Collection[SiteTariff], *, at: datetime) -> list[Version]:
    """
    The versions of one site as the tariff engine takes them, at a moment.

    :raises marketplace.tariffs.refusals.FigureMissing: if what a month costs cannot be spread over its kWh
    """
    versions = [read_version(one, at=at) for one in tariffs]
    return [
        replace(version, adders=_find_adders(one.site, version, at))
        for version, one in zip(versions, tariffs, strict=True)
    ]


def read_version(one: SiteTariff, *, at: datetime) -> Version:
    """A version as the tariff engine takes it, at a moment's rate of exchange, without what a month costs."""
    tariff = parse_tariff(one.document)
    return Version(
        number=one.number,
        source=f"tariff:{one.uid}",
        content_hash=one.content_hash,
        tariff=tariff,
        site=_read_figures(one.site, one.figures, tariff.currency),
        quotes_forecasts=one.quotes_forecasts,
        rate=_find_rate(one.site, tariff, at),
    )


def _find_adders(site: Site, version: Version, at: datetime) -> dict[str, Decimal]:
    """What each component that a month costs adds to a kilowatt-hour."""
    parts = version.tariff.components
    monthly = [part for part in parts if part.kind in MONTHLY or _is_paid_monthly(part)]
    if not monthly:
        return {}
    energy, power_site = find_energy(site=site), version.site
    if energy.load_factor is None:
        raise FigureMissing("it needs load_factor of the site's energy", component=monthly[0].name)
    if not power_site.load_kw:
        raise FigureMissing("it needs it_kw of the site's energy", component=monthly[0].name)
    others = {name for part in monthly if isinstance(part, MinimumBill) for name in part.of}
    others -= {part.name for part in monthly}
    adders = levelised_adders(
        tariff=version.tariff,
        site=power_site,
        load_factor=energy.load_factor,
        mean=_find_means(version, at) if others else None,
    )
    return {name: version.convert(adder) for name, adder in adders.items()}


def _find_rate(site: Site, tariff: Tariff, at: datetime) -> Rate | None:
    """What the tariff's currency is worth in the site's."""
    if tariff.currency == site.currency:
        return None
    try:
        return find_rate(base=tariff.currency, quote=site.currency, day=at.astimezone(UTC).date())
    except RateUnknown as unknown:
        raise TariffInvalid(
            f"offers at this site are priced in {site.currency}. {unknown.message}", field="currency"
        ) from unknown


def _find_means(version: Version, at: datetime) -> dict[str, Decimal]:
    """
    The mean price of each component over the day (in UTC) before a moment, or from then on if it has none.

    Yesterday is over: what a least bill adds to a price stays the same from midnight to midnight.
    """
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    stretches: Sequence[Stretch] = ()
    for start in (midnight - DAY, midnight):
        prices = load_series(versions=[version], start=start, end=start + DAY)
        stretches = look_ahead(versions=[version], series=prices, start=start, end=start + DAY).stretches
        if stretches:
            break
    seconds = sum(((one.end - one.start) // SECOND for one in stretches), 0)
    means: dict[str, Decimal] = {}
    with localcontext(ROUNDING):
        for one in stretches:
            share = Decimal((one.end - one.start) // SECOND) / seconds
            for name, price in one.segment.components.items():
                means[name] = means.get(name, Decimal(0)) + price * share
    return means


def _is_paid_monthly(part: Component) -> bool:
    return isinstance(part, Credit) and part.amount is not None


def look_at(
    *, site: Site, start: datetime, end: datetime, tariffs: Collection[SiteTariff] | None = None
) -> Outlook:
    """
    What a kilowatt-hour costs at a site from `start` to `end`, as far as it may be quoted.

    :param tariffs: its versions, some of which may be only imagined; without, those that are kept
    :raises marketplace.tariffs.refusals.FigureMissing: if what a month costs cannot be spread over its kWh
    """
    if tariffs is None:
        tariffs = SiteTariff.objects.filter(site=site).select_related("site__energy").order_by("number")
    versions = list_versions(tariffs, at=start)
    prices = load_series(versions=versions, start=start, end=end)
    events = list_effective(site=site, start=start, end=end)
    outlook = look_ahead(versions=versions, series=prices, start=start, end=end, events=events)
    return with_carbon(site=site, outlook=outlook)


def with_carbon(*, site: Site, outlook: Outlook) -> Outlook:
    """The outlook with the grid's carbon, where the site follows a series of it and something is known."""
    slug = find_energy(site=site).carbon_series.lower()
    series = Series.objects.filter(slug=slug, kind=Series.Kind.CARBON).first() if slug else None
    if series is None or not outlook.stretches:
        return outlook
    step = timedelta(minutes=series.resolution)
    span = Span(outlook.stretches[0].start - step, outlook.stretches[-1].end)
    known = series_shelf.read_points(series=series, span=span)
    return add_grams(
        outlook=outlook,
        known=[(start, grams) for start, grams, _ in known],
        step=step,
        source=f"series:{series.slug}",
    )


def load_series(
    *,
    versions: Sequence[Version],
    start: datetime,
    end: datetime,
    read: MutableMapping[Wanted, PriceSeries] | None = None,
) -> Mapping[str, PriceSeries]:
    """
    The prices and volumes that versions follow, as far as they are known and needed for a span; DE-LU is
    de-lu.

    :param read: what was read for other sites, which is not read again; gets what is read now
    """
    read = {} if read is None else read
    names = list_series(versions)
    # By the day, so that sites of one zone need the same.
    first = (start - find_reach(versions)).replace(hour=0, minute=0, second=0, microsecond=0)
    span = Span(first, end)
    missing = [name.lower() for name in names if (name.lower(), span) not in read]
    for one in Series.objects.filter(slug__in=missing, kind__in=FOLLOWED) if missing else ():
        read[one.slug, span] = series_shelf.read_prices(series=one, span=span)
    return {name: read[name.lower(), span] for name in names if (name.lower(), span) in read}


def _read_figures(site: Site, figures: Mapping[str, Any], currency: str) -> PowerSite:
    with inside("figures"):
        unknown = figures.keys() - {*NUMBERS, "calendar"}
        if unknown:
            raise TariffInvalid("is not known here", field=min(unknown)[:64])
        given: dict[str, Any] = {
            name: _read_number(name, figures[name]) for name in NUMBERS if name in figures
        }
        if "calendar" in figures:
            with inside("calendar"):
                given["calendar"] = parse_calendar(figures["calendar"])
        if "load_kw" not in given and (load_kw := _find_load(site)) is not None:
            given["load_kw"] = load_kw
        return PowerSite(name=str(site.uid), currency=currency, **given)


def _find_load(site: Site) -> Decimal | None:
    """The hall's mean load at the meter, kW, where the site's energy says it."""
    energy = find_energy(site=site)
    if energy.it_kw is None or energy.load_factor is None:
        return None
    factor = Hall(pue=site.pue, source="", line_loss=energy.line_loss).factor
    mean = ROUNDING.multiply(ROUNDING.multiply(energy.it_kw, energy.load_factor), factor)
    return round_half_even(mean, 3)


def _read_number(name: str, text: object) -> Decimal:
    try:
        return Decimal(text if isinstance(text, str) else "")
    except ArithmeticError:
        raise TariffInvalid("expected a decimal number as a string", field=name) from None


def _try_out(site: Site, tariff: Tariff, power_site: PowerSite, now: datetime) -> None:
    """Price an hour, so that what is missing is said to whoever can give it."""
    begin, _ = tariff.in_force()
    start = max(now, begin).replace(microsecond=0)
    version = Version(1, "tried", "", tariff, power_site, quotes_forecasts=True)
    prices = load_series(versions=[version], start=start, end=start + timedelta(hours=1))
    look_ahead(versions=[version], series=prices, start=start, end=start + timedelta(hours=1))
