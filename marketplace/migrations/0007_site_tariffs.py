import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0006_reference_and_series"),
    ]

    operations = [
        migrations.CreateModel(
            name="OfferPlan",
            fields=[
                (
                    "offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="plan",
                        serialize=False,
                        to="marketplace.offer",
                    ),
                ),
                ("key", models.CharField(max_length=64)),
                ("known_until", models.DateTimeField(null=True)),
                ("problem", models.TextField(blank=True)),
                ("planned_at", models.DateTimeField()),
            ],
            options={
                "db_table": "offer_plan",
            },
        ),
        migrations.AddField(
            model_name="pricecard",
            name="basis",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.CreateModel(
            name="SiteTariff",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("number", models.IntegerField()),
                ("document", models.JSONField()),
                ("content_hash", models.CharField(max_length=80)),
                ("figures", models.JSONField(default=dict)),
                ("hold_minutes", models.IntegerField()),
                ("quotes_forecasts", models.BooleanField()),
                ("created_at", models.DateTimeField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tariffs",
                        to="marketplace.site",
                    ),
                ),
            ],
            options={
                "db_table": "site_tariff",
                "constraints": [
                    models.UniqueConstraint(fields=("site", "number"), name="site_tariff_number"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hold_minutes__gte", 0), ("hold_minutes__lte", 10080), ("number__gte", 1)
                        ),
                        name="site_tariff_is_sound",
                    ),
                ],
            },
        ),
        RunSQLFile("marketplace/sql/site_tariffs.sql"),
    ]
