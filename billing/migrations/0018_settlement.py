import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0017_payout_methods")]

    operations = [
        migrations.CreateModel(
            name="Payout",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(unique=True)),
                ("currency", models.TextField()),
                ("entity", models.TextField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("tax", models.DecimalField(decimal_places=9, max_digits=38)),
                ("rail", models.TextField()),
                ("method_id", models.BigIntegerField(null=True)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("PLANNED", "Planned"),
                            ("SENT", "Sent"),
                            ("IN_TRANSIT", "In Transit"),
                            ("PAID", "Paid"),
                            ("RETURNED", "Returned"),
                            ("FAILED", "Failed"),
                        ]
                    ),
                ),
                ("external_id", models.TextField(null=True, unique=True)),
                ("clearing", models.TextField(null=True)),
                ("reason", models.TextField()),
                ("planned_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("paid_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "payout",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="PayoutSchedule",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="accounts.organization",
                    ),
                ),
                (
                    "every",
                    models.TextField(
                        choices=[("DAILY", "Daily"), ("WEEKLY", "Weekly"), ("MONTHLY", "Monthly")]
                    ),
                ),
                ("chosen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payout_schedule",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="PayoutStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.TextField()),
                ("rail", models.TextField()),
                ("external_id", models.TextField(null=True)),
                ("reason", models.TextField()),
                ("actor", models.TextField()),
                ("happened_at", models.DateTimeField()),
                ("noted_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payout_step",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="PayoutTerm",
            fields=[
                ("currency", models.TextField(primary_key=True, serialize=False)),
                ("minimum", models.DecimalField(decimal_places=9, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
                ("held_days", models.IntegerField()),
                ("held_max", models.DecimalField(blank=True, decimal_places=9, max_digits=38, null=True)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payout_term",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SettlementBatch",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(unique=True)),
                ("period", models.TextField()),
                ("currency", models.TextField()),
                ("entity", models.TextField()),
                ("cutoff_seq", models.BigIntegerField()),
                ("minimum", models.DecimalField(decimal_places=9, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
                ("held_days", models.IntegerField()),
                ("held_max", models.DecimalField(decimal_places=9, max_digits=38, null=True)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("DRAFT", "Draft"),
                            ("SUBMITTED", "Submitted"),
                            ("APPROVED", "Approved"),
                            ("EXECUTING", "Executing"),
                            ("DONE", "Done"),
                            ("VOID", "Void"),
                        ]
                    ),
                ),
                ("content_sha256", models.TextField(null=True)),
                ("drafted_at", models.DateTimeField()),
                ("prepared_by", models.UUIDField(null=True)),
                ("prepared_at", models.DateTimeField(null=True)),
                ("approved_by", models.UUIDField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("note", models.TextField()),
            ],
            options={
                "verbose_name_plural": "settlement batches",
                "db_table": "settlement_batch",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SettlementItem",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(unique=True)),
                ("from_seq", models.BigIntegerField()),
                ("opening", models.DecimalField(decimal_places=9, max_digits=38)),
                ("balance", models.DecimalField(decimal_places=9, max_digits=38)),
                ("charges", models.BigIntegerField()),
                ("held_before", models.DecimalField(decimal_places=9, max_digits=38)),
                ("held", models.DecimalField(decimal_places=9, max_digits=38)),
                ("released", models.DecimalField(decimal_places=9, max_digits=38)),
                ("withholding_bps", models.IntegerField()),
                ("tax", models.DecimalField(decimal_places=9, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("carried", models.DecimalField(decimal_places=9, max_digits=38)),
                ("minimum", models.DecimalField(decimal_places=9, max_digits=38)),
                ("rail", models.TextField()),
                ("method_id", models.BigIntegerField(null=True)),
                ("refusal", models.TextField()),
                (
                    "outcome",
                    models.TextField(
                        choices=[
                            ("PAID_OUT", "Paid Out"),
                            ("CARRIED", "Carried"),
                            ("STOPPED", "Stopped"),
                            ("SHORT", "Short"),
                        ],
                        null=True,
                    ),
                ),
                ("entries", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "settlement_item",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SettlementLine",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "item_id", "kind", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("kind", models.TextField()),
                ("count", models.BigIntegerField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
            ],
            options={
                "db_table": "settlement_line",
                "managed": False,
            },
        ),
        RunSQLFile("billing/sql/settlement.sql"),
        RunSQLFile("billing/sql/settlement_rules.sql"),
        RunSQLFile("billing/sql/settlement_preparing.sql"),
        RunSQLFile("billing/sql/settlement_paying.sql"),
    ]
