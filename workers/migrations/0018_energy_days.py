from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0017_answer_energy")]

    operations = [
        RunSQLFile("workers/sql/energy_days.sql", reverse="workers/sql/energy_days_reverse.sql"),
        RunSQLFile("workers/sql/energy_totals.sql"),
        RunSQLFile("workers/sql/folding.sql"),
    ]
