from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_spending_limits")]

    operations = [
        RunSQLFile("billing/sql/posting_rules.sql"),
        RunSQLFile("billing/sql/posting_statement.sql"),
        RunSQLFile("billing/sql/posting.sql"),
        RunSQLFile("billing/sql/charging.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
