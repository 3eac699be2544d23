import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0023_periods")]

    operations = [
        migrations.CreateModel(
            name="ConnectAccount",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="accounts.organization",
                    ),
                ),
                ("country", models.TextField()),
                ("account_id", models.TextField(null=True, unique=True)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("ASKED", "Being made"),
                            ("ONBOARDING", "To be filled in"),
                            ("LACKING", "Something is missing"),
                            ("CHECKING", "Being checked"),
                            ("READY", "Ready"),
                            ("REJECTED", "Rejected"),
                        ],
                        default="ASKED",
                    ),
                ),
                (
                    "missing",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                ("reason", models.TextField(default="")),
                ("asked_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "connect_account", "managed": False},
        ),
        migrations.CreateModel(
            name="ConnectTransfer",
            fields=[
                (
                    "payout",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="billing.payout",
                    ),
                ),
                ("account_id", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("ASKED", "Asked"),
                            ("REFUSED", "Refused"),
                            ("MADE", "Made"),
                            ("LEFT", "Left"),
                            ("ARRIVED", "Arrived"),
                            ("FAILED", "Failed"),
                            ("TAKEN_BACK", "Taken Back"),
                        ],
                        default="ASKED",
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("transfer_id", models.TextField(null=True, unique=True)),
                ("bank_payout_id", models.TextField(null=True, unique=True)),
                ("reversal_id", models.TextField(null=True, unique=True)),
                ("reason", models.TextField(default="")),
            ],
            options={"db_table": "connect_transfer", "managed": False},
        ),
        RunSQLFile("billing/sql/connect.sql"),
    ]
