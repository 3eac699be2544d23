from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0015_folding_in_turn"), ("marketplace", "0012_site_factors")]

    operations = [
        migrations.RunSQL("ALTER TABLE usage_record ADD COLUMN factors_id bigint"),
        RunSQLFile("workers/sql/energy.sql"),
        RunSQLFile("workers/sql/recording.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
