from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0038_frozen_wallets")]

    operations = [RunSQLFile("billing/sql/holds.sql"), RunSQLFile("billing/sql/plans.sql")]
