from typing import Any

from django.db import migrations, models

from core.sql import RunSQLFile


def amount(*, null: bool = False) -> "models.Field[Any, Any]":
    """A field of an amount."""
    return models.DecimalField(decimal_places=9, max_digits=38, null=null)


class Migration(migrations.Migration):
    dependencies = [("billing", "0013_fx")]

    operations = [
        migrations.AddField("Entry", "booked_on", models.DateField(null=True)),
        RunSQLFile("billing/sql/booked_days.sql"),
        migrations.AddField("Hold", "quote_id", models.BigIntegerField(null=True)),
        migrations.AddField("Hold", "price_currency", models.TextField(null=True)),
        migrations.AddField("Hold", "price_amount", amount(null=True)),
        migrations.CreateModel(
            name="ChargeConversion",
            fields=[
                (
                    "charge",
                    models.OneToOneField(
                        db_column="usage_id",
                        db_constraint=False,
                        on_delete=models.deletion.PROTECT,
                        primary_key=True,
                        related_name="conversion",
                        serialize=False,
                        to="billing.charge",
                    ),
                ),
                ("quote_id", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("amount", amount()),
                ("fee", amount()),
                ("overrun", amount()),
                ("mid_amount", amount()),
            ],
            options={"db_table": "charge_conversion", "managed": False},
        ),
        migrations.CreateModel(
            name="GiveBackConversion",
            fields=[
                ("usage_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("amount", amount()),
                ("fee", amount()),
                ("overrun", amount()),
                ("mid_amount", amount()),
            ],
            options={"db_table": "give_back_conversion", "managed": False},
        ),
        RunSQLFile("billing/sql/job_conversions.sql"),
        RunSQLFile("billing/sql/holds.sql"),
        RunSQLFile("billing/sql/charging.sql"),
        RunSQLFile("billing/sql/giving_back.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
