from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0032_stripe_limits")]

    operations = [
        RunSQLFile("billing/sql/giving_back.sql"),
        RunSQLFile("billing/sql/plans.sql"),
        RunSQLFile("billing/sql/booked.sql"),
    ]
