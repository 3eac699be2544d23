from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0011_fewer_statements"), ("billing", "0005_rating_in_steps")]

    operations = [
        RunSQLFile("workers/sql/recording.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
