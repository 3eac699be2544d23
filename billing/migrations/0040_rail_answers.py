from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0039_holds_by_number")]

    operations = [
        RunSQLFile("billing/sql/rail_answers.sql"),
        RunSQLFile("billing/sql/settlement_paying.sql"),
    ]
