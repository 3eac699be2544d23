from decimal import Decimal

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0010_cards_in_bulk"),
    ]

    operations = [
        migrations.CreateModel(
            name="SiteEnergy",
            fields=[
                (
                    "site",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="energy",
                        serialize=False,
                        to="marketplace.site",
                    ),
                ),
                (
                    "cooling",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "not said"),
                            ("AIR_LEGACY", "air, older hall"),
                            ("AIR", "air"),
                            ("LIQUID", "direct liquid"),
                            ("IMMERSION", "immersion"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                (
                    "pue_basis",
                    models.CharField(
                        choices=[
                            ("METERED", "metered"),
                            ("DECLARED", "declared"),
                            ("COOLING", "by cooling type"),
                        ],
                        default="DECLARED",
                        max_length=16,
                    ),
                ),
                ("line_loss", models.DecimalField(decimal_places=4, default=Decimal(0), max_digits=6)),
                ("it_kw", models.DecimalField(decimal_places=3, max_digits=14, null=True)),
                ("load_factor", models.DecimalField(decimal_places=4, max_digits=6, null=True)),
                ("heat_reused", models.DecimalField(decimal_places=4, default=Decimal(0), max_digits=6)),
                ("heat_supply_c", models.DecimalField(decimal_places=2, max_digits=6, null=True)),
                ("heat_price", models.DecimalField(decimal_places=18, default=Decimal(0), max_digits=38)),
                ("heat_source", models.CharField(blank=True, max_length=200)),
                ("market_gco2_per_kwh", models.DecimalField(decimal_places=3, max_digits=10, null=True)),
                ("market_source", models.CharField(blank=True, max_length=200)),
                (
                    "renewable_share",
                    models.DecimalField(decimal_places=4, default=Decimal(0), max_digits=6),
                ),
                ("matched_share", models.DecimalField(decimal_places=4, default=Decimal(0), max_digits=6)),
                (
                    "carbon_basis",
                    models.CharField(
                        choices=[
                            ("NONE", "not priced"),
                            ("LOCATION", "location-based"),
                            ("MARKET", "market-based"),
                        ],
                        default="NONE",
                        max_length=16,
                    ),
                ),
                (
                    "carbon_price_per_tonne",
                    models.DecimalField(decimal_places=18, default=Decimal(0), max_digits=38),
                ),
                ("carbon_series", models.CharField(blank=True, max_length=80)),
                (
                    "hall_capital_per_watt",
                    models.DecimalField(decimal_places=18, default=Decimal(0), max_digits=38),
                ),
                ("hall_years", models.IntegerField(default=15)),
                ("hall_rate", models.DecimalField(decimal_places=4, default=Decimal("0.08"), max_digits=6)),
                ("opportunity_price", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("sources", models.JSONField(blank=True, default=dict)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "energy of sites",
                "db_table": "site_energy",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hall_rate__gte", 0),
                            ("hall_rate__lte", 1),
                            ("hall_years__gte", 1),
                            ("hall_years__lte", 100),
                            ("heat_reused__gte", 0),
                            ("heat_reused__lte", 1),
                            ("line_loss__gte", 0),
                            ("line_loss__lte", 1),
                            ("matched_share__gte", 0),
                            ("matched_share__lte", 1),
                            ("renewable_share__gte", 0),
                            ("renewable_share__lte", 1),
                        ),
                        name="site_energy_shares_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("it_kw", None), ("it_kw__gt", 0), _connector="OR"),
                            models.Q(
                                ("load_factor", None),
                                models.Q(("load_factor__gt", 0), ("load_factor__lte", 1)),
                                _connector="OR",
                            ),
                        ),
                        name="site_energy_load_is_sound",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("heat_price", 0),
                            models.Q(
                                ("heat_price__gt", 0),
                                ("heat_reused__gt", 0),
                                models.Q(("heat_source", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="site_energy_heat_is_sound",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("carbon_price_per_tonne__gte", 0),
                            models.Q(
                                models.Q(
                                    ("carbon_basis__in", ["NONE", "LOCATION"]), ("market_gco2_per_kwh", None)
                                ),
                                models.Q(
                                    ("market_gco2_per_kwh__gte", 0),
                                    models.Q(("market_source", ""), _negated=True),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="site_energy_carbon_is_sound",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("carbon_basis__in", ["NONE", "LOCATION", "MARKET"]),
                            ("cooling__in", ["", "AIR_LEGACY", "AIR", "LIQUID", "IMMERSION"]),
                            ("pue_basis__in", ["METERED", "DECLARED", "COOLING"]),
                        ),
                        name="site_energy_kinds_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("hall_capital_per_watt__gte", 0)),
                        name="site_energy_hall_not_negative",
                    ),
                ],
            },
        ),
    ]
