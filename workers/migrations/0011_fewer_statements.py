from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0010_dealings")]

    operations = [
        RunSQLFile("workers/sql/admission.sql"),
        RunSQLFile("workers/sql/recording.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
