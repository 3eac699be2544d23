import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("core", "0001_functions"), ("marketplace", "0005_cards_ahead")]

    operations = [
        migrations.CreateModel(
            name="SeriesCorrection",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "series_id",
                        "starts_at",
                        "revision",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("value", models.DecimalField(decimal_places=9, max_digits=38)),
                ("estimated", models.BooleanField()),
                ("revision", models.IntegerField()),
                ("published_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField()),
                ("replaced_at", models.DateTimeField()),
            ],
            options={
                "db_table": "series_correction",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SeriesPoint",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "series_id",
                        "starts_at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("value", models.DecimalField(decimal_places=9, max_digits=38)),
                ("estimated", models.BooleanField()),
                ("revision", models.IntegerField()),
                ("published_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "series_point",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ReferenceVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                ("number", models.IntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("title", models.CharField(max_length=200)),
                ("source", models.TextField()),
                ("date", models.CharField(max_length=10)),
                ("licence", models.TextField()),
                ("url", models.TextField(blank=True)),
                ("note", models.TextField(blank=True)),
                ("loaded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "reference_version",
                "constraints": [
                    models.UniqueConstraint(fields=("name", "number"), name="reference_version_number"),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)), name="reference_version_counts"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("digest__regex", "^[0-9a-f]{64}$")),
                        name="reference_version_digest",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Series",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("slug", models.CharField(max_length=64, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("kind", models.CharField(choices=[("PRICE", "Price"), ("CARBON", "Carbon")], max_length=8)),
                (
                    "market",
                    models.CharField(
                        choices=[
                            ("DA", "Day ahead"),
                            ("ID", "Intraday"),
                            ("RT", "Real time"),
                            ("FORECAST", "Forecast"),
                            ("METER", "Measured"),
                        ],
                        max_length=8,
                    ),
                ),
                ("zone", models.CharField(max_length=64)),
                ("currency", models.CharField(blank=True, max_length=8)),
                ("unit", models.CharField(choices=[("kWh", "kWh"), ("MWh", "MWh")], max_length=4)),
                ("resolution", models.SmallIntegerField()),
                ("low", models.DecimalField(decimal_places=9, max_digits=38)),
                ("high", models.DecimalField(decimal_places=9, max_digits=38)),
                ("source", models.TextField()),
                ("licence", models.TextField()),
                ("synthetic", models.BooleanField(default=False)),
                ("assumptions", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "series",
                "db_table": "series",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("slug__regex", "^[a-z0-9][a-z0-9_-]*$")),
                        name="series_slug_is_plain",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("resolution__in", (5, 15, 30, 60))),
                        name="series_resolution_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("low__lt", models.F("high"))), name="series_bounds_in_order"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("currency__regex", "^[A-Z]{3,5}$"), ("kind", "PRICE")),
                            models.Q(("currency", ""), ("kind", "CARBON"), ("low__gte", 0), ("unit", "kWh")),
                            _connector="OR",
                        ),
                        name="series_price_has_currency",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReferenceFigure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=200)),
                ("figures", models.JSONField()),
                ("source", models.TextField()),
                ("date", models.CharField(max_length=10)),
                ("grade", models.CharField(max_length=1)),
                ("verified", models.BooleanField()),
                ("note", models.TextField(blank=True)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rows",
                        to="marketplace.referenceversion",
                    ),
                ),
            ],
            options={
                "db_table": "reference_figure",
                "constraints": [
                    models.UniqueConstraint(fields=("version", "key"), name="reference_figure_key"),
                    models.CheckConstraint(
                        condition=models.Q(("grade__in", ["A", "B", "C", "K", "S"])),
                        name="reference_figure_grade",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SeriesFeed",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("adapter", models.CharField(max_length=32)),
                ("place", models.CharField(max_length=200)),
                ("every_minutes", models.IntegerField(default=30)),
                ("enabled", models.BooleanField(default=True)),
                ("tried_at", models.DateTimeField(null=True)),
                ("fetched_at", models.DateTimeField(null=True)),
                ("failures", models.IntegerField(default=0)),
                (
                    "refused",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list),
                ),
                (
                    "series",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="feed",
                        to="marketplace.series",
                    ),
                ),
            ],
            options={
                "db_table": "series_feed",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("every_minutes__gte", 1)), name="series_feed_every_minutes"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("failures__gte", 0)), name="series_feed_failures"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SiteFigure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=200)),
                ("figures", models.JSONField()),
                ("source", models.TextField()),
                ("stated_at", models.DateTimeField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="marketplace.site"
                    ),
                ),
            ],
            options={
                "db_table": "site_figure",
                "indexes": [models.Index(fields=["site", "name", "key", "-id"], name="site_figure_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("source", ""), _negated=True), name="site_figure_has_source"
                    )
                ],
            },
        ),
        RunSQLFile("marketplace/sql/reference.sql"),
        RunSQLFile("marketplace/sql/series.sql", reverse="marketplace/sql/series_reverse.sql"),
    ]
