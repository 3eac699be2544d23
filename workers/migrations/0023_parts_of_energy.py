from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0022_contracts")]

    operations = [
        RunSQLFile("workers/sql/energy.sql"),
        RunSQLFile("workers/sql/recording.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
