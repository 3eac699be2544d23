"""What is due is fetched once, what is refused is noted, and operators do it all by one command."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.models import AuditEvent
from core.outgoing import CallFailed
from marketplace import series as histories
from marketplace import series_feeds, tasks
from marketplace.feeds.points import Span
from marketplace.feeds.requests import Request
from marketplace.models import Series, SeriesFeed, SeriesPoint
from marketplace.series import Described
from marketplace.series_feeds import FeedExists, FeedInvalid, Outcome
from tests.databases import Database
from tests.marketplace import answers
from tests.marketplace.answers import DAY, ZONE

NOW = datetime(2026, 3, 29, 0, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Source:
    """A source that gives the same answer each time, or none, and remembers what it was asked."""

    def __init__(self, body: bytes | None = answers.ENERGY_CHARTS) -> None:
        self.body = body
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> bytes:
        self.asked.append(request)
        if self.body is None:
            raise CallFailed
        return self.body


def make_series(slug: str, *, kind: str = "PRICE", resolution: int = 15) -> Series:
    prices = kind == "PRICE"
    return histories.create_series(
        described=Described(
            slug=slug,
            name=slug,
            kind=kind,
            zone="DE",
            resolution=resolution,
            source="somebody",
            licence="CC BY 4.0",
            unit="MWh" if prices else "kWh",
            currency="EUR" if prices else "",
        ),
        actor=SYSTEM,
        now=NOW,
    )


def connect(
    series: Series, adapter: str = "energy-charts", place: str = "DE-LU", every_minutes: int = 30
) -> SeriesFeed:
    return series_feeds.connect_feed(
        series=series, adapter=adapter, place=place, every_minutes=every_minutes, actor=SYSTEM, now=NOW
    )


def fetch_due(source: Source, *, now: datetime = NOW, keys: dict[str, str] | None = None) -> list[Outcome]:
    return series_feeds.fetch_due(clock=lambda: now, keys=keys or {}, seconds_max=5, fetch=source)


@pytest.fixture
def feed(db: Database) -> SeriesFeed:
    """A feed that was never fetched."""
    return connect(make_series("de-lu"))


def test_what_is_due_is_fetched_and_then_is_not_due(feed: SeriesFeed) -> None:
    source = Source()

    first = fetch_due(source)
    early = fetch_due(source, now=NOW + 29 * MINUTE)
    second = fetch_due(source, now=NOW + 30 * MINUTE)

    assert [outcome.written and outcome.written.added for outcome in first] == [3]
    assert early == []
    assert [outcome.written and outcome.written.unchanged for outcome in second] == [3]
    feed.refresh_from_db()
    assert (feed.fetched_at, feed.failures) == (NOW + 30 * MINUTE, 0)


def test_a_new_series_is_asked_for_two_weeks_and_later_for_two_days(feed: SeriesFeed) -> None:
    source = Source()

    fetch_due(source)
    fetch_due(source, now=NOW + 30 * MINUTE)

    assert "start=2026-03-15T00%3A00Z&end=2026-03-31T00%3A07Z" in source.asked[0].url
    assert "start=2026-03-26T23%3A00Z" in source.asked[1].url


def test_nonsense_is_noted_and_asked_for_less_often(feed: SeriesFeed) -> None:
    source = Source(answers.ENERGY_CHARTS.replace(b"85.31", b"9e9"))

    for times in range(7):
        series_feeds.fetch_feed(feed=feed, now=NOW + times * MINUTE, keys={}, fetch=source)
        feed.refresh_from_db()

    assert not SeriesPoint.objects.exists()
    assert (feed.failures, feed.fetched_at) == (7, None)
    assert len(feed.refused) == series_feeds.REFUSALS_KEPT
    assert "2026-03-29T00:13Z" in feed.refused[0]
    assert "is not between" in feed.refused[0]
    feed.tried_at = NOW
    assert not series_feeds.is_due(feed, now=NOW + (8 * 30 - 1) * MINUTE)
    assert series_feeds.is_due(feed, now=NOW + 8 * 30 * MINUTE)


def test_the_last_good_points_stay_while_a_source_is_away(feed: SeriesFeed) -> None:
    fetch_due(Source())

    (outcome,) = fetch_due(Source(None), now=NOW + 30 * MINUTE)

    assert outcome.written is None
    assert SeriesPoint.objects.count() == 3
    feed.refresh_from_db()
    assert (feed.failures, feed.fetched_at) == (1, NOW)


def test_one_feed_that_fails_does_not_stop_the_others(
    feed: SeriesFeed, caplog: pytest.LogCaptureFixture
) -> None:
    connect(make_series("carbon", kind="CARBON", resolution=60), "electricity-maps", "DE")
    connect(make_series("second"))

    def fetch(request: Request) -> bytes:
        if "electricitymaps" in request.url:
            raise ZeroDivisionError
        return answers.ENERGY_CHARTS

    outcomes = series_feeds.fetch_due(
        clock=lambda: NOW, keys={"JOULEPORT_ELECTRICITY_MAPS_TOKEN": "hush"}, seconds_max=5, fetch=fetch
    )

    assert [outcome.slug for outcome in outcomes] == ["de-lu", "second"]
    assert "Unable to fetch the feed of carbon" in caplog.text


def test_a_source_without_its_key_is_not_asked(db: Database) -> None:
    feed = connect(make_series("entsoe"), "entsoe", ZONE)
    source = Source(answers.write_entsoe())

    refused = series_feeds.fetch_feed(feed=feed, now=NOW, keys={}, fetch=source)
    keys = {"JOULEPORT_ENTSOE_TOKEN": "hush"}
    taken = series_feeds.fetch_feed(feed=feed, now=NOW, keys=keys, fetch=source)

    assert refused.refusal == "JOULEPORT_ENTSOE_TOKEN is not set."
    assert taken.written is not None
    assert (taken.written.added, len(source.asked)) == (4, 1)


def test_what_was_an_estimate_is_corrected_later(db: Database) -> None:
    feed = connect(make_series("carbon", kind="CARBON", resolution=60), "electricity-maps", "DE")
    keys = {"JOULEPORT_ELECTRICITY_MAPS_TOKEN": "hush"}
    final = answers.ELECTRICITY_MAPS.replace(b'"isEstimated":true,"est', b'"isEstimated":false,"est')

    series_feeds.fetch_feed(feed=feed, now=NOW, keys=keys, fetch=Source(answers.ELECTRICITY_MAPS))
    outcome = series_feeds.fetch_feed(feed=feed, now=NOW + MINUTE, keys=keys, fetch=Source(final))

    assert outcome.written == histories.Written(0, 1, 1)


@pytest.mark.parametrize(
    ("adapter", "place"),
    [("weather", "DE"), ("electricity-maps", "DE"), ("entsoe", "Germany"), ("octopus", "AGILE")],
)
def test_a_feed_that_cannot_be_is_refused(db: Database, adapter: str, place: str) -> None:
    with pytest.raises(FeedInvalid):
        connect(make_series("de-lu"), adapter, place)


def test_a_series_has_one_feed(feed: SeriesFeed) -> None:
    with pytest.raises(FeedExists):
        connect(feed.series)


def test_the_task_finds_nothing_to_do(db: Database) -> None:
    assert tasks.fetch_feeds() == 0
    tasks.ensure_series_partitions()


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("series", *arguments, stdout=output)
    return output.getvalue()


def add(slug: str, *, unit: str = "EUR/MWh", kind: str = "price", resolution: str = "15") -> str:
    about = ["--source", "somebody", "--licence", "CC BY 4.0", "--zone", "DE-LU"]
    return run("add", slug, "--kind", kind, "--unit", unit, "--resolution", resolution, *about)


def test_a_file_is_imported_and_imported_again(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(answers.OURS, encoding="utf-8")

    said = add("de-lu")
    first = run("import", str(path), "--series", "de-lu", "--unit", "EUR/MWh")
    again = run("import", str(path), "--series", "de-lu", "--unit", "EUR/MWh")

    assert said == "de-lu: believes -5000 to 50000 EUR/MWh.\n"
    assert first == "de-lu: 2 added, 0 corrected, 0 unchanged.\n"
    assert again == "de-lu: 0 added, 0 corrected, 2 unchanged.\n"


@pytest.mark.parametrize(
    ("text", "unit", "reason"),
    [
        (answers.OURS, "EUR/kWh", "the source speaks of EUR/kWh, the series of EUR/MWh"),
        (answers.OURS, "EUR", "is no unit such as EUR/MWh"),
        (answers.OURS.replace("85.31", "8531000"), "EUR/MWh", "is the unit another"),
        (answers.OURS.replace("-12.5", "cheap"), "EUR/MWh", "line 3: 'cheap'"),
        ("\xff", "EUR/MWh", "line 1: the columns are not"),
    ],
)
def test_a_file_that_cannot_be_is_refused_whole(
    db: Database, tmp_path: Path, text: str, unit: str, reason: str
) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(text, encoding="utf-8")
    add("de-lu")

    with pytest.raises(CommandError, match=reason):
        run("import", str(path), "--series", "de-lu", "--unit", unit)

    assert not SeriesPoint.objects.exists()


def test_a_file_that_is_not_there_or_no_text_is_said_to_be_so(db: Database, tmp_path: Path) -> None:
    add("de-lu")
    path = tmp_path / "prices.csv"

    with pytest.raises(CommandError, match="No such file"):
        run("import", str(path), "--series", "de-lu", "--unit", "EUR/MWh")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match="decode"):
        run("import", str(path), "--series", "de-lu", "--unit", "EUR/MWh")
    with pytest.raises(CommandError, match="nothing here"):
        run("import", str(path), "--series", "nowhere", "--unit", "EUR/MWh")


def test_a_carbon_series_is_in_grams(db: Database) -> None:
    assert add("de-carbon", unit="g/kWh", kind="carbon", resolution="60") == (
        "de-carbon: believes 0 to 2000 g/kWh.\n"
    )


def test_bounds_of_prices_follow_the_unit(db: Database) -> None:
    assert add("gb", unit="GBP/kWh", resolution="30") == "gb: believes -5 to 50 GBP/kWh.\n"


def test_a_synthetic_year_is_labelled_and_can_be_gone_on_with(db: Database) -> None:
    first = run("synthesise", "demo", "--start", "2026-01-01T00:00Z", "--days", "10")
    second = run("synthesise", "demo", "--start", "2026-01-06T00:00Z", "--days", "10")

    assert "Synthetic: 960 points, mean" in first
    assert "negative hours" in first
    assert "demo: 480 added, 0 corrected, 480 unchanged." in second
    series = Series.objects.get()
    assert series.synthetic
    assert series.assumptions["seed"] == 1
    assert "demo: synthetic, EUR/MWh every 15 min" in run("list")


def test_a_synthetic_series_stays_what_it_is(db: Database, tmp_path: Path) -> None:
    run("synthesise", "demo", "--days", "1")
    add("real")

    with pytest.raises(CommandError, match="other assumptions"):
        run("synthesise", "demo", "--days", "1", "--seed", "2")
    with pytest.raises(CommandError, match="no synthetic series"):
        run("synthesise", "real", "--days", "1")
    with pytest.raises(CommandError, match="takes no file"):
        run("import", str(tmp_path), "--series", "demo", "--unit", "EUR/MWh")
    with pytest.raises(CommandError, match="brings no such series"):
        run("connect", "demo", "--source", "energy-charts", "--place", "DE-LU")


def test_the_list_shows_gaps_and_refusals(db: Database) -> None:
    add("de-lu")
    assert run("connect", "de-lu", "--source", "energy-charts", "--place", "DE-LU") == (
        "de-lu: fetched every 30 minutes.\n"
    )
    feed = SeriesFeed.objects.get()
    series_feeds.fetch_feed(feed=feed, now=NOW, keys={}, fetch=Source(None))

    output = io.StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("series", "list", stdout=output)

    assert left.value.code == 1
    said = output.getvalue()
    assert "de-lu: EUR/MWh every 15 min, empty, 1 gaps in 7 days\n  gap " in said
    assert "refused 1 times: 2026-03-29T00:07Z The address did not answer properly." in said


def test_a_series_without_a_feed_is_not_fetched(db: Database) -> None:
    add("de-lu")

    with pytest.raises(CommandError, match="has no feed"):
        run("fetch", "de-lu")


def test_a_feed_is_paused_and_goes_on(db: Database) -> None:
    add("de-lu")
    run("connect", "de-lu", "--source", "energy-charts", "--place", "DE-LU")
    source = Source()

    assert run("pause", "de-lu") == "de-lu: no longer fetched.\n"
    paused = fetch_due(source)
    assert run("resume", "de-lu") == "de-lu: fetched again.\n"
    resumed = fetch_due(source)

    assert (paused, len(resumed)) == ([], 1)
    actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["series.create", "series.connect", "series.pause", "series.resume"]


def test_bounds_may_be_told(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(answers.OURS, encoding="utf-8")
    about = ["--source", "me", "--licence", "mine", "--zone", "DE-LU", "--kind", "price"]
    shape = ["--unit", "EUR/MWh", "--resolution", "15"]

    run("add", "narrow", *about, *shape, "--low=0", "--high=4000")

    with pytest.raises(CommandError, match="is not between 0"):
        run("import", str(path), "--series", "narrow", "--unit", "EUR/MWh")
    with pytest.raises(CommandError, match="decimal literal"):
        run("add", "other", *about, *shape, "--low=much")


def test_an_import_is_in_the_audit_trail(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(answers.OURS, encoding="utf-8")
    add("de-lu")

    run("import", str(path), "--series", "de-lu", "--unit", "EUR/MWh")

    details = AuditEvent.objects.get(action="series.import").details
    assert details == {"slug": "de-lu", "file": "prices.csv", "added": 2, "corrected": 0, "unchanged": 0}


def test_prices_of_a_day_with_23_hours_have_no_gap(db: Database) -> None:
    series = make_series("de-lu")
    feed = connect(series, "entsoe", ZONE)
    body = answers.write_entsoe({n: str(n) for n in range(1, 93)}, hours=23)
    keys = {"JOULEPORT_ENTSOE_TOKEN": "hush"}

    series_feeds.fetch_feed(feed=feed, now=NOW, keys=keys, fetch=Source(body))

    fresh = histories.find_freshness(series=series, span=Span(DAY, DAY + timedelta(hours=23)))
    assert fresh.gaps == ()
    assert fresh.until == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert SeriesPoint.objects.order_by("-starts_at")[0].value == Decimal(92)
