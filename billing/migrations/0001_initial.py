import django.contrib.postgres.fields
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0001_functions"),
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Charge",
            fields=[
                ("usage_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("currency", models.TextField()),
                ("rated", models.DecimalField(decimal_places=9, max_digits=38)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
                ("overrun", models.DecimalField(decimal_places=9, max_digits=38)),
                ("closes_hold", models.BooleanField()),
                ("rated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "charge",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ChargeEntry",
            fields=[
                ("usage_id", models.BigIntegerField(primary_key=True, serialize=False)),
            ],
            options={
                "verbose_name_plural": "charge entries",
                "db_table": "charge_entry",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="ChargeQuarantine",
            fields=[
                ("usage_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("error", models.TextField()),
                ("quarantined_at", models.DateTimeField()),
            ],
            options={
                "db_table": "charge_quarantine",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Currency",
            fields=[
                ("code", models.TextField(primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("kind", models.TextField(choices=[("FIAT", "Fiat"), ("STABLECOIN", "Stablecoin")])),
                ("exponent", models.SmallIntegerField()),
            ],
            options={
                "verbose_name_plural": "currencies",
                "db_table": "currency",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.TextField(unique=True)),
                ("fingerprint", models.BinaryField()),
                ("kind", models.TextField()),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("happened_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "entries",
                "db_table": "entry",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source", models.BigIntegerField(unique=True)),
                ("currency", models.TextField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("released", models.DecimalField(decimal_places=9, max_digits=38)),
                ("scopes", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
                ("state", models.TextField()),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "hold",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="LedgerAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.TextField(unique=True)),
                ("purpose", models.TextField()),
                ("currency", models.TextField()),
                ("category", models.TextField()),
                ("normal", models.SmallIntegerField()),
                ("created_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "ledger_account",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="NumberedEntry",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("chain", models.BinaryField()),
            ],
            options={
                "db_table": "ledger_seq",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry_id", "seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("seq", models.SmallIntegerField()),
                ("currency", models.TextField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
            ],
            options={
                "db_table": "posting",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="QueuedCharge",
            fields=[
                ("usage_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("queued_at", models.DateTimeField()),
            ],
            options={
                "db_table": "charge_queue",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Scope",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.SmallIntegerField(
                        choices=[(1, "Wallet"), (2, "Project"), (3, "Member"), (4, "Key")]
                    ),
                ),
                ("currency", models.TextField()),
                ("subject_id", models.BigIntegerField(null=True)),
                ("period_start", models.DateTimeField(null=True)),
                ("ceiling", models.DecimalField(decimal_places=9, max_digits=38, null=True)),
                ("posted", models.DecimalField(decimal_places=9, max_digits=38)),
                ("held", models.DecimalField(decimal_places=9, max_digits=38)),
                ("floor", models.DecimalField(decimal_places=9, max_digits=38)),
            ],
            options={
                "db_table": "scope",
                "managed": False,
            },
        ),
        RunSQLFile("billing/sql/ledger.sql"),
        RunSQLFile("billing/sql/posting_rules.sql"),
        RunSQLFile("billing/sql/ledger_rules.sql"),
        RunSQLFile("billing/sql/partitions.sql"),
        RunSQLFile("billing/sql/posting.sql"),
        RunSQLFile("billing/sql/holds.sql"),
        RunSQLFile("billing/sql/rating.sql"),
        RunSQLFile("billing/sql/charges.sql"),
        RunSQLFile("billing/sql/charging.sql"),
        RunSQLFile("billing/sql/sequence.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
