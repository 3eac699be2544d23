from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0037_posting_by_statement")]

    operations = [
        RunSQLFile("billing/sql/frozen_wallets.sql"),
        RunSQLFile("billing/sql/freezes.sql"),
        RunSQLFile("billing/sql/holds.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
