import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0016_compliance")]

    operations = [
        migrations.CreateModel(
            name="PayoutMethod",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(unique=True)),
                ("rail", models.TextField()),
                ("currency", models.TextField()),
                ("country", models.TextField()),
                ("details", models.BinaryField()),
                ("key_id", models.TextField()),
                ("fingerprint", models.TextField()),
                ("hint", models.TextField()),
                ("rank", models.IntegerField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("PENDING", "Being checked"),
                            ("READY", "Ready"),
                            ("BLOCKED", "Blocked"),
                            ("RETIRED", "Removed"),
                        ]
                    ),
                ),
                ("reason", models.TextField()),
                ("added_by", models.UUIDField(null=True)),
                ("added_at", models.DateTimeField()),
                ("payable_from", models.DateTimeField()),
                ("verified_at", models.DateTimeField(null=True)),
                ("verified_by", models.UUIDField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={"db_table": "payout_method", "managed": False},
        ),
        RunSQLFile("billing/sql/payout_methods.sql"),
    ]
