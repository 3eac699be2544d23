from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0013_work_rules"), ("marketplace", "0005_cards_ahead")]

    operations = [
        RunSQLFile("workers/sql/reading.sql"),
        RunSQLFile("workers/sql/book.sql"),
        RunSQLFile("workers/sql/admission.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
