"""Series of prices, carbon and volumes: how far they are known, their values, and files for them."""

import io
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import RestView
from accounts.api.fields import DecimalStringField
from accounts.api.filters import Choice, FilterRefused, Filters, Is, Word, apply_filters
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from core.errors import Invalid
from marketplace import series as histories
from marketplace import series_files
from marketplace.feeds.points import PLACES, Span, read_moment
from marketplace.models import Series, SeriesFeed

WINDOW_MAX = timedelta(days=31)
GAPS_BACK = timedelta(days=7)
BACK, AHEAD = timedelta(days=1), timedelta(days=2)
GAPS_MAX = 200
FILE_MAX = 2_000_000
WINDOW = frozenset({"since", "until"})
WINDOW_PARAMETERS = tuple(
    OpenApiParameter(name, OpenApiTypes.DATETIME, description=f"{text}; at most {WINDOW_MAX.days} days.")
    for name, text in (("since", "From this moment on"), ("until", "Before this moment"))
)


class SeriesFilters(Filters):
    """What series can be narrowed by."""

    kind = Choice(Series.Kind.values)
    zone = Word()
    currency = Word()


class FeedFilters(Filters):
    """What feeds can be narrowed by."""

    adapter = Word()
    fetched = Is("fetched_at", help_text="Whether the source ever brought something.")


class SeriesAnswer(serializers.Serializer[Any]):
    """
    A series, where it is from and how far it is known: `known_until` is the end of its newest step. Of a
    series that a feed brings, `fetched_at` is when it last did, and `failures` how often it has not since.
    """

    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Series.Kind.choices)
    market = serializers.ChoiceField(Series.Market.choices)
    zone = serializers.CharField()
    currency = serializers.CharField(help_text="Empty where values are no prices.")
    unit = serializers.ChoiceField(
        Series.Unit.choices, help_text="Prices are per unit, carbon is grams per kWh, a volume is in kW."
    )
    resolution = serializers.IntegerField(help_text="Minutes.")
    source = serializers.CharField()  # type: ignore[assignment]
    licence = serializers.CharField()
    synthetic = serializers.BooleanField()
    assumptions = serializers.DictField(help_text="What a synthetic series is made from.")
    known_until = serializers.SerializerMethodField()
    fetched_at = serializers.SerializerMethodField()
    failures = serializers.SerializerMethodField()

    def get_known_until(self, row: Any) -> datetime | None:
        """The end of the newest step."""
        return row.newest + timedelta(minutes=row.resolution) if row.newest else None

    def get_fetched_at(self, row: Series) -> datetime | None:
        """By the feed, if there is one."""
        feed = getattr(row, "feed", None)
        return feed.fetched_at if feed else None

    def get_failures(self, row: Series) -> int | None:
        """In a row; none of a series without a feed."""
        feed = getattr(row, "feed", None)
        return feed.failures if feed else None


