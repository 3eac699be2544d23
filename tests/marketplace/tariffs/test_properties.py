"""What holds for every tariff, zone and span: tried on tariffs drawn by chance, against a plain reckoning."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.tariffs.calendars import DayKind, DayType, GivenCalendar, Season
from marketplace.tariffs.components import Indexed, IndexTerm, Kind, Percentage, Rate
from marketplace.tariffs.documents import content_hash, parse_tariff, write_tariff
from marketplace.tariffs.pricing import Segments, segments
from marketplace.tariffs.series import Forecast, PriceSeries
from marketplace.tariffs.tariff import PowerSite, Tariff
from marketplace.tariffs.windows import DAY_MINUTES, Schedule, Window

# Whole hours, half hours, quarters; clocks that change by half an hour, twice a month, or never.
ZONES = (
    *("UTC", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "America/New_York"),
    *("Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "America/Havana", "Pacific/Auckland"),
)
YEAR = 2026
HOLIDAYS = {date(YEAR, 1, 1): "new-year", date(YEAR, 10, 1): "national-day", date(YEAR, 5, 1): "labour-day"}
CALENDAR = GivenCalendar(
    "some", frozenset([YEAR]), HOLIDAYS, frozenset([date(YEAR, 10, 10), date(YEAR, 1, 4)])
)
SITE = PowerSite(name="hall", currency="EUR", calendar=CALENDAR)

figures = st.decimals(min_value=Decimal("0.001"), max_value=2, places=3)
minutes = st.integers(min_value=1, max_value=DAY_MINUTES - 1)


@st.composite
def schedules(draw: st.DrawFn, seasons: tuple[str, ...], day_types: tuple[str, ...]) -> Schedule:
    """Windows that cover each day, the last of which wraps midnight."""
    windows = []
    for season in seasons or (None,):
        for day_type in day_types or (None,):
            cuts = sorted(draw(st.sets(minutes, min_size=2, max_size=4)))
            spans = [*pairwise(cuts), (cuts[-1], cuts[0])]
            windows += [
                Window(start, end, draw(figures), season=season, day_type=day_type) for start, end in spans
            ]
    return Schedule(tuple(windows))


@st.composite
def tariffs(draw: st.DrawFn, *, indexed: bool = False) -> Tariff:
    """Seasons that wrap New Year, holidays, make-up workdays, multipliers, and some components that float."""
    turn, back = sorted(
        draw(st.sets(st.sampled_from(["02-29", "03-20", "06-30", "10-04"]), min_size=2, max_size=2))
    )
    after = {"02-29": "03-01", "03-20": "03-21", "06-30": "07-01", "10-04": "10-05"}
    seasons = draw(
        st.sampled_from([(), (Season("wet", ((after[turn], back),)), Season("dry", ((after[back], turn),)))])
    )
    day_types = draw(
        st.sampled_from(
            [
                (),
                (
                    DayType("work", frozenset(range(5)), makeup_workdays=True),
                    DayType("rest", frozenset([5, 6]), holidays=("*",)),
                ),
                (DayType("all", frozenset(range(7))), DayType("feast", frozenset(), ("national-day",))),
            ]
        )
    )
    names = tuple(one.name for one in seasons), tuple(one.name for one in day_types)
    floats = [draw(st.booleans()) for _ in range(3)]
    multipliers = draw(schedules(*names)) if any(floats) else None
    energy = (
        Indexed(
            name="energy",
            kind=Kind.INDEX_ENERGY,
            floats=floats[0],
            term=IndexTerm(series="DA", b=Decimal("0.01"), forecast=Forecast(hours_back=168)),
        )
        if indexed
        else Rate(name="energy", kind=Kind.TOU_ENERGY, floats=floats[0], windows=draw(schedules(*names)))
    )
    return Tariff(
        name="drawn",
        version=1,
        currency="EUR",
        zone=draw(st.sampled_from(ZONES)),
        valid_from=date(2020, 1, 1),
        seasons=seasons,
        day_types=day_types,
        calendar="some" if any(one.needs_calendar for one in day_types) else "",
        multipliers=multipliers,
        components=(
            energy,
            Rate(name="network", kind=Kind.TRANSPORT, floats=floats[1], price=draw(figures)),
            Percentage(
                name="losses",
                kind=Kind.LOSS_PCT,
                floats=floats[2],
                percent=Decimal("2.5"),
                of=("energy", "network"),
            ),
            Percentage(
                name="tax", kind=Kind.TAX_PCT, percent=Decimal(19), of=("energy", "network", "losses")
            ),
        ),
    )


moments = st.integers(min_value=0, max_value=364 * 24 * 60 - 1).map(
    lambda minute: datetime(YEAR, 1, 1, 14, tzinfo=UTC) + timedelta(minutes=minute)
)
spans = st.tuples(moments, st.integers(min_value=1, max_value=14 * 24 * 60)).map(
    lambda drawn: (drawn[0], drawn[0] + timedelta(minutes=drawn[1]))
)


@cache
def day_ahead(minutes: int, *values: Decimal) -> PriceSeries:
    """A fortnight's values again and again, from the year before to the year after."""
    count = 26 * 14 * 24 * 60 // minutes + 40 * 24 * 60 // minutes
    repeated = (values * (count // len(values) + 1))[:count]
    start = datetime(YEAR - 1, 12, 20, tzinfo=UTC)
    return PriceSeries.regular(name="DA", start=start, step_minutes=minutes, values=repeated, currency="EUR")


def price(
    tariff: Tariff, start: datetime, end: datetime, series: Mapping[str, PriceSeries] | None = None
) -> Segments:
    return segments(tariff=tariff, site=SITE, start=start, end=end, series=series or {})


def find_window(tariff: Tariff, schedule: Schedule, moment: datetime) -> Window:
    """The window of a moment, found by asking each one; none or two would be an error."""
    local = moment.astimezone(ZoneInfo(tariff.zone))
    mark = CALENDAR.day(local.date())
    kind, name = (mark.kind, mark.holiday) if mark else (DayKind.PLAIN, "")
    day_type = next((one.name for one in tariff.day_types if local.weekday() in one.weekdays), None)
    for one in tariff.day_types:
        if kind is DayKind.HOLIDAY and (name in one.holidays or "*" in one.holidays):
            day_type = one.name
        if kind is DayKind.MAKEUP_WORKDAY and one.makeup_workdays:
            day_type = one.name
    when = local.strftime("%m-%d")
    season = None
    for part in tariff.seasons:
        for first, last in part.ranges:
            if first <= when <= last if first <= last else when >= first or when <= last:
                season = part.name
    minute = local.hour * 60 + local.minute
    (found,) = [
        window
        for window in schedule.windows
        if window.season in (None, season)
        and window.day_type in (None, day_type)
        and (
            window.start <= minute < window.end
            if window.start < window.end
            else minute >= window.start or minute < window.end
        )
    ]
    return found


def reckon(tariff: Tariff, moment: datetime, index: Decimal = Decimal(0)) -> dict[str, Decimal]:
    """What each component costs at a moment, as the documentation says it."""
    energy, network, losses, tax = tariff.components
    multiplier = find_window(tariff, tariff.multipliers, moment).value if tariff.multipliers else Decimal(1)
    assert isinstance(losses, Percentage)
    assert isinstance(tax, Percentage)
    assert isinstance(network, Rate)
    assert network.price is not None
    if isinstance(energy, Rate):
        assert energy.windows is not None
        plain = {"energy": find_window(tariff, energy.windows, moment).value}
    else:
        plain = {"energy": index / 1000 + Decimal("0.01")}
    plain["network"] = network.price
    charged = {
        "energy": plain["energy"] * (multiplier if energy.floats else 1),
        "network": plain["network"] * (multiplier if network.floats else 1),
    }
    charged["losses"] = sum((charged if losses.floats else plain).values(), Decimal(0)) * losses.percent / 100
    charged["tax"] = sum(charged.values(), Decimal(0)) * tax.percent / 100
    return charged


@given(tariff=tariffs(), span=spans, chance=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_price_is_what_the_windows_of_that_moment_say(
    tariff: Tariff, span: tuple[datetime, datetime], chance: object
) -> None:
    start, end = span
    found = price(tariff, start, end)

    seconds = int((end - start).total_seconds())
    for number in range(0, seconds, max(60, seconds // 40 // 60 * 60)):
        moment = start + timedelta(seconds=number)
        segment = found.at(moment)
        assert segment.components == reckon(tariff, moment)
        assert segment.price == sum(segment.components.values())


@given(tariff=tariffs(indexed=True), span=spans, step=st.sampled_from([5, 15, 30, 60]))
@settings(max_examples=40, deadline=None)
def test_segments_have_no_gap_and_no_overlap(
    tariff: Tariff, span: tuple[datetime, datetime], step: int
) -> None:
    series = {"DA": day_ahead(step, Decimal(-12), Decimal("80.5"), Decimal(40))}

    found = list(price(tariff, *span, series))

    assert found[0].start == span[0]
    assert found[-1].end == span[1]
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(one.start < one.end for one in found)


@given(tariff=tariffs(indexed=True), span=spans, share=st.floats(0.05, 0.95), step=st.sampled_from([15, 60]))
@settings(max_examples=50, deadline=None)
def test_parts_of_a_span_sum_to_the_whole(
    tariff: Tariff, span: tuple[datetime, datetime], share: float, step: int
) -> None:
    start, end = span
    middle = start + timedelta(seconds=max(1, int((end - start).total_seconds() * share)))
    series = {"DA": day_ahead(step, Decimal("-3.25"), Decimal(91), Decimal("17.01"))}

    whole, first, second = (
        price(tariff, *pair, series) for pair in ((start, end), (start, middle), (middle, end))
    )

    assert whole.price_seconds == first.price_seconds + second.price_seconds
    assert sum(whole.component_seconds().values()) == whole.price_seconds


@given(tariff=tariffs(), factor=figures)
@settings(max_examples=40, deadline=None)
def test_multipliers_touch_only_what_floats(tariff: Tariff, factor: Decimal) -> None:
    start, end = datetime(YEAR, 3, 1, tzinfo=UTC), datetime(YEAR, 3, 8, tzinfo=UTC)
    if tariff.multipliers is None:
        return
    other = Schedule(
        tuple(Window(w.start, w.end, factor, w.season, w.day_type) for w in tariff.multipliers.windows)
    )
    changed = Tariff(**{name: getattr(tariff, name) for name in Tariff.__slots__} | {"multipliers": other})

    before, after = price(tariff, start, end), price(changed, start, end)

    still = [part.name for part in tariff.components if not part.floats and part.kind is not Kind.TAX_PCT]
    for number in range(0, 7 * 24 * 3600, 1800):
        moment = start + timedelta(seconds=number)
        one, two = before.at(moment).components, after.at(moment).components
        assert [one[name] for name in still] == [two[name] for name in still]


@given(
    tariff=tariffs(indexed=True), values=st.lists(st.decimals(-500, 900, places=2), min_size=4, max_size=24)
)
@settings(max_examples=25, deadline=None)
def test_known_prices_pass_and_the_unknown_future_is_marked(tariff: Tariff, values: list[Decimal]) -> None:
    start = datetime(YEAR, 6, 1, tzinfo=UTC)
    known = PriceSeries.regular(
        name="DA",
        start=start - timedelta(days=7),
        step_minutes=60,
        values=(values * 200)[: 8 * 24],
        currency="EUR",
    )

    found = list(price(tariff, start, start + timedelta(days=4), {"DA": known}))

    for segment in found:
        hours = int((segment.start - start).total_seconds()) // 3600
        assert segment.forecast is (hours >= 24)
        source = hours if hours < 24 else hours - 168
        index = known.blocks[0].values[7 * 24 + source]
        assert index is not None
        assert segment.components == reckon(tariff, segment.start, index)


@given(
    tariff=tariffs(indexed=True), values=st.lists(st.decimals(-500, 900, places=2), min_size=96, max_size=96)
)
@settings(max_examples=40, deadline=None)
def test_quarter_hours_average_to_the_hourly_index(tariff: Tariff, values: list[Decimal]) -> None:
    energy = tariff.components[0]
    assert isinstance(energy, Indexed)
    tariff = Tariff(**{name: getattr(tariff, name) for name in Tariff.__slots__} | {"zone": "Europe/Berlin"})
    averaged = documented(tariff, {"averaging": "60"})
    start = datetime(YEAR, 6, 1, tzinfo=UTC)
    means = [sum(values[n : n + 4], Decimal(0)) / 4 for n in range(0, 96, 4)]
    quarters, hours = (
        PriceSeries.regular(name="DA", start=start, step_minutes=step, values=rows, currency="EUR")
        for step, rows in ((15, values), (60, means))
    )

    by_quarter = price(averaged, start, start + timedelta(days=1), {"DA": quarters})
    by_hour = price(tariff, start, start + timedelta(days=1), {"DA": hours})

    assert by_quarter.price_seconds == by_hour.price_seconds
    assert by_quarter.prices == by_hour.prices


def documented(tariff: Tariff, term: dict[str, str]) -> Tariff:
    """The tariff with more said of its index."""
    document = write_tariff(tariff)
    document["components"][0]["term"].update(term)
    return parse_tariff(document)


@given(tariff=tariffs(indexed=True))
@settings(max_examples=40, deadline=None)
def test_a_hash_outlives_writing_and_reading(tariff: Tariff) -> None:
    again = parse_tariff(write_tariff(tariff))

    assert content_hash(tariff=again) == content_hash(tariff=tariff)
