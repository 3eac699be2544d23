"""`manage.py series`: prices and carbon over time, by hand."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.audit import SYSTEM
from core.errors import DomainError
from core.money import NotAnAmount, parse_decimal
from marketplace import series as histories
from marketplace import series_feeds
from marketplace.feeds import synthetic
from marketplace.feeds.points import RESOLUTIONS, Span, read_moment, read_unit, write_unit
from marketplace.feeds.sources import SOURCES
from marketplace.models import Series, SeriesFeed
from marketplace.series import Described, Written
from marketplace.series_feeds import Outcome
from marketplace.series_files import File, import_file

GAPS_DAYS = 7
GAPS_NAMED_MAX = 5
SYNTHETIC_DAYS = 366


class Command(BaseCommand):
    """Everything it writes goes through the one door of series; what is refused is said, with exit code 1."""

    help = "Make, import, fetch and list series of prices and carbon."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand for each thing to do."""
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="begin an empty series")
        add.add_argument("slug")
        add.add_argument("--kind", choices=("price", "carbon", "volume"), required=True)
        add.add_argument("--zone", required=True, help="as its market names it: DE-LU, SE3, CN-GS")
        add.add_argument("--unit", required=True, help="EUR/MWh, GBP/kWh, g/kWh, kW")
        add.add_argument("--resolution", type=int, choices=RESOLUTIONS, required=True, help="minutes")
        add.add_argument("--market", choices=Series.Market.values, default="DA")
        add.add_argument("--name", default="", help="for people (default: the slug)")
        add.add_argument("--low", type=read_bound, help="believe nothing below (default: that of any market)")
        add.add_argument("--high", type=read_bound, help="believe nothing above")
        add.add_argument("--source", required=True)
        add.add_argument("--licence", required=True)
        importing = actions.add_parser("import", help="write a CSV file: starts_at,value or gridstatus")
        importing.add_argument("file", type=Path)
        importing.add_argument("--series", required=True)
        importing.add_argument("--unit", required=True, help="what the file holds: EUR/MWh, g/kWh, kW")
        importing.add_argument("--location", default="", help="of a gridstatus file with several")
        making = actions.add_parser("synthesise", help="make prices from stated assumptions")
        making.add_argument("slug")
        making.add_argument("--like", choices=sorted(synthetic.PRESETS), default="germany")
        making.add_argument("--start", default="", help="ISO 8601 (default: the year that ends tomorrow)")
        making.add_argument("--days", type=int, default=SYNTHETIC_DAYS)
        making.add_argument("--seed", type=int, default=1)
        connect = actions.add_parser("connect", help="let a series be fetched")
        connect.add_argument("slug")
        connect.add_argument("--source", choices=sorted(SOURCES), required=True)
        connect.add_argument("--place", required=True, help="the source's name of it")
        connect.add_argument("--every", type=int, default=30, help="minutes")
        for name, text in (
            ("fetch", "fetch one series now, due or not"),
            ("pause", "stop fetching a series"),
            ("resume", "go on fetching a series"),
        ):
            actions.add_parser(name, help=text).add_argument("slug")
        actions.add_parser("list", help="every series, how far it is known, and what is missing")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        """Do what was asked; a refusal is its sentence."""
        deeds = {
            "add": self.add,
            "import": self.import_file,
            "synthesise": self.synthesise,
            "connect": self.connect,
            "fetch": self.fetch,
            "pause": self.switch,
            "resume": self.switch,
            "list": self.list,
        }
        try:
            deeds[action](timezone.now(), options | {"verb": action})
        except DomainError as refusal:
            raise CommandError(refusal.message)

    def add(self, now: datetime, options: dict[str, Any]) -> None:
        """Begin a series."""
        currency, unit = read_unit(options["unit"])
        series = histories.create_series(
            described=Described(
                slug=options["slug"],
                name=options["name"] or options["slug"],
                kind=options["kind"].upper(),
                zone=options["zone"],
                resolution=options["resolution"],
                source=options["source"],
                licence=options["licence"],
                unit=unit,
                currency=currency,
                market=options["market"],
                low=options["low"],
                high=options["high"],
            ),
            actor=SYSTEM,
            now=now,
        )
        self.stdout.write(f"{series.slug}: believes {series.low:f} to {series.high:f} {options['unit']}.")

    def import_file(self, now: datetime, options: dict[str, Any]) -> None:
        """Write a file whole, or nothing of it."""
        series = histories.find_series(slug=options["series"])
        try:
            file = File(
                options["file"].name, read_lines(options["file"]), options["unit"], options["location"]
            )
            written = import_file(series=series, file=file, actor=SYSTEM, now=now)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['file']}: {error}")
        self._tell(series, written)

    def synthesise(self, now: datetime, options: dict[str, Any]) -> None:
        """Make a series of its own, or go on with it; it stays labelled as synthetic."""
        assumptions = synthetic.PRESETS[options["like"]]
        days = timedelta(days=options["days"])
        if not timedelta(0) < days <= timedelta(days=SYNTHETIC_DAYS):
            raise CommandError(f"Make 1 to {SYNTHETIC_DAYS} days.")
        tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
        start = read_moment(options["start"]) if options["start"] else tomorrow - days
        described = assumptions.describe(seed=options["seed"])
        series = Series.objects.filter(slug=options["slug"]).first()
        if series is None:
            series = histories.create_series(
                described=Described(
                    slug=options["slug"],
                    name=f"Synthetic prices like {options['like']}",
                    kind=Series.Kind.PRICE,
                    zone=options["like"].upper(),
                    resolution=15,
                    source="made by manage.py series synthesise from the assumptions beside it",
                    licence="none needed",
                    currency=assumptions.currency,
                ),
                actor=SYSTEM,
                now=now,
                assumptions=described,
            )
        elif series.assumptions != described:
            raise CommandError(f"{series.slug} was made from other assumptions, or is no synthetic series.")
        reading = synthetic.generate(assumptions, start=start, end=start + days, seed=options["seed"])
        self.stdout.write(f"Synthetic: {synthetic.summarise(reading)}.")
        self._tell(series, histories.write_reading(series=series, reading=reading, now=now))

    def connect(self, now: datetime, options: dict[str, Any]) -> None:
        """Configure a feed."""
        feed = series_feeds.connect_feed(
            series=histories.find_series(slug=options["slug"]),
            adapter=options["source"],
            place=options["place"],
            every_minutes=options["every"],
            actor=SYSTEM,
            now=now,
        )
        self.stdout.write(f"{feed.series.slug}: fetched every {feed.every_minutes} minutes.")

    def fetch(self, now: datetime, options: dict[str, Any]) -> None:
        """Fetch a series now."""
        feed = find_feed(options["slug"])
        outcome: Outcome = series_feeds.fetch_feed(feed=feed, now=now, keys=settings.FEED_KEYS)
        if outcome.written is None:
            raise CommandError(f"{feed.series.slug}: {outcome.refusal}")
        self._tell(feed.series, outcome.written)

    def switch(self, now: datetime, options: dict[str, Any]) -> None:
        """Stop fetching a series, or go on."""
        feed, enabled = find_feed(options["slug"]), options["verb"] == "resume"
        series_feeds.switch_feed(feed=feed, enabled=enabled, actor=SYSTEM, now=now)
        self.stdout.write(f"{feed.series.slug}: {'fetched again' if enabled else 'no longer fetched'}.")

    def list(self, now: datetime, options: dict[str, Any]) -> None:
        """One line for each series; exit 1 if a feed was refused last time."""
        refused = False
        for series in Series.objects.select_related("feed").order_by("slug"):
            fresh = histories.find_freshness(series=series, span=Span(now - timedelta(days=GAPS_DAYS), now))
            known = f"until {fresh.until:%Y-%m-%d %H:%M}Z" if fresh.until else "empty"
            label = "synthetic, " if series.synthetic else ""
            unit = write_unit(series.currency, series.unit)
            self.stdout.write(
                f"{series.slug}: {label}{unit} every {series.resolution} min, {known}, "
                f"{len(fresh.gaps)} gaps in {GAPS_DAYS} days"
            )
            for gap in fresh.gaps[:GAPS_NAMED_MAX]:
                self.stdout.write(f"  gap {gap.start:%Y-%m-%d %H:%M}Z to {gap.end:%Y-%m-%d %H:%M}Z")
            feed = getattr(series, "feed", None)
            if feed is not None and feed.failures:
                refused = True
                self.stdout.write(f"  refused {feed.failures} times: {feed.refused[0]}")
        if refused:
            sys.exit(1)

    def _tell(self, series: Series, written: Written) -> None:
        self.stdout.write(
            f"{series.slug}: {written.added} added, {written.corrected} corrected, "
            f"{written.unchanged} unchanged."
        )


def read_bound(text: str) -> Decimal:
    """
    A decimal literal.

    :raises ArgumentTypeError: for anything else
    """
    try:
        return parse_decimal(text)
    except NotAnAmount as refusal:
        raise ArgumentTypeError(str(refusal))


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a file, which is opened when the first one is wanted."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from lines


def find_feed(slug: str) -> SeriesFeed:
    """
    The feed of a series.

    :raises core.errors.NotFound: if there is no such series
    :raises CommandError: if it has no feed
    """
    series = histories.find_series(slug=slug)
    feed = SeriesFeed.objects.select_related("series").filter(series=series).first()
    if feed is None:
        raise CommandError(f"{slug} has no feed; connect one.")
    return feed
