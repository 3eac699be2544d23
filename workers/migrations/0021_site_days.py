import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0017_lots"),
        ("workers", "0020_exports"),
    ]

    operations = [
        migrations.CreateModel(
            name="SiteDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("attempts", models.BigIntegerField()),
                ("output_tokens", models.BigIntegerField()),
                ("input_tokens", models.BigIntegerField()),
                ("joules", models.DecimalField(decimal_places=3, max_digits=38)),
                ("it_kwh", models.DecimalField(decimal_places=12, max_digits=38)),
                ("hall_kwh", models.DecimalField(decimal_places=12, max_digits=38)),
                ("kwh", models.DecimalField(decimal_places=12, max_digits=38)),
                ("heat_kwh", models.DecimalField(decimal_places=12, max_digits=38)),
                ("gco2e", models.DecimalField(decimal_places=9, max_digits=38)),
                ("market_gco2e", models.DecimalField(decimal_places=9, max_digits=38, null=True)),
                ("renewable_share", models.DecimalField(decimal_places=4, max_digits=6)),
                ("surplus_offered_kwh", models.DecimalField(decimal_places=12, max_digits=38)),
                ("surplus_absorbed_kwh", models.DecimalField(decimal_places=12, max_digits=38)),
                ("counted_at", models.DateTimeField()),
                (
                    "site",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="marketplace.site",
                    ),
                ),
            ],
            options={
                "db_table": "site_day",
                "constraints": [
                    models.UniqueConstraint(fields=("site", "day"), name="site_day_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("attempts__gte", 0),
                            ("hall_kwh__gte", models.F("it_kwh")),
                            ("it_kwh__gte", 0),
                            ("kwh__gte", models.F("hall_kwh")),
                            ("surplus_absorbed_kwh__lte", models.F("surplus_offered_kwh")),
                        ),
                        name="site_day_is_sound",
                    ),
                ],
            },
        ),
    ]
