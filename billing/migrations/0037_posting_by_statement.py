from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0036_compliance_papers")]

    operations = [
        RunSQLFile("billing/sql/entry_postings.sql"),
        RunSQLFile("billing/sql/entry_days.sql"),
        RunSQLFile("billing/sql/posting_by_statement.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
