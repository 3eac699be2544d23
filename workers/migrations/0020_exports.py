from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0019_usage_energy_models")]

    operations = [
        RunSQLFile("workers/sql/energy_sites.sql", reverse="workers/sql/energy_sites_reverse.sql"),
        RunSQLFile("workers/sql/folding.sql"),
        RunSQLFile("workers/sql/exports.sql"),
    ]
