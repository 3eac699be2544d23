from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0028_stripe_care")]

    operations = [
        RunSQLFile("billing/sql/freezes.sql"),
        RunSQLFile("billing/sql/heat_charges.sql"),
        RunSQLFile("billing/sql/settlement_rules.sql"),
        RunSQLFile("billing/sql/settlement_paying.sql"),
    ]
