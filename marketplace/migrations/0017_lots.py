import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_invitations"),
        ("marketplace", "0016_offer_terms"),
    ]

    operations = [
        migrations.CreateModel(
            name="HeatDemand",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("place", models.CharField(max_length=120)),
                ("country", models.CharField(max_length=2)),
                ("kw", models.DecimalField(decimal_places=3, max_digits=14)),
                ("supply_c", models.DecimalField(decimal_places=2, max_digits=6)),
                ("distance_km", models.DecimalField(decimal_places=3, max_digits=8)),
                ("season_start", models.CharField(max_length=5)),
                ("season_end", models.CharField(max_length=5)),
                ("prices", models.JSONField()),
                ("currency", models.CharField(max_length=8)),
                (
                    "state",
                    models.CharField(
                        choices=[("OPEN", "open"), ("CONTRACTED", "contracted"), ("WITHDRAWN", "withdrawn")],
                        default="OPEN",
                        max_length=16,
                    ),
                ),
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
                "db_table": "heat_demand",
            },
        ),
        migrations.CreateModel(
            name="HeatOffer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("kw", models.DecimalField(decimal_places=3, max_digits=14)),
                ("distance_km", models.DecimalField(decimal_places=3, max_digits=8)),
                ("supply_c", models.DecimalField(decimal_places=2, max_digits=6)),
                ("heat_reused", models.DecimalField(decimal_places=4, max_digits=6)),
                ("created_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "demand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="offers",
                        to="marketplace.heatdemand",
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="marketplace.site"
                    ),
                ),
            ],
            options={
                "db_table": "heat_offer",
            },
        ),
        migrations.CreateModel(
            name="HeatContract",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("fee_bps", models.IntegerField()),
                ("objection_days", models.IntegerField()),
                ("meter_start_kwh", models.DecimalField(decimal_places=3, max_digits=20)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "buyer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "provider",
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
                        related_name="heat_contracts",
                        to="marketplace.site",
                    ),
                ),
                (
                    "demand",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contract",
                        to="marketplace.heatdemand",
                    ),
                ),
                (
                    "offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contract",
                        to="marketplace.heatoffer",
                    ),
                ),
            ],
            options={
                "db_table": "heat_contract",
            },
        ),
        migrations.CreateModel(
            name="HeatReading",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("number", models.IntegerField()),
                ("read_at", models.DateTimeField()),
                ("total_kwh", models.DecimalField(decimal_places=3, max_digits=20)),
                ("outside_c", models.DecimalField(decimal_places=2, max_digits=6, null=True)),
                ("kwh", models.DecimalField(decimal_places=3, max_digits=20)),
                ("price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("entered_by", models.CharField(max_length=80)),
                ("entered_at", models.DateTimeField()),
                ("digest", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ENTERED", "waits for the buyer"),
                            ("OBJECTED", "the buyer objects"),
                            ("CHARGED", "charged"),
                            ("REPLACED", "corrected before it was charged"),
                        ],
                        default="ENTERED",
                        max_length=16,
                    ),
                ),
                ("answered_by", models.CharField(blank=True, max_length=80)),
                ("answered_at", models.DateTimeField(null=True)),
                ("objection", models.CharField(blank=True, max_length=1000)),
                (
                    "contract",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="readings",
                        to="marketplace.heatcontract",
                    ),
                ),
                (
                    "corrects",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrected_by",
                        to="marketplace.heatreading",
                    ),
                ),
            ],
            options={
                "db_table": "heat_reading",
            },
        ),
        migrations.CreateModel(
            name="PowerLot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("PPA", "purchase agreement"),
                            ("DIRECT", "direct supply"),
                            ("CURTAILMENT", "would be curtailed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("country", models.CharField(max_length=2)),
                ("grid_zone", models.CharField(max_length=64)),
                ("region", models.CharField(blank=True, max_length=64)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("profile", models.JSONField()),
                ("kw", models.DecimalField(decimal_places=3, max_digits=14)),
                ("floor_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("currency", models.CharField(max_length=8)),
                (
                    "firmness",
                    models.CharField(
                        choices=[
                            ("FIRM", "firm"),
                            ("INTERRUPTIBLE", "interruptible"),
                            ("FORECAST", "forecast"),
                        ],
                        max_length=16,
                    ),
                ),
                ("notice_seconds", models.IntegerField(default=0)),
                ("min_take_kwh", models.DecimalField(decimal_places=3, default=0, max_digits=20)),
                ("divisible", models.BooleanField(default=True)),
                ("closes_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("OPEN", "open"),
                            ("AWARDED", "awarded"),
                            ("UNSOLD", "unsold"),
                            ("WITHDRAWN", "withdrawn"),
                        ],
                        default="OPEN",
                        max_length=16,
                    ),
                ),
                ("awarded_kw", models.DecimalField(decimal_places=3, default=0, max_digits=14)),
                ("created_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(null=True)),
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
                "db_table": "power_lot",
            },
        ),
        migrations.CreateModel(
            name="PowerBid",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("kw", models.DecimalField(decimal_places=3, max_digits=14)),
                ("kw_least", models.DecimalField(decimal_places=3, max_digits=14)),
                ("price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("created_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="marketplace.site"
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bids",
                        to="marketplace.powerlot",
                    ),
                ),
            ],
            options={
                "db_table": "power_bid",
            },
        ),
        migrations.CreateModel(
            name="PowerAward",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("kw", models.DecimalField(decimal_places=3, max_digits=14)),
                ("price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("awarded_at", models.DateTimeField()),
                (
                    "bid",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="award",
                        to="marketplace.powerbid",
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="awards",
                        to="marketplace.powerlot",
                    ),
                ),
            ],
            options={
                "db_table": "power_award",
            },
        ),
        migrations.AddConstraint(
            model_name="heatdemand",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("distance_km__gt", 0), ("kw__gt", 0), ("state__in", ["OPEN", "CONTRACTED", "WITHDRAWN"])
                ),
                name="heat_demand_is_sound",
            ),
        ),
        migrations.AddConstraint(
            model_name="heatoffer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_at", None)), fields=("demand", "site"), name="heat_offer_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="heatoffer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("distance_km__gte", 0), ("heat_reused__gt", 0), ("heat_reused__lte", 1), ("kw__gt", 0)
                ),
                name="heat_offer_is_sound",
            ),
        ),
        migrations.AddConstraint(
            model_name="heatcontract",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("site",), name="heat_contract_one_a_site"
            ),
        ),
        migrations.AddConstraint(
            model_name="heatcontract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fee_bps__gte", 0),
                    ("fee_bps__lte", 10000),
                    ("meter_start_kwh__gte", 0),
                    ("objection_days__gte", 1),
                ),
                name="heat_contract_is_sound",
            ),
        ),
        migrations.AddIndex(
            model_name="heatreading",
            index=models.Index(
                condition=models.Q(("state", "ENTERED")), fields=["entered_at"], name="heat_reading_waits"
            ),
        ),
        migrations.AddConstraint(
            model_name="heatreading",
            constraint=models.UniqueConstraint(fields=("contract", "number"), name="heat_reading_number"),
        ),
        migrations.AddConstraint(
            model_name="heatreading",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kwh__gte", 0),
                    ("number__gte", 1),
                    ("price__gte", 0),
                    ("total_kwh__gte", models.F("kwh")),
                    models.Q(("corrects", None), models.Q(("reason", ""), _negated=True), _connector="OR"),
                    ("state__in", ["ENTERED", "OBJECTED", "CHARGED", "REPLACED"]),
                ),
                name="heat_reading_is_sound",
            ),
        ),
        migrations.AddIndex(
            model_name="powerlot",
            index=models.Index(
                condition=models.Q(("state", "OPEN")), fields=["closes_at"], name="power_lot_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="powerlot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("closes_at__lte", models.F("starts_at")),
                    ("ends_at__gt", models.F("starts_at")),
                    ("firmness__in", ["FIRM", "INTERRUPTIBLE", "FORECAST"]),
                    ("floor_price__gte", 0),
                    ("kind__in", ["PPA", "DIRECT", "CURTAILMENT"]),
                    ("kw__gt", 0),
                    ("min_take_kwh__gte", 0),
                    ("notice_seconds__gte", 0),
                ),
                name="power_lot_is_sound",
            ),
        ),
        migrations.AddConstraint(
            model_name="powerlot",
            constraint=models.CheckConstraint(
                condition=models.Q(("awarded_kw__gte", 0), ("awarded_kw__lte", models.F("kw"))),
                name="power_lot_never_oversold",
            ),
        ),
        migrations.AddConstraint(
            model_name="powerlot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at", None), ("state", "OPEN")),
                    models.Q(("awarded_kw__gt", 0), ("settled_at__isnull", False), ("state", "AWARDED")),
                    models.Q(
                        ("awarded_kw", 0),
                        ("settled_at__isnull", False),
                        ("state__in", ["UNSOLD", "WITHDRAWN"]),
                    ),
                    _connector="OR",
                ),
                name="power_lot_state_is_sound",
            ),
        ),
        migrations.AddConstraint(
            model_name="powerbid",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_at", None)), fields=("lot", "site"), name="power_bid_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="powerbid",
            constraint=models.CheckConstraint(
                condition=models.Q(("kw__gte", models.F("kw_least")), ("kw_least__gt", 0), ("price__gte", 0)),
                name="power_bid_is_sound",
            ),
        ),
        migrations.AddConstraint(
            model_name="poweraward",
            constraint=models.CheckConstraint(
                condition=models.Q(("kw__gt", 0), ("price__gte", 0)), name="power_award_is_sound"
            ),
        ),
        RunSQLFile("marketplace/sql/lots.sql"),
    ]
