from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0011_currencies")]

    operations = [
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("kind", models.TextField()),
                ("subject", models.TextField()),
                ("canonical", models.TextField()),
                ("sha256", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("VOID", "Void"),
                        ]
                    ),
                ),
                ("prepared_by", models.UUIDField()),
                ("prepared_at", models.DateTimeField()),
                ("approved_by", models.UUIDField(null=True)),
                ("approved_sha256", models.TextField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("ended_by", models.UUIDField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("note", models.TextField()),
            ],
            options={"db_table": "approval", "managed": False},
        ),
        RunSQLFile("billing/sql/approvals.sql"),
    ]
