import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0019_bank")]

    operations = [
        migrations.CreateModel(
            name="PayerAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rail", models.TextField()),
                ("currency", models.TextField()),
                ("details", models.JSONField()),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payer_account",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="RailFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("rail", models.TextField()),
                ("currency", models.TextField()),
                ("name", models.TextField()),
                ("media_type", models.TextField()),
                ("sha256", models.TextField()),
                ("content", models.BinaryField()),
                ("key_id", models.TextField()),
                ("payer", models.JSONField()),
                ("payments", models.IntegerField()),
                ("total", models.DecimalField(decimal_places=9, max_digits=38)),
                (
                    "state",
                    models.TextField(choices=[("MADE", "Made"), ("SENT", "Handed over"), ("VOID", "Void")]),
                ),
                ("made_by", models.UUIDField()),
                ("made_at", models.DateTimeField()),
                ("sent_by", models.UUIDField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("external_id", models.TextField(null=True, unique=True)),
                ("voided_at", models.DateTimeField(null=True)),
                ("note", models.TextField()),
            ],
            options={
                "db_table": "rail_file",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="RailFilePayout",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "file_id", "payout_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="billing.railfile",
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.payout",
                    ),
                ),
                ("live", models.BooleanField()),
            ],
            options={
                "db_table": "rail_file_payout",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="RailAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answers",
                        to="billing.railfile",
                    ),
                ),
                ("sha256", models.TextField()),
                ("content", models.BinaryField()),
                ("received_by", models.UUIDField(null=True)),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "db_table": "rail_answer",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ChainAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.TextField(unique=True)),
                (
                    "organization",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                ("added_at", models.DateTimeField()),
                ("assigned_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "chain addresses",
                "db_table": "chain_address",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ChainDeposit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("chain_id", models.BigIntegerField()),
                ("tx_hash", models.TextField()),
                ("log_index", models.IntegerField()),
                ("block_number", models.BigIntegerField()),
                ("block_hash", models.TextField()),
                ("sender", models.TextField()),
                ("recipient", models.TextField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("SEEN", "Waiting for confirmations"),
                            ("CREDITED", "Credited"),
                            ("ORPHANED", "Not on the chain any more"),
                        ]
                    ),
                ),
                ("seen_at", models.DateTimeField()),
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
                    "entry",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.entry",
                    ),
                ),
                ("credited_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "chain_deposit",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ChainCursor",
            fields=[
                ("chain_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("read_to", models.BigIntegerField()),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "db_table": "chain_cursor",
                "managed": False,
            },
        ),
        RunSQLFile("billing/sql/rail_files.sql"),
        RunSQLFile("billing/sql/chain.sql"),
    ]
