from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_raises_within_limits")]

    operations = [
        RunSQLFile("billing/sql/charging.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
