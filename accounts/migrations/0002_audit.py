"""The audit trail becomes append-only."""

from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    """Triggers and grants of the audit trail."""

    dependencies = [("accounts", "0001_initial"), ("core", "0001_functions")]

    operations = [RunSQLFile("accounts/sql/audit.sql")]
