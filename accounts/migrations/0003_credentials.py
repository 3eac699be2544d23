"""Keys and agent tokens stay what they are."""

from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    """Triggers and grants of keys and agent tokens."""

    dependencies = [("accounts", "0002_audit")]

    operations = [RunSQLFile("accounts/sql/credentials.sql")]
