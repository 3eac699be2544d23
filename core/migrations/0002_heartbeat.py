"""The proof that tasks are taken from their queues."""

from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    """One row for each queue."""

    dependencies = [("core", "0001_functions")]

    operations = [RunSQLFile("core/sql/heartbeat.sql", reverse="core/sql/heartbeat_reverse.sql")]