class SpanAnswer(serializers.Serializer[Any]):
    """From `start` up to, not including, `end`."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class SeriesDetailAnswer(SeriesAnswer):
    """A series with what is missing in a window; of many gaps the first ones, and how many there are."""

    gaps = serializers.SerializerMethodField()
    gap_count = serializers.SerializerMethodField()

    def get_gaps(self, row: Series) -> list[dict[str, Any]]:
        """Whole steps that are not known."""
        shown = self.context["gaps"][:GAPS_MAX]
        return [dict(one) for one in SpanAnswer(shown, many=True).data]

    def get_gap_count(self, row: Series) -> int:
        """Of the window."""
        return len(self.context["gaps"])


class PointAnswer(serializers.Serializer[Any]):
    """The value of one step; `revision` counts its corrections."""

    starts_at = serializers.DateTimeField()
    value = DecimalStringField(places=PLACES, minimum=None)
    estimated = serializers.BooleanField()
    revision = serializers.IntegerField()
    published_at = serializers.DateTimeField(allow_null=True)
    recorded_at = serializers.DateTimeField()


class FileRequest(serializers.Serializer[Any]):
    """A CSV file of values: `starts_at,value` and perhaps `estimated`, or as gridstatus writes it."""

    name = serializers.CharField(max_length=series_files.NAME_MAX)
    content = serializers.CharField(max_length=FILE_MAX, trim_whitespace=False)
    unit = serializers.CharField(max_length=16, help_text="What its values are: EUR/MWh, g/kWh, kW.")
    location = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True, help_text="Of a file with several."
    )


class WrittenAnswer(serializers.Serializer[Any]):
    """How many values were new, had been others before, and were there already."""

    added = serializers.IntegerField()
    corrected = serializers.IntegerField()
    unchanged = serializers.IntegerField()


class FeedAnswer(serializers.Serializer[Any]):
    """Where a series is fetched, and how that went; `refused` are the newest reasons why it did not."""

    series = serializers.CharField(source="series.slug")
    adapter = serializers.CharField()
    place = serializers.CharField()
    every_minutes = serializers.IntegerField()
    enabled = serializers.BooleanField()
    tried_at = serializers.DateTimeField(allow_null=True)
    fetched_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField()
    refused = serializers.ListField(child=serializers.CharField())


class SeriesList(RestView):
    """Every series."""

    @describe(
        "series_list",
        "Series of prices, carbon and volumes",
        answer=SeriesAnswer,
        paged=True,
        filters=SeriesFilters,
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(histories.list_series(), SeriesAnswer, filters=SeriesFilters)


class SeriesDetail(RestView):
    """One series."""

    @describe(
        "series_read",
        "A series and its gaps",
        answer=SeriesDetailAnswer,
        parameters=WINDOW_PARAMETERS,
        refusals=(404, 422),
        organization=False,
    )
    def get(self, request: Request, slug: str) -> Response:
        """Read it, with what is missing in a window: the last week, if none is named."""
        apply_filters(Series.objects.none(), request=request, kind=None, others=WINDOW)
        now = timezone.now()
        span = read_window(request, usual=Span(now - GAPS_BACK, now))
        series = histories.find_series(slug=slug)
        gaps = histories.find_freshness(series=series, span=span).gaps
        row = histories.list_series().get(pk=series.pk)
        return Response(SeriesDetailAnswer(row, context={"gaps": gaps}).data)


class PointList(RestView):
    """The values of a series."""

    @describe(
        "series_points",
        "Values of a series",
        answer=PointAnswer,
        parameters=WINDOW_PARAMETERS,
        refusals=(404,),
        paged=True,
        organization=False,
    )
    def get(self, request: Request, slug: str) -> Response:
        """Known steps that begin in a window: from yesterday to the day after tomorrow, if none is named."""
        now = timezone.now()
        span = read_window(request, usual=Span(now - BACK, now + AHEAD))
        points = histories.list_points(series=histories.find_series(slug=slug), span=span)
        return self.show_page(points, PointAnswer, key="second", others=WINDOW)


class FileImport(OperatorView):
    """Files for a series."""

    rights = {"POST": "marketplace.change_series"}

    @describe(
        "operator_series_import",
        "Write a file into a series",
        request=FileRequest,
        answer=WrittenAnswer,
        status=201,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request, slug: str) -> HttpResponse:
        """Write all of it or nothing; the same again changes nothing, another value is a correction."""
        wanted = self.read(FileRequest)
        lines = io.StringIO(wanted.pop("content"), newline="")
        series = histories.find_series(slug=slug)

        def write() -> dict[str, Any]:
            written = series_files.import_file(
                series=series,
                file=series_files.File(lines=lines, **wanted),
                actor=self.actor(),
                now=timezone.now(),
            )
            return asdict(written)

        return self.create(write)


class FeedList(OperatorView):
    """Where series are fetched."""

    rights = {"GET": "marketplace.view_seriesfeed"}

    @describe(
        "operator_feeds_list",
        "Feeds and how fetching goes",
        answer=FeedAnswer,
        paged=True,
        filters=FeedFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows: QuerySet[SeriesFeed] = SeriesFeed.objects.select_related("series")
        return self.show_page(rows, FeedAnswer, filters=FeedFilters)


def read_window(request: Request, *, usual: Span) -> Span:
    """
    The window that the address names by `since` and `until`.

    One without the other is as long as the usual one.

    :raises FilterRefused: if it ends before it starts, or is longer than WINDOW_MAX
    """
    given: dict[str, datetime] = {}
    for name in WINDOW & request.query_params.keys():
        try:
            given[name] = read_moment(request.query_params[name])
        except Invalid as refusal:
            raise FilterRefused(f"{name}: {refusal.message}.", parameter=name)
    length = usual.end - usual.start
    try:
        if "since" in given:
            span = Span(given["since"], given.get("until", given["since"] + length))
        else:
            until = given.get("until", usual.end)
            span = Span(until - length, until)
    except OverflowError:
        raise FilterRefused("There is no such moment.", parameter=min(given))
    if not timedelta(0) < span.end - span.start <= WINDOW_MAX:
        raise FilterRefused(
            f"until comes after since, by {WINDOW_MAX.days} days at most.",
            parameter="until" if "until" in given else "since",
        )
    return span
