import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0011_site_energy")]

    operations = [
        migrations.CreateModel(
            name="SiteFactors",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("grid_zone", models.CharField(max_length=64)),
                ("pue", models.DecimalField(decimal_places=4, max_digits=6)),
                ("line_loss", models.DecimalField(decimal_places=4, max_digits=6)),
                ("heat_reused", models.DecimalField(decimal_places=4, max_digits=6)),
                ("gco2_per_kwh", models.DecimalField(decimal_places=9, max_digits=16)),
                ("market_gco2_per_kwh", models.DecimalField(decimal_places=9, max_digits=16, null=True)),
                ("carbon_series", models.CharField(blank=True, max_length=80)),
                ("noted_at", models.DateTimeField()),
                (
                    "site",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="factors",
                        to="marketplace.site",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "factors of sites",
                "db_table": "site_factors",
                "indexes": [models.Index(fields=["site", "id"], name="site_factors_newest")],
            },
        ),
        RunSQLFile("marketplace/sql/site_factors.sql"),
    ]
