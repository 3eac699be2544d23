from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("workers", "0008_flag_resolutions"),
        ("billing", "0002_spending_limits"),
    ]

    operations = [
        RunSQLFile("workers/sql/spending.sql", reverse="workers/sql/spending_reverse.sql"),
        RunSQLFile("workers/sql/generations.sql", reverse="workers/sql/generations_reverse.sql"),
    ]
