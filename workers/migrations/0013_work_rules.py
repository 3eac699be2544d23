from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0012_rating_in_steps")]

    operations = [RunSQLFile("workers/sql/work_rules.sql")]
