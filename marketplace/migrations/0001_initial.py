import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Model",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("slug", models.CharField(max_length=120, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("context_length", models.IntegerField()),
                ("tokenizer", models.CharField(default="byte-level", max_length=64)),
                ("max_output_default", models.IntegerField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "model",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("context_length__gte", 1)), name="model_context_at_least_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_output_default__gte", 1),
                            ("max_output_default__lte", models.F("context_length")),
                        ),
                        name="model_output_default_in_context",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("slug__regex", "^[a-z0-9][a-z0-9._/-]*$")),
                        name="model_slug_is_plain",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Site",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("name", models.CharField(max_length=120)),
                ("country", models.CharField(max_length=2)),
                ("region", models.CharField(max_length=64)),
                ("grid_zone", models.CharField(max_length=64)),
                ("time_zone", models.CharField(max_length=64)),
                ("currency", models.CharField(max_length=8)),
                ("energy_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("pue", models.DecimalField(decimal_places=4, max_digits=6)),
                ("gco2_per_kwh", models.DecimalField(decimal_places=3, max_digits=10)),
                ("carbon_source", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "db_table": "site",
            },
        ),
        migrations.CreateModel(
            name="Offer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("currency", models.CharField(max_length=8)),
                (
                    "unit",
                    models.CharField(
                        choices=[("TOKEN", "Token"), ("CHIP_SECOND", "Chip Second")],
                        default="TOKEN",
                        max_length=16,
                    ),
                ),
                ("slots", models.IntegerField()),
                ("max_output_default", models.IntegerField()),
                ("max_output_cap", models.IntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[("DRAFT", "Draft"), ("LIVE", "Live"), ("WITHDRAWN", "Withdrawn")],
                        default="DRAFT",
                        max_length=16,
                    ),
                ),
                ("supported", models.JSONField(blank=True, default=list)),
                ("created_at", models.DateTimeField()),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="offers",
                        to="marketplace.model",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="offers",
                        to="marketplace.site",
                    ),
                ),
            ],
            options={
                "db_table": "offer",
            },
        ),
        migrations.CreateModel(
            name="PriceCard",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("number", models.IntegerField()),
                ("currency", models.CharField(max_length=8)),
                ("starts_at", models.DateTimeField()),
                ("input_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("cached_input_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("output_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("chip_second_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("fee_bps", models.IntegerField()),
                ("breakdown", models.JSONField()),
                ("created_at", models.DateTimeField()),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="price_cards",
                        to="marketplace.offer",
                    ),
                ),
            ],
            options={
                "db_table": "price_card",
                "constraints": [
                    models.UniqueConstraint(fields=("offer", "number"), name="price_card_offer_number"),
                    models.UniqueConstraint(fields=("offer", "starts_at"), name="price_card_offer_starts_at"),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)), name="price_card_number_at_least_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cached_input_price__gte", 0),
                            ("chip_second_price__gte", 0),
                            ("input_price__gte", 0),
                            ("output_price__gte", 0),
                        ),
                        name="price_card_prices_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fee_bps__gte", 0), ("fee_bps__lt", 10000)),
                        name="price_card_fee_in_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ServingProfile",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("chips", models.IntegerField(default=1)),
                ("joules_per_output_token", models.DecimalField(decimal_places=9, max_digits=20)),
                ("joules_source", models.CharField(max_length=200)),
                ("tokens_per_second", models.DecimalField(decimal_places=3, max_digits=14)),
                ("input_ratio", models.DecimalField(decimal_places=4, default="0.45", max_digits=6)),
                ("cached_ratio", models.DecimalField(decimal_places=4, default="0", max_digits=6)),
                ("host_factor", models.DecimalField(decimal_places=4, default="1", max_digits=6)),
                ("utilisation", models.DecimalField(decimal_places=4, max_digits=6)),
                ("watts_idle", models.DecimalField(decimal_places=2, max_digits=12)),
                ("capital", models.DecimalField(decimal_places=9, max_digits=38)),
                ("capital_years", models.IntegerField(default=4)),
                ("capital_rate", models.DecimalField(decimal_places=4, default="0.10", max_digits=6)),
                ("operations_rate", models.DecimalField(decimal_places=4, default="0", max_digits=6)),
                ("margin", models.DecimalField(decimal_places=4, max_digits=6)),
                ("updated_at", models.DateTimeField()),
                (
                    "offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="profile",
                        to="marketplace.offer",
                    ),
                ),
            ],
            options={
                "db_table": "serving_profile",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("capital_years__gte", 1), ("chips__gte", 1)),
                        name="profile_counts_at_least_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("host_factor__gte", 1),
                            ("joules_per_output_token__gt", 0),
                            ("tokens_per_second__gt", 0),
                            ("watts_idle__gte", 0),
                        ),
                        name="profile_energy_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cached_ratio__gte", 0),
                            ("cached_ratio__lte", models.F("input_ratio")),
                            ("input_ratio__gte", 0),
                        ),
                        name="profile_ratios_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("utilisation__gt", 0), ("utilisation__lte", 1)),
                        name="profile_utilisation_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("capital__gte", 0),
                            ("capital_rate__gte", 0),
                            ("margin__gte", 0),
                            ("operations_rate__gte", 0),
                        ),
                        name="profile_costs_not_negative",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(("pue__gte", 1)), name="site_pue_at_least_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(("energy_price__gte", 0)), name="site_energy_price_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(("gco2_per_kwh__gte", 0)), name="site_gco2_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="site_country_is_alpha2"
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.UniqueConstraint(fields=("id", "organization"), name="site_id_organization"),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("slots__gte", 1)), name="offer_slots_at_least_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("max_output_default__gte", 1), ("max_output_default__lte", models.F("max_output_cap"))
                ),
                name="offer_output_default_within_cap",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("unit__in", ["TOKEN", "CHIP_SECOND"])), name="offer_unit_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["DRAFT", "LIVE", "WITHDRAWN"])), name="offer_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.UniqueConstraint(fields=("id", "currency"), name="offer_id_currency"),
        ),
    ]
