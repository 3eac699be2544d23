from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_rating_in_steps")]

    operations = [RunSQLFile("billing/sql/money_rules.sql")]
