from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_receipt_chain"), ("accounts", "0005_rate_limits")]

    operations = [RunSQLFile("workers/sql/keys.sql", reverse="workers/sql/keys_reverse.sql")]
