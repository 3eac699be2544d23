from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_approvals")]

    operations = [
        migrations.CreateModel(
            name="FxRate",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("source", models.TextField()),
                ("unit", models.TextField()),
                ("currency", models.TextField()),
                ("rate", models.DecimalField(decimal_places=18, max_digits=38)),
                ("as_of", models.DateTimeField()),
                ("noted_at", models.DateTimeField()),
                ("noted_by", models.TextField()),
            ],
            options={
                "verbose_name": "exchange rate",
                "db_table": "fx_rate",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="FxQuote",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("base", models.TextField()),
                ("quote", models.TextField()),
                ("mid", models.DecimalField(decimal_places=18, max_digits=38)),
                ("spread_bps", models.IntegerField()),
                ("rate", models.DecimalField(decimal_places=18, max_digits=38)),
                ("source", models.TextField()),
                ("rate_at", models.DateTimeField()),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "quote",
                "db_table": "fx_quote",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="FxStandingQuote",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "base", "quote", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("base", models.TextField()),
                ("quote", models.TextField()),
                (
                    "newest",
                    models.OneToOneField(
                        db_column="quote_id",
                        on_delete=models.deletion.PROTECT,
                        related_name="stands",
                        to="billing.fxquote",
                    ),
                ),
            ],
            options={
                "db_table": "fx_standing_quote",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="FxSpread",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "base", "quote", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("base", models.TextField()),
                ("quote", models.TextField()),
                ("spread_bps", models.IntegerField()),
            ],
            options={
                "verbose_name": "spread",
                "db_table": "fx_spread",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="FxLimit",
            fields=[
                ("currency", models.TextField(primary_key=True, serialize=False)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
            ],
            options={
                "verbose_name": "limit of a position",
                "db_table": "fx_limit",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="FxConversion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                (
                    "quote",
                    models.OneToOneField(
                        on_delete=models.deletion.PROTECT, related_name="used_by", to="billing.fxquote"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                ("sold", models.DecimalField(decimal_places=9, max_digits=38)),
                ("bought", models.DecimalField(decimal_places=9, max_digits=38)),
                ("mid_amount", models.DecimalField(decimal_places=9, max_digits=38)),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=models.deletion.PROTECT, related_name="+", to="billing.entry"
                    ),
                ),
                ("converted_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "conversion",
                "db_table": "fx_conversion",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="FxPosition",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="billing.ledgeraccount",
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("book_value", models.DecimalField(decimal_places=9, max_digits=38)),
            ],
            options={
                "verbose_name": "position",
                "db_table": "fx_position",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="FxLeg",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry_id",
                        "account_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="+", to="billing.entry"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="+", to="billing.ledgeraccount"
                    ),
                ),
                ("day", models.DateField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("value", models.DecimalField(decimal_places=9, max_digits=38)),
                ("book", models.DecimalField(decimal_places=9, max_digits=38)),
                ("gain", models.DecimalField(decimal_places=9, max_digits=38)),
                (
                    "gain_entry",
                    models.ForeignKey(
                        null=True, on_delete=models.deletion.PROTECT, related_name="+", to="billing.entry"
                    ),
                ),
            ],
            options={
                "db_table": "fx_leg",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="FxRevaluation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "account_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="+", to="billing.ledgeraccount"
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("book_value", models.DecimalField(decimal_places=9, max_digits=38)),
                ("rate", models.DecimalField(decimal_places=18, max_digits=38)),
                ("source", models.TextField()),
                ("rate_at", models.DateTimeField()),
                ("value", models.DecimalField(decimal_places=9, max_digits=38)),
                (
                    "entry",
                    models.ForeignKey(
                        null=True, on_delete=models.deletion.PROTECT, related_name="+", to="billing.entry"
                    ),
                ),
            ],
            options={
                "db_table": "fx_revaluation",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SwapLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("counterparty", models.TextField()),
                ("currency", models.TextField()),
                ("ceiling", models.DecimalField(decimal_places=9, max_digits=38)),
                ("drawn", models.DecimalField(decimal_places=9, max_digits=38)),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "swap_line",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SwapMovement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="movements", to="billing.swapline"
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=models.deletion.PROTECT, related_name="+", to="billing.entry"
                    ),
                ),
                ("moved_at", models.DateTimeField()),
            ],
            options={
                "db_table": "swap_movement",
                "managed": False,
            },
        ),
        RunSQLFile("billing/sql/fx_rates.sql"),
        RunSQLFile("billing/sql/fx_quotes.sql"),
        RunSQLFile("billing/sql/fx_conversions.sql"),
        RunSQLFile("billing/sql/fx_positions.sql"),
        RunSQLFile("billing/sql/swap_lines.sql"),
    ]
