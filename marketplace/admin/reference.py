"""Operators' view of reference data and of series: sources, grades, what is verified, how fresh feeds are."""

import json
from datetime import timedelta

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin
from marketplace import series as histories
from marketplace.feeds.points import Span
from marketplace.models import ReferenceFigure, ReferenceVersion, Series, SeriesFeed, SiteFigure

GAPS_DAYS = 7
GAPS_SHOWN_MAX = 20


@admin.register(ReferenceVersion)
class ReferenceVersionAdmin(ReadOnlyAdmin):
    """Files of reference data as they were loaded; of each the greatest number counts."""

    list_display = ("name", "number", "source", "date", "licence", "rows", "verified", "loaded_at")
    list_filter = ("name",)
    ordering = ("name", "-number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReferenceVersion]:
        """Count the rows in one query."""
        verified = Count("rows", filter=Q(rows__verified=True))
        versions: QuerySet[ReferenceVersion] = super().get_queryset(request)
        return versions.annotate(row_count=Count("rows"), verified_count=verified)

    @admin.display(description="rows", ordering="row_count")
    def rows(self, version: ReferenceVersion) -> int:
        """How many rows there are."""
        return int(version.row_count)  # type: ignore[attr-defined, unused-ignore]

    @admin.display(description="verified", ordering="verified_count")
    def verified(self, version: ReferenceVersion) -> int:
        """How many of them were read in what their originator published."""
        return int(version.verified_count)  # type: ignore[attr-defined, unused-ignore]


@admin.register(ReferenceFigure)
class ReferenceFigureAdmin(ReadOnlyAdmin):
    """Chips, grids, measurements, default PUE and example tariffs, each with its evidence."""

    list_display = ("key", "version", "source", "date", "grade", "verified", "note")
    list_filter = ("verified", "grade", "version__name", "version__number")
    list_select_related = ("version",)
    search_fields = ("key", "source", "note")
    ordering = ("-version_id", "id")
    exclude = ("figures",)
    readonly_fields = ("said",)

    @admin.display(description="figures")
    def said(self, row: ReferenceFigure) -> SafeString:
        """The row's fields."""
        return format_html("<pre>{}</pre>", json.dumps(row.figures, indent=2, ensure_ascii=False))


@admin.register(SiteFigure)
class SiteFigureAdmin(ReadOnlyAdmin):
    """What providers say of their own sites in place of reference data."""

    list_display = ("site", "name", "key", "figures", "source", "stated_at")
    list_filter = ("name",)
    list_select_related = ("site",)
    search_fields = ("site__name", "key", "source")
    ordering = ("-id",)


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    """Prices and carbon over time; a synthetic series says so."""

    list_display = ("slug", "kind", "market", "zone", "currency", "unit", "resolution", "synthetic", "source")
    list_filter = ("kind", "synthetic", "currency")
    search_fields = ("slug", "name", "zone")
    ordering = ("slug",)
    readonly_fields = ("known",)

    @admin.display(description="known")
    def known(self, series: Series) -> SafeString:
        """How far the series is known, and what was missing in the last days."""
        fresh = _find_freshness(series)
        gaps = format_html_join(
            "",
            "<li>{} to {}</li>",
            (
                (f"{gap.start:%Y-%m-%d %H:%M}Z", f"{gap.end:%Y-%m-%d %H:%M}Z")
                for gap in fresh.gaps[:GAPS_SHOWN_MAX]
            ),
        )
        until = f"until {fresh.until:%Y-%m-%d %H:%M}Z" if fresh.until else "nothing yet"
        return format_html("{}; {} gaps in {} days<ul>{}</ul>", until, len(fresh.gaps), GAPS_DAYS, gaps)


@admin.register(SeriesFeed)
class SeriesFeedAdmin(ReadOnlyAdmin):
    """Where series come from, and how fetching went."""

    list_display = (
        *("series", "adapter", "place", "every_minutes", "enabled", "fetched_at", "failures"),
        *("known_until", "gaps"),
    )
    list_filter = ("adapter", "enabled")
    list_select_related = ("series",)
    ordering = ("series__slug",)

    @admin.display(description="known until")
    def known_until(self, feed: SeriesFeed) -> str:
        """Where the newest value ends."""
        until = _find_freshness(feed.series).until
        return f"{until:%Y-%m-%d %H:%M}Z" if until else "nothing yet"

    @admin.display(description=f"gaps, {GAPS_DAYS} days")
    def gaps(self, feed: SeriesFeed) -> int:
        """How many stretches of the last days are missing."""
        return len(_find_freshness(feed.series).gaps)


def _find_freshness(series: Series) -> histories.Freshness:
    now = timezone.now()
    return histories.find_freshness(series=series, span=Span(now - timedelta(days=GAPS_DAYS), now))
