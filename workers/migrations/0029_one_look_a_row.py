from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0028_income_days"), ("billing", "0039_holds_by_number")]

    operations = [
        RunSQLFile("workers/sql/admission.sql"),
        RunSQLFile("workers/sql/recording.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
