from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0001_initial")]

    operations = [RunSQLFile("workers/sql/receipts.sql")]
