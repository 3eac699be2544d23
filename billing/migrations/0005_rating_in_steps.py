from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_entry_legs")]

    operations = [RunSQLFile("billing/sql/rating.sql")]
