from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0024_answer_claims"), ("billing", "0014_job_conversion")]

    operations = [
        RunSQLFile("workers/sql/keys.sql"),
        RunSQLFile("workers/sql/admission.sql"),
        RunSQLFile("workers/sql/recording.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
