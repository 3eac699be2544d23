from typing import Any

from django.db import migrations, models

from core.sql import RunSQLFile

FIELDS: list[tuple[str, "models.Field[Any, Any]"]] = [
    ("usage_id", models.BigIntegerField(primary_key=True, serialize=False)),
    ("currency", models.TextField()),
    ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
    ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
    ("billed_in", models.BigIntegerField()),
    ("billed_cached", models.BigIntegerField()),
    ("billed_out", models.BigIntegerField()),
    ("chip_seconds", models.DecimalField(decimal_places=6, max_digits=20)),
    ("joules", models.DecimalField(decimal_places=3, max_digits=20)),
    ("kwh", models.DecimalField(decimal_places=12, max_digits=20)),
    ("recorded_at", models.DateTimeField()),
    ("excluded_because", models.TextField(null=True)),
]


def describe(name: str, table: str) -> migrations.CreateModel:
    fields = [(field, kind.clone()) for field, kind in FIELDS]
    return migrations.CreateModel(
        name=name, fields=fields, options={"db_table": table, "abstract": False, "managed": False}
    )


class Migration(migrations.Migration):
    dependencies = [("workers", "0009_account_reading"), ("accounts", "0001_initial")]

    operations = [
        RunSQLFile("workers/sql/dealings.sql"),
        describe("ArmsLengthDealing", "arms_length"),
        describe("Dealing", "dealing"),
    ]
