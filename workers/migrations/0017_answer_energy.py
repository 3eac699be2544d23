from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0016_usage_energy")]

    operations = [RunSQLFile("workers/sql/energy.sql")]
