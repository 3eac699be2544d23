from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0027_payout_hands")]

    operations = [
        RunSQLFile("billing/sql/stripe_care.sql"),
    ]
