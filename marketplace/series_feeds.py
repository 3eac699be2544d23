"""Feeds: which source a series is fetched from, and fetching what is due."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Max

from accounts import audit
from accounts.audit import Actor
from core.errors import DomainError, Invalid
from marketplace import series as histories
from marketplace.feeds import calls
from marketplace.feeds.points import Span
from marketplace.feeds.requests import Request
from marketplace.feeds.sources import SOURCES
from marketplace.models import Series, SeriesFeed, SeriesPoint
from marketplace.series import Written

# Sources correct what they published; this much is asked for again each time.
OVERLAP = timedelta(days=2)
# Of a series that is new, or was not fetched for long, no more than this at once.
BACK_MAX = timedelta(days=14)
REFUSALS_KEPT = 5
# A source that refuses again and again is asked up to so many times less often.
PATIENCE_MAX = 8

logger = logging.getLogger(__name__)

type Fetch = Callable[[Request], bytes]


class FeedExists(DomainError):
    """The series has a feed already."""

    code = "feed_exists"


class FeedInvalid(Invalid):
    """No such source, or a place it does not have."""

    code = "invalid_feed"


class KeyMissing(DomainError):
    """The source wants a key and none is set."""

    code = "feed_key_missing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one feed: what was written, or why nothing was."""

    slug: str
    written: Written | None
    refusal: str = ""


def connect_feed(
    *, series: Series, adapter: str, place: str, every_minutes: int, actor: Actor, now: datetime
) -> SeriesFeed:
    """
    Let a series be fetched from a source.

    :param place: the source's own name of what is fetched: a bidding zone, a tariff code

    :raises FeedInvalid: if there is no such source, or it does not have this
    :raises FeedExists: if the series has a feed
    """
    source = SOURCES.get(adapter)
    if source is None or source.kind != series.kind or series.synthetic:
        raise FeedInvalid(f"{adapter} brings no such series; there are {', '.join(SOURCES)}.")
    try:
        source.make_request(place, Span(now - OVERLAP, now), "")
    except DomainError as refusal:
        raise FeedInvalid(refusal.message)
    try:
        with transaction.atomic():
            feed = SeriesFeed.objects.create(
                series=series, adapter=adapter, place=place, every_minutes=every_minutes
            )
            audit.record_event(
                actor=actor,
                action="series.connect",
                subject_kind="series",
                subject_uid=None,
                organization=None,
                now=now,
                details={"slug": series.slug, "adapter": adapter, "place": place},
            )
    except IntegrityError as error:
        if SeriesFeed.objects.filter(series=series).exists():
            raise FeedExists(f"{series.slug} has a feed already.") from error
        raise FeedInvalid("A feed is fetched every so many minutes, at least one.") from error
    return feed


def switch_feed(*, feed: SeriesFeed, enabled: bool, actor: Actor, now: datetime) -> None:
    """Stop fetching a series, or go on with it; going on forgets failures, so that it is due as usual."""
    with transaction.atomic():
        SeriesFeed.objects.filter(pk=feed.pk).update(enabled=enabled, failures=0)
        audit.record_event(
            actor=actor,
            action="series.resume" if enabled else "series.pause",
            subject_kind="series",
            subject_uid=None,
            organization=None,
            now=now,
            details={"slug": feed.series.slug},
        )


def is_due(feed: SeriesFeed, *, now: datetime) -> bool:
    """Whether its time has come; every failure makes it wait longer, up to a bound."""
    if not feed.enabled:
        return False
    if feed.tried_at is None:
        return True
    wait = timedelta(minutes=feed.every_minutes) * min(feed.failures + 1, PATIENCE_MAX)
    return feed.tried_at + wait <= now


def fetch_due(
    *,
    clock: Callable[[], datetime],
    keys: Mapping[str, str],
    seconds_max: float,
    fetch: Fetch = calls.fetch,
) -> list[Outcome]:
    """
    Fetch every feed that is due, one after another, until none is or the time is up.

    :param keys: the sources' keys by the names of their environment variables
    """
    stop_at = time.monotonic() + seconds_max
    outcomes: list[Outcome] = []
    feeds = SeriesFeed.objects.select_related("series").order_by(F("tried_at").asc(nulls_first=True), "id")
    for feed in feeds:
        if time.monotonic() >= stop_at:
            break
        now = clock()
        # Whoever writes the time first fetches; another worker finds the feed no longer due.
        if is_due(feed, now=now) and SeriesFeed.objects.filter(pk=feed.pk, tried_at=feed.tried_at).update(
            tried_at=now
        ):
            try:
                outcomes.append(fetch_feed(feed=feed, now=now, keys=keys, fetch=fetch))
            except Exception:
                logger.exception("Unable to fetch the feed of %s", feed.series.slug)
    return outcomes


def fetch_feed(
    *, feed: SeriesFeed, now: datetime, keys: Mapping[str, str], fetch: Fetch = calls.fetch
) -> Outcome:
    """Fetch one feed now and note how it went; what the source sends wrong is a refusal, not an error."""
    try:
        written = _fetch(feed, now, keys, fetch)
    except DomainError as refusal:
        reasons = [f"{now:%Y-%m-%dT%H:%MZ} {refusal.message}", *feed.refused][:REFUSALS_KEPT]
        SeriesFeed.objects.filter(pk=feed.pk).update(failures=F("failures") + 1, refused=reasons)
        logger.warning("Feed of %s was refused: %s", feed.series.slug, refusal.message)
        return Outcome(feed.series.slug, None, refusal.message)
    SeriesFeed.objects.filter(pk=feed.pk).update(failures=0, fetched_at=now)
    return Outcome(feed.series.slug, written)


def _fetch(feed: SeriesFeed, now: datetime, keys: Mapping[str, str], fetch: Fetch) -> Written:
    source = SOURCES[feed.adapter]
    key = keys.get(source.key, "") if source.key else ""
    if source.key and not key:
        raise KeyMissing(f"{source.key} is not set.")
    newest = SeriesPoint.objects.filter(series=feed.series).aggregate(newest=Max("starts_at"))["newest"]
    start = max(min(newest, now) - OVERLAP, now - BACK_MAX) if newest else now - BACK_MAX
    span = Span(start.replace(minute=0, second=0, microsecond=0), now + source.ahead)
    body = fetch(source.make_request(feed.place, span, key))
    reading = source.read_answer(body, feed.place)
    return histories.write_reading(series=feed.series, reading=reading, now=now)
