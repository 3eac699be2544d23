import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_invitations"), ("billing", "0018_settlement")]

    operations = [
        migrations.CreateModel(
            name="BankAccount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("currency", models.TextField()),
                ("entity", models.TextField()),
                ("number", models.TextField()),
                ("bic", models.TextField(default="")),
                ("bank", models.TextField()),
                ("holder", models.TextField()),
                (
                    "fee_codes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list),
                ),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "bank_account",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="BankFile",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("sha256", models.TextField(unique=True)),
                ("content", models.BinaryField()),
                ("received_at", models.DateTimeField()),
                ("received_by", models.UUIDField(null=True)),
                (
                    "state",
                    models.TextField(
                        choices=[("RECEIVED", "received"), ("READ", "read"), ("REFUSED", "refused")],
                        default="RECEIVED",
                    ),
                ),
                ("refusal", models.TextField(default="")),
            ],
            options={
                "db_table": "bank_file",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="billing.bankaccount",
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="billing.bankfile",
                    ),
                ),
                ("name", models.TextField()),
                ("number", models.BigIntegerField(null=True)),
                ("sha256", models.TextField()),
                ("opening", models.DecimalField(decimal_places=9, max_digits=38)),
                ("closing", models.DecimalField(decimal_places=9, max_digits=38)),
                ("opens_on", models.DateField()),
                ("closes_on", models.DateField()),
                ("imported_at", models.DateTimeField()),
            ],
            options={
                "db_table": "bank_statement",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="BankLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                (
                    "statement",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="billing.bankstatement",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.bankaccount",
                    ),
                ),
                ("reference", models.TextField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("booked_on", models.DateField()),
                ("is_reversal", models.BooleanField()),
                ("code", models.TextField()),
                ("bank_code", models.TextField()),
                ("end_to_end_id", models.TextField()),
                ("counterparty", models.TextField()),
                ("remittance", models.TextField()),
                ("trouble", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("NEW", "new"),
                            ("SUSPENSE", "suspense"),
                            ("RETURNING", "being sent back"),
                            ("SENT_BACK", "sent back"),
                            ("WALLET", "wallet"),
                            ("PAYOUT", "payout"),
                            ("RETURN", "returned payout"),
                            ("FEE", "bank fee"),
                        ],
                        default="NEW",
                    ),
                ),
                ("reason", models.TextField(default="")),
                (
                    "suspense_entry",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.entry",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.entry",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.payout",
                    ),
                ),
                (
                    "counterpart",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.bankline",
                    ),
                ),
                (
                    "approval",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.approval",
                    ),
                ),
                ("acted_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "bank_line",
                "managed": False,
            },
        ),
        RunSQLFile("billing/sql/bank.sql"),
    ]
