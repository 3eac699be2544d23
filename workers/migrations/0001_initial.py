import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.ids
from core.sql import RunSQLFile


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("marketplace", "0003_jobs"),
        ("billing", "0001_initial"),
        ("accounts", "0002_audit"),
    ]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("number", models.SmallIntegerField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("RUNNING", "Running"),
                            ("FENCED", "Fenced"),
                            ("FAILED", "Failed"),
                            ("RECORDED", "Recorded"),
                        ]
                    ),
                ),
                ("lease_until", models.DateTimeField()),
                ("delivered_in", models.BigIntegerField()),
                ("delivered_out", models.BigIntegerField()),
                ("renewed_at", models.DateTimeField(null=True)),
                ("receipt_uid", models.UUIDField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("error_code", models.TextField(null=True)),
            ],
            options={
                "db_table": "attempt",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="MeterFlag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.TextField()),
                ("details", models.JSONField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "meter_flag",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="NodeEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.TextField()),
                ("details", models.JSONField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "node_event",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempt_uid", models.UUIDField(unique=True)),
                ("body", models.BinaryField()),
                ("signature", models.BinaryField()),
                ("key_id", models.TextField()),
                ("previous_hash", models.BinaryField(null=True)),
                ("nonce", models.BinaryField()),
                ("claim_in", models.BigIntegerField(null=True)),
                ("claim_cached", models.BigIntegerField(null=True)),
                ("claim_out", models.BigIntegerField(null=True)),
                ("joules", models.DecimalField(decimal_places=3, max_digits=20)),
                ("tier", models.TextField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "db_table": "receipt",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="UsageRecord",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "attempt_id", "seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.BigIntegerField()),
                ("seq", models.SmallIntegerField()),
                ("ours_in", models.BigIntegerField()),
                ("ours_cached", models.BigIntegerField()),
                ("ours_out", models.BigIntegerField()),
                ("claim_in", models.BigIntegerField(null=True)),
                ("claim_cached", models.BigIntegerField(null=True)),
                ("claim_out", models.BigIntegerField(null=True)),
                ("billed_in", models.BigIntegerField()),
                ("billed_cached", models.BigIntegerField()),
                ("billed_out", models.BigIntegerField()),
                ("count_method", models.TextField()),
                ("chip_seconds", models.DecimalField(decimal_places=6, max_digits=20)),
                ("joules", models.DecimalField(decimal_places=3, max_digits=20)),
                ("tier", models.TextField()),
                ("attribution", models.TextField()),
                ("kwh", models.DecimalField(decimal_places=12, max_digits=20)),
                ("gco2e", models.DecimalField(decimal_places=9, max_digits=20)),
                ("ended_how", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "usage_record",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ReceiptComparison",
            fields=[
                (
                    "receipt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="comparison",
                        serialize=False,
                        to="workers.receipt",
                    ),
                ),
                ("compared_at", models.DateTimeField()),
            ],
            options={
                "db_table": "receipt_comparison",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=core.ids.make_uid, editable=False, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("chips", models.PositiveIntegerField()),
                ("chip_slug", models.CharField(blank=True, default="", max_length=64)),
                ("declared_watts_idle", models.DecimalField(decimal_places=2, max_digits=10)),
                ("declared_watts_busy", models.DecimalField(decimal_places=2, max_digits=10)),
                ("machine_id", models.CharField(blank=True, max_length=128, null=True)),
                ("epoch", models.BigIntegerField(db_default=0, default=0)),
                ("connected_at", models.DateTimeField(blank=True, null=True)),
                ("last_seen_at", models.DateTimeField(blank=True, null=True)),
                ("agent_version", models.CharField(blank=True, db_default="", default="", max_length=32)),
                ("protocol", models.PositiveSmallIntegerField(db_default=0, default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[("ACTIVE", "Active"), ("DRAINING", "Draining"), ("RETIRED", "Retired")],
                        default="ACTIVE",
                        max_length=16,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "agent_token",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.agenttoken",
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
                "db_table": "node",
            },
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("upstream_model", models.CharField(max_length=200)),
                (
                    "offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endpoint",
                        to="marketplace.offer",
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endpoints",
                        to="workers.node",
                    ),
                ),
            ],
            options={
                "db_table": "endpoint",
            },
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.CheckConstraint(condition=models.Q(("chips__gte", 1)), name="node_has_chips"),
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("declared_watts_busy__gte", models.F("declared_watts_idle")),
                    ("declared_watts_idle__gte", 0),
                ),
                name="node_watts_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.UniqueConstraint(
                fields=("organization", "name"), name="node_name_in_organization"
            ),
        ),
        RunSQLFile("workers/sql/metering.sql"),
        RunSQLFile("workers/sql/admission.sql"),
        RunSQLFile("workers/sql/recording.sql"),
        RunSQLFile("workers/sql/reading.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
