from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_posting_statement")]

    operations = [
        RunSQLFile("billing/sql/entry_postings.sql"),
        RunSQLFile("billing/sql/entry_legs.sql"),
        RunSQLFile("billing/sql/scope_rules.sql"),
        RunSQLFile("billing/sql/posting.sql"),
        RunSQLFile("billing/sql/charging.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
