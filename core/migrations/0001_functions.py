"""SQL functions that every application may call."""

from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    """Rounding and the append-only trigger function."""

    initial = True

    dependencies = []

    operations = [
        RunSQLFile("core/sql/rounding.sql"),
        RunSQLFile("core/sql/append_only.sql"),
    ]
