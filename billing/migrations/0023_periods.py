from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0022_statements")]

    operations = [
        migrations.CreateModel(
            name="AccountingPeriod",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("starts_on", models.DateField()),
                ("ends_on", models.DateField()),
                ("last_seq", models.BigIntegerField()),
                ("chain", models.BinaryField()),
                ("sha256", models.TextField()),
                ("closed_at", models.DateTimeField()),
                (
                    "approval",
                    models.OneToOneField(
                        on_delete=models.deletion.PROTECT, related_name="+", to="billing.approval"
                    ),
                ),
            ],
            options={"db_table": "accounting_period", "managed": False},
        ),
        RunSQLFile("billing/sql/entry_days.sql"),
        RunSQLFile("billing/sql/periods.sql"),
    ]
