"""Prices and carbon over time."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

RESOLUTIONS = (5, 15, 30, 60)


class Series(models.Model):
    """
    Values of one kind at equal steps of `resolution` minutes.

    A price is `currency` per `unit`; carbon is grams CO2e per kWh, and a volume is in kW: they have no
    currency. Values outside `low` to `high` are nonsense of the feed. `assumptions` say what a synthetic
    series was made from; everything that shows a synthetic one says so.
    """

    class Kind(models.TextChoices):
        """What the values are."""

        PRICE = "PRICE", "Price"
        CARBON = "CARBON", "Carbon"
        VOLUME = "VOLUME", "Volume"

    class Unit(models.TextChoices):
        """What a value is per."""

        KWH = "kWh", "kWh"
        MWH = "MWh", "MWh"
        KW = "kW", "kW"

    class Market(models.TextChoices):
        """Where prices are made, and whether they are facts."""

        DAY_AHEAD = "DA", "Day ahead"
        INTRADAY = "ID", "Intraday"
        REAL_TIME = "RT", "Real time"
        FORECAST = "FORECAST", "Forecast"
        METER = "METER", "Measured"

    id = models.BigAutoField(primary_key=True)
    slug = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    market = models.CharField(max_length=8, choices=Market.choices)
    zone = models.CharField(max_length=64)
    currency = models.CharField(max_length=8, blank=True)
    unit = models.CharField(max_length=4, choices=Unit.choices)
    resolution = models.SmallIntegerField()
    low = models.DecimalField(max_digits=38, decimal_places=9)
    high = models.DecimalField(max_digits=38, decimal_places=9)
    source = models.TextField()
    licence = models.TextField()
    synthetic = models.BooleanField(default=False)
    assumptions = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "series"
        verbose_name_plural = "series"
        constraints = (
            models.CheckConstraint(
                name="series_slug_is_plain", condition=Q(slug__regex="^[a-z0-9][a-z0-9_-]*$")
            ),
            models.CheckConstraint(name="series_resolution_known", condition=Q(resolution__in=RESOLUTIONS)),
            models.CheckConstraint(name="series_bounds_in_order", condition=Q(low__lt=models.F("high"))),
            models.CheckConstraint(
                name="series_price_has_currency",
                condition=Q(kind="PRICE", currency__regex="^[A-Z]{3,5}$")
                | Q(kind="CARBON", currency="", unit="kWh", low__gte=0)
                | Q(kind="VOLUME", currency="", unit="kW", low__gte=0),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.slug}"


class SeriesPoint(models.Model):
    """
    The value of a step that begins at `starts_at`, as known now. `estimated`: the source calls it so.

    Written by `write_series_v1` only. `revision` counts corrections; `published_at` is the source's own word.
    """

    pk = models.CompositePrimaryKey("series_id", "starts_at")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, related_name="points")
    starts_at = models.DateTimeField()
    value = models.DecimalField(max_digits=38, decimal_places=9)
    estimated = models.BooleanField()
    revision = models.IntegerField()
    published_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "series_point"
        managed = False

    def __str__(self) -> str:
        return f"#{self.series_id} {self.starts_at}"


class SeriesCorrection(models.Model):
    """A value that held from `recorded_at` until it was replaced at `replaced_at`; never changed."""

    pk = models.CompositePrimaryKey("series_id", "starts_at", "revision")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, related_name="corrections")
    starts_at = models.DateTimeField()
    value = models.DecimalField(max_digits=38, decimal_places=9)
    estimated = models.BooleanField()
    revision = models.IntegerField()
    published_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    replaced_at = models.DateTimeField()

    class Meta:
        db_table = "series_correction"
        managed = False

    def __str__(self) -> str:
        return f"#{self.series_id} {self.starts_at} {self.revision}"


class SeriesFeed(models.Model):
    """
    Where a series comes from, and how fetching went.

    `adapter` names the module that understands the source, `place` is the source's own name of what is
    fetched (a bidding zone, a tariff code). `refused` are the newest reasons why an answer was not taken.
    """

    id = models.BigAutoField(primary_key=True)
    series = models.OneToOneField(Series, on_delete=models.PROTECT, related_name="feed")
    adapter = models.CharField(max_length=32)
    place = models.CharField(max_length=200)
    every_minutes = models.IntegerField(default=30)
    enabled = models.BooleanField(default=True)
    tried_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    refused = ArrayField(models.TextField(), default=list)

    class Meta:
        db_table = "series_feed"
        constraints = (
            models.CheckConstraint(name="series_feed_every_minutes", condition=Q(every_minutes__gte=1)),
            models.CheckConstraint(name="series_feed_failures", condition=Q(failures__gte=0)),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.adapter} {self.place}"
