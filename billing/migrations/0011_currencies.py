import dataclasses

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from billing import currencies
from core.sql import RunSQLFile


def load_currencies(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill the table from the file beside the code."""
    rows = [dataclasses.asdict(one) for one in currencies.read_all().values()]
    names = list(rows[0])
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names)
    with schema_editor.connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO currency ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"  # noqa: S608
            f" ON CONFLICT (code) DO UPDATE SET {changes}",
            [list(row.values()) for row in rows],
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_heat_charges")]

    operations = [
        migrations.AddField("Currency", "numeric_code", models.TextField(null=True)),
        migrations.AddField("Currency", "stripe_exponent", models.SmallIntegerField(null=True)),
        migrations.AddField("Currency", "stripe_step", models.IntegerField(null=True)),
        migrations.AddField("Currency", "payout_step", models.IntegerField(null=True)),
        migrations.AddField(
            "Currency", "minimum_charge", models.DecimalField(null=True, decimal_places=9, max_digits=38)
        ),
        migrations.AddField("LedgerAccount", "entity", models.TextField(default="HK")),
        migrations.CreateModel(
            name="BookingEntity",
            fields=[
                ("code", models.TextField(primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("country", models.TextField()),
            ],
            options={
                "db_table": "booking_entity",
                "managed": False,
                "verbose_name_plural": "booking entities",
            },
        ),
        migrations.CreateModel(
            name="OrganizationEntity",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="accounts.organization",
                    ),
                ),
                (
                    "entity",
                    models.ForeignKey(
                        db_column="entity",
                        on_delete=models.deletion.PROTECT,
                        related_name="+",
                        to="billing.bookingentity",
                    ),
                ),
            ],
            options={"db_table": "organization_entity", "managed": False},
        ),
        RunSQLFile("billing/sql/currencies.sql"),
        migrations.RunPython(load_currencies, migrations.RunPython.noop),
        RunSQLFile("billing/sql/entities.sql"),
        RunSQLFile("billing/sql/posting.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
