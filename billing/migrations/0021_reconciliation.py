import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0020_chain")]

    operations = [
        migrations.CreateModel(
            name="ReconciliationRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.TextField()),
            ],
            options={
                "db_table": "reconciliation_run",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ReconciliationLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="billing.reconciliationrun",
                    ),
                ),
                ("currency", models.TextField()),
                ("equation", models.TextField()),
                ("ours", models.DecimalField(decimal_places=9, max_digits=38)),
                ("theirs", models.DecimalField(decimal_places=9, max_digits=38, null=True)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("EQUAL", "equal"),
                            ("DIFFERENT", "different"),
                            ("HOLDS", "holds"),
                            ("BROKEN", "broken"),
                            ("NO_SOURCE", "no source"),
                        ]
                    ),
                ),
                ("detail", models.JSONField()),
            ],
            options={
                "db_table": "reconciliation_line",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ReconciliationNote",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("currency", models.TextField()),
                ("equation", models.TextField()),
                ("difference", models.DecimalField(decimal_places=9, max_digits=38)),
                ("reason", models.TextField()),
                ("noted_by", models.UUIDField()),
                ("noted_at", models.DateTimeField()),
            ],
            options={
                "db_table": "reconciliation_note",
                "managed": False,
            },
        ),
        RunSQLFile("billing/sql/reconciliation.sql"),
    ]
